#include "simulator/mail_rules.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/crypto.hpp"
#include "base/utf8.hpp"
#include "simulator/magic_addresses.hpp"

namespace herald::simulator {
namespace {

constexpr std::size_t kMaxPersonalizations = 1000;
constexpr std::size_t kMaxRecipients = 1000;
constexpr std::size_t kMaxReplyTo = 1000;
constexpr std::size_t kMaxCategories = 10;
constexpr std::size_t kMaxCategoryBytes = 255;
constexpr std::size_t kMaxCustomArgsBytes = 10'000;
constexpr std::int64_t kMaxAheadS = 72 * 3600;

constexpr std::array<std::string_view, 12> kForbiddenHeaders = {
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding",
    "to",      "from",     "subject",  "reply-to",       "cc",           "bcc"};

constexpr const char* kNoFrom =
    "The from object must be provided for every email send. It is an object that requires the email "
    "parameter, but may also contain a name parameter.  e.g. {\"email\" : \"example@example.com\"}  or "
    "{\"email\" : \"example@example.com\", \"name\" : \"Example Recipient\"}.";
constexpr const char* kNoPersonalizations =
    "The personalizations field is required and must have at least one personalization.";
constexpr const char* kNoTo =
    "The to array is required for all personalization objects, and must have at least one email object with "
    "a valid email address.";
constexpr const char* kNoSubject =
    "The subject is required. You can get around this requirement if you use a template with a subject "
    "defined or if every personalization has a subject defined.";
constexpr const char* kNoContent =
    "Unless a valid template_id is provided, the content parameter is required. There must be at least one "
    "defined content block. We typically suggest both text/plain and text/html blocks are included, but only "
    "one block is required.";
constexpr const char* kBadAddress = "Does not contain a valid address.";

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

bool is_address(std::string_view text) {
    const auto at = text.rfind('@');
    if (at == std::string_view::npos || at == 0 || at > 64 || text.size() > 254) return false;
    const auto domain = text.substr(at + 1);
    const auto dot = domain.find('.');
    return dot != std::string_view::npos && dot > 0 && !domain.ends_with('.') &&
           domain.find("..") == std::string_view::npos &&
           text.find_first_of(" <>,;\"") == std::string_view::npos && text.find('@') == at &&
           !has_control_characters(text) && !text.starts_with(kInvalidMailbox);
}

const Json::Array* items(const Json& json, std::string_view name) {
    const Json* found = json.find(name);
    return found == nullptr ? nullptr : found->as_array();
}

std::size_t size_of(const Json::Array* array) { return array == nullptr ? 0 : array->size(); }

class MailCheck {
public:
    MailCheck(const Json& mail, TimePoint now) : mail_(mail), now_s_(to_millis(now) / 1000) {}

    std::vector<MailError> run() {
        personalizations();
        sender();
        subject();
        content();
        attachments();
        categories();
        headers(mail_, "headers");
        send_at(mail_, "send_at");
        return std::move(errors_);
    }

private:
    void error(std::string message, std::string field) {
        errors_.push_back({std::move(message), std::move(field)});
    }

    void address(const Json& object, const std::string& path) {
        if (!is_address(object.text("email"))) error(kBadAddress, path + ".email");
        const Json* name = object.find("name");
        if (name != nullptr && !name->is_null() && name->as_string() == nullptr) {
            error("The name must be a string.", path + ".name");
        }
    }

    void personalizations() {
        const auto* all = items(mail_, "personalizations");
        if (size_of(all) == 0) return error(kNoPersonalizations, "personalizations");
        if (all->size() > kMaxPersonalizations) {
            return error("There are too many personalizations. The limit is 1000.", "personalizations");
        }
        std::size_t recipients = 0;
        for (std::size_t i = 0; i < all->size(); ++i) {
            personalization((*all)[i], fmt::format("personalizations.{}", i));
            for (const auto name : {"to", "cc", "bcc"}) recipients += size_of(items((*all)[i], name));
        }
        if (recipients > kMaxRecipients) error("Too many recipients. The limit is 1000.", "personalizations");
    }

    void personalization(const Json& one, const std::string& path) {
        if (size_of(items(one, "to")) == 0) error(kNoTo, path + ".to");
        std::set<std::string> seen;
        for (const auto name : {"to", "cc", "bcc"}) {
            const auto* list = items(one, name);
            for (std::size_t i = 0; i < size_of(list); ++i) {
                const Json& recipient = (*list)[i];
                address(recipient, fmt::format("{}.{}.{}", path, name, i));
                if (seen.insert(lower(recipient.text("email"))).second) continue;
                error(fmt::format(
                          "Each email address in the personalization block should be unique between to, cc, "
                          "and bcc. We found the first duplicate instance of [{}] in the {}.{} field.",
                          recipient.text("email"), path, name),
                      fmt::format("{}.{}", path, name));
            }
        }
        headers(one, path + ".headers");
        send_at(one, path + ".send_at");
        custom_args(one, path + ".custom_args");
    }

