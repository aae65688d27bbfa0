#include "model/message.hpp"

#include <algorithm>

namespace herald {
namespace {

// The providers' own bounds are for their adapters; these only keep a template from eating memory.
constexpr std::size_t kMaxShortBytes = 16 * 1024;
constexpr std::size_t kMaxEmailBytes = 1024 * 1024;

/// Renders part after part into places, and stops at the first that fails.
class PartRenderer {
public:
    explicit PartRenderer(const Json& data) : data_(data) {}

    void render(const liquid::Template& part, std::size_t max_bytes, std::string& into) {
        if (error_) return;
        liquid::RenderLimits limits;
        limits.max_output_bytes = max_bytes;
        auto text = part.render(data_, limits);
        if (text) into = *std::move(text);
        else error_ = std::move(text.error());
    }

    Result<Message> finish(Message message) {
        if (error_) return fail(*std::move(error_));
        return message;
    }

private:
    const Json& data_;
    std::optional<Error> error_;
};

Result<Message> render_push(const PushContent& content, const PlanEntry& entry, const Json& data) {
    PushMessage message;
    message.route = entry.route.value_or(Route::push_apns);
    message.token = entry.address;
    PartRenderer parts(data);
    parts.render(content.title, kMaxShortBytes, message.title);
    parts.render(content.body, kMaxShortBytes, message.body);
    for (const auto& [name, value] : content.data) parts.render(value, kMaxShortBytes, message.data[name]);
    return parts.finish(std::move(message));
}

/// A subject is one line, whatever the data holds: a line break would let data write headers.
std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return text;
}

Result<Message> render_email(const EmailContent& content, const PlanEntry& entry, const Json& data) {
    EmailMessage message;
    message.to = entry.address;
    PartRenderer parts(data);
    parts.render(content.subject, kMaxShortBytes, message.subject);
    message.subject = one_line(std::move(message.subject));
    if (content.html) parts.render(*content.html, kMaxEmailBytes, message.html);
    if (content.text) parts.render(*content.text, kMaxEmailBytes, message.text);
    return parts.finish(std::move(message));
}

}  // namespace

Result<Message> render_message(const Template& tmpl, const PlanEntry& entry, const Json& data) {
    const auto found = tmpl.locales.find(entry.locale);
    if (found == tmpl.locales.end()) return fail(ErrorCode::invalid, "the template has no such locale");
    const auto& content = found->second;
    switch (entry.channel) {
        case Channel::push:
            if (content.push) return render_push(*content.push, entry, data);
            break;
        case Channel::sms:
            if (content.sms) {
                SmsMessage message{entry.address, {}};
                PartRenderer parts(data);
                parts.render(content.sms->body, kMaxShortBytes, message.body);
                return parts.finish(std::move(message));
            }
            break;
        case Channel::email:
            if (content.email) return render_email(*content.email, entry, data);
            break;
    }
    return fail(ErrorCode::invalid, "the template has no such channel");
}

}  // namespace herald
