#include "model/template.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace herald {
namespace {

constexpr std::size_t kMaxPartBytes = 64 * 1024;
constexpr std::size_t kMaxLocales = 50;
constexpr std::size_t kMaxPushData = 50;

std::optional<liquid::Template> compile_part(ObjectReader& reader, std::string_view name,
                                             liquid::Escaping escaping, std::vector<FieldError>& errors) {
    const auto source = reader.string(name, {.min = 1, .max = kMaxPartBytes});
    if (!source) return std::nullopt;
    auto compiled = liquid::Template::compile(*source, escaping);
    if (compiled) return *std::move(compiled);
    const auto& error = compiled.error();
    errors.push_back({reader.path_of(name), "liquid",
                      fmt::format("line {}, column {}: {}", error.line, error.column, error.message)});
    return std::nullopt;
}

std::optional<liquid::Template> compile_required(ObjectReader& reader, std::string_view name,
                                                 std::vector<FieldError>& errors) {
    if (!reader.has(name)) reader.error(name, "required", "is required");
    return compile_part(reader, name, liquid::Escaping::none, errors);
}

std::map<std::string, liquid::Template> read_push_data(const Json& json, const std::string& path,
                                                       std::vector<FieldError>& errors) {
    std::map<std::string, liquid::Template> data;
    ObjectReader reader(json, path, errors);
    for (const auto& member : *json.as_object()) {
        if (auto value = compile_part(reader, member.key, liquid::Escaping::none, errors)) {
            data.emplace(member.key, *std::move(value));
        }
    }
    return data;
}

std::optional<PushContent> read_push(const Json& json, const std::string& path,
                                     std::vector<FieldError>& errors) {
    ObjectReader reader(json, path, errors);
    auto title = compile_required(reader, "title", errors);
    auto body = compile_required(reader, "body", errors);
    std::map<std::string, liquid::Template> data;
    if (const auto* members = reader.object("data")) {
        if (members->as_object()->size() > kMaxPushData) {
            reader.error("data", "length", fmt::format("must have at most {} members", kMaxPushData));
        } else {
            data = read_push_data(*members, path + ".data", errors);
        }
    }
    reader.refuse_unknown();
    if (!title || !body) return std::nullopt;
    return PushContent{*std::move(title), *std::move(body), std::move(data)};
}

std::optional<SmsContent> read_sms(const Json& json, const std::string& path,
                                   std::vector<FieldError>& errors) {
    ObjectReader reader(json, path, errors);
    auto body = compile_required(reader, "body", errors);
    reader.refuse_unknown();
    if (!body) return std::nullopt;
    return SmsContent{*std::move(body)};
}

std::optional<EmailContent> read_email(const Json& json, const std::string& path,
                                       std::vector<FieldError>& errors) {
    ObjectReader reader(json, path, errors);
    auto subject = compile_required(reader, "subject", errors);
    auto html = compile_part(reader, "html", liquid::Escaping::html, errors);
    auto text = compile_part(reader, "text", liquid::Escaping::none, errors);
    if (!reader.has("html") && !reader.has("text"))
        reader.error("html", "required", "html or text is required");
    reader.refuse_unknown();
    if (!subject) return std::nullopt;
    return EmailContent{*std::move(subject), std::move(html), std::move(text)};
}

LocaleContent read_content(const Json& json, const std::string& path, std::vector<FieldError>& errors) {
    LocaleContent content;
    ObjectReader reader(json, path, errors);
    if (const auto* push = reader.object("push")) content.push = read_push(*push, path + ".push", errors);
    if (const auto* sms = reader.object("sms")) content.sms = read_sms(*sms, path + ".sms", errors);
    if (const auto* email = reader.object("email"))
        content.email = read_email(*email, path + ".email", errors);
    reader.refuse_unknown();
    const auto* members = json.as_object();
    const bool nothing = members && std::all_of(members->begin(), members->end(),
                                                [](const JsonMember& m) { return m.value.is_null(); });
    if (nothing) errors.push_back({path, "length", "must have a channel"});
    return content;
}

bool content_has(const LocaleContent& content, Channel channel) {
    switch (channel) {
        case Channel::push:
            return content.push.has_value();
        case Channel::sms:
            return content.sms.has_value();
        case Channel::email:
            return content.email.has_value();
    }
    return false;
}

void collect_missing(const liquid::Template& part, const Json& data, std::vector<std::string>& paths) {
    for (auto& path : part.missing(data)) {
        if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(std::move(path));
    }
}

void collect_missing(const LocaleContent& content, Channel channel, const Json& data,
                     std::vector<std::string>& paths) {
    if (!content_has(content, channel)) return;
    switch (channel) {
        case Channel::push:
            collect_missing(content.push->title, data, paths);
            collect_missing(content.push->body, data, paths);
            for (const auto& [name, value] : content.push->data) collect_missing(value, data, paths);
            return;
        case Channel::sms:
            collect_missing(content.sms->body, data, paths);
            return;
        case Channel::email:
            collect_missing(content.email->subject, data, paths);
            if (content.email->html) collect_missing(*content.email->html, data, paths);
            if (content.email->text) collect_missing(*content.email->text, data, paths);
            return;
    }
}

void read_head(ObjectReader& reader, Template& tmpl) {
    if (const auto id = reader.required_string("id", {.max = 255})) {
        if (!is_valid_client_id(*id))
            reader.error("id", "format", "must have 1 to 255 bytes without control characters");
        tmpl.id = TemplateId(*id);
    }
    if (auto category = reader.string("category", {.max = 255})) tmpl.category = *std::move(category);
    if (!is_valid_client_id(tmpl.category))
        reader.error("category", "format", "must not have control characters");
    if (const auto text = reader.string("guarantee", {.max = 32})) {
        const auto guarantee = parse_guarantee(*text);
        if (!guarantee) reader.error("guarantee", "enum", "must be at_least_once or at_most_once");
        tmpl.guarantee = guarantee.value_or(tmpl.guarantee);
    }
    if (const auto text = reader.string("lane", {.max = 32})) {
        const auto lane = parse_lane(*text);
        if (!lane) reader.error("lane", "enum", "must be critical, normal or bulk");
        tmpl.lane = lane.value_or(tmpl.lane);
    }
    tmpl.ttl_s = reader.integer("ttl_s", 1, 3 * 24 * 3600).value_or(tmpl.ttl_s);
    if (auto locale = reader.string("locale", {.min = 2, .max = 35})) tmpl.locale = *std::move(locale);
}

}  // namespace