    void sender() {
        const Json* from = mail_.find("from");
        if (from == nullptr || from->text("email").empty()) error(kNoFrom, "from.email");
        else address(*from, "from");
        const Json* reply_to = mail_.find("reply_to");
        const auto* list = items(mail_, "reply_to_list");
        if (reply_to != nullptr && list != nullptr) {
            error("Only one of reply_to and reply_to_list may be used.", "reply_to");
        }
        if (reply_to != nullptr) address(*reply_to, "reply_to");
        if (size_of(list) > kMaxReplyTo)
            error("The reply_to_list may have at most 1000 entries.", "reply_to_list");
        for (std::size_t i = 0; i < size_of(list); ++i)
            address((*list)[i], fmt::format("reply_to_list.{}", i));
    }

    bool has_template() const { return !mail_.text("template_id").empty(); }

    void subject() {
        if (!mail_.text("subject").empty() || has_template()) return;
        const auto* all = items(mail_, "personalizations");
        const bool each_has_one =
            size_of(all) > 0 && std::all_of(all->begin(), all->end(),
                                            [](const Json& one) { return !one.text("subject").empty(); });
        if (!each_has_one) error(kNoSubject, "subject");
    }

    void content() {
        const auto* blocks = items(mail_, "content");
        if (size_of(blocks) == 0) {
            if (!has_template()) error(kNoContent, "content");
            return;
        }
        int last_rank = 0;
        int seen[3] = {};
        for (std::size_t i = 0; i < blocks->size(); ++i) {
            const auto type = (*blocks)[i].text("type");
            if (type.empty()) {
                error("The content type is required and must be a string.",
                      fmt::format("content.{}.type", i));
            }
            if ((*blocks)[i].text("value").empty()) {
                error("The content value must be a string at least one character in length.",
                      fmt::format("content.{}.value", i));
            }
            const int rank = type == "text/plain" ? 0 : type == "text/html" ? 1 : 2;
            if (rank < last_rank) {
                error("If present, text/plain and text/html must be the first content blocks, in that order.",
                      "content");
            }
            if (++seen[rank] == 2 && rank < 2) {
                error("If present, text/plain and text/html may only be provided once.", "content");
            }
            last_rank = rank;
        }
    }

    void attachments() {
        const auto* list = items(mail_, "attachments");
        for (std::size_t i = 0; i < size_of(list); ++i) {
            const auto bytes = (*list)[i].text("content");
            const std::string path = fmt::format("attachments.{}", i);
            if (bytes.empty() || !base64_decode(bytes)) {
                error("The attachment content must be base64 encoded.", path + ".content");
            }
            if ((*list)[i].text("filename").empty()) error("The filename is required.", path + ".filename");
        }
    }

    void categories() {
        const auto* list = items(mail_, "categories");
        if (size_of(list) > kMaxCategories) error("You may not have more than 10 categories.", "categories");
        std::set<std::string_view> seen;
        for (std::size_t i = 0; i < size_of(list); ++i) {
            const auto* text = (*list)[i].as_string();
            const std::string path = fmt::format("categories.{}", i);
            if (text == nullptr || text->empty() || text->size() > kMaxCategoryBytes) {
                error("The category must be a string of 1 to 255 characters.", path);
            } else if (!seen.insert(*text).second) {
                error("The categories must be unique.", path);
            }
        }
    }

    void headers(const Json& owner, const std::string& path) {
        const Json* given = owner.find("headers");
        if (given == nullptr || given->as_object() == nullptr) return;
        for (const auto& [name, value] : *given->as_object()) {
            const bool forbidden = std::find(kForbiddenHeaders.begin(), kForbiddenHeaders.end(),
                                             lower(name)) != kForbiddenHeaders.end();
            if (forbidden)
                error(fmt::format("The header {} is reserved and may not be set.", name),
                      fmt::format("{}.{}", path, name));
            else if (value.as_string() == nullptr)
                error("The header must be a string.", fmt::format("{}.{}", path, name));
        }
    }

    void send_at(const Json& owner, const std::string& path) {
        const Json* given = owner.find("send_at");
        if (given == nullptr || given->is_null()) return;
        const auto at = given->as_int();
        if (!at) error("The send_at must be a UNIX timestamp.", path);
        else if (*at > now_s_ + kMaxAheadS)
            error("Scheduling more than 72 hours in advance is forbidden.", path);
    }

    /// The limit is on what is left after merging the mail's own into the personalization's.
    void custom_args(const Json& one, const std::string& path) {
        std::size_t bytes = 0;
        for (const Json* owner : {&mail_, &one}) {
            const Json* given = owner->find("custom_args");
            if (given == nullptr || given->as_object() == nullptr) continue;
            for (const auto& [name, value] : *given->as_object()) {
                const bool text = value.as_string() != nullptr;
                if (!text) error("The custom_args value must be a string.", fmt::format("{}.{}", path, name));
                bytes += name.size() + (text ? value.as_string()->size() : 0);
            }
        }
        if (bytes >= kMaxCustomArgsBytes) error("The custom_args may not exceed 10000 bytes.", path);
    }

    const Json& mail_;
    const std::int64_t now_s_;
    std::vector<MailError> errors_;
};

}  // namespace

std::vector<MailError> check_mail(const Json& mail, TimePoint now) { return MailCheck(mail, now).run(); }

}  // namespace herald::simulator