std::vector<Channel> Template::channels() const {
    std::vector<Channel> found;
    for (const auto channel : kChannels) {
        if (has(channel)) found.push_back(channel);
    }
    return found;
}

bool Template::has(Channel channel) const {
    const auto own = locales.find(locale);
    return own != locales.end() && content_has(own->second, channel);
}

const std::string& Template::choose_locale(std::string_view wanted, Channel channel) const {
    const auto language = wanted.substr(0, wanted.find_first_of("-_"));
    for (const auto candidate : {wanted, language}) {
        const auto found = locales.find(candidate);
        if (found != locales.end() && content_has(found->second, channel)) return found->first;
    }
    return locale;
}

std::vector<std::string> Template::missing_data(const std::vector<Channel>& wanted, const Json& data) const {
    std::vector<std::string> paths;
    for (const auto& [name, content] : locales) {
        for (const auto channel : wanted) collect_missing(content, channel, data, paths);
    }
    return paths;
}

Template read_template(const Json& body, std::vector<FieldError>& errors) {
    Template tmpl;
    ObjectReader reader(body, "", errors);
    read_head(reader, tmpl);
    if (!reader.has("channels") && body.as_object()) reader.error("channels", "required", "is required");
    if (const auto* channels = reader.object("channels")) {
        tmpl.locales[tmpl.locale] = read_content(*channels, "channels", errors);
    }
    if (const auto* translations = reader.object("translations")) {
        if (translations->as_object()->size() > kMaxLocales) {
            reader.error("translations", "length", fmt::format("must have at most {} members", kMaxLocales));
        } else {
            for (const auto& [name, content] : *translations->as_object()) {
                const std::string path = "translations." + name;
                if (name == tmpl.locale)
                    errors.push_back({path, "duplicate", "is the template's own locale"});
                else tmpl.locales[name] = read_content(content, path, errors);
            }
        }
    }
    // What reading a template adds, so that what was read can be posted again.
    reader.any("version");
    reader.any("created_at");
    reader.refuse_unknown();
    return tmpl;
}

}  // namespace herald
