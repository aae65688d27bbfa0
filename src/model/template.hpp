#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "liquid/template.hpp"
#include "model/ids.hpp"
#include "model/words.hpp"

namespace herald {

struct PushContent {
    liquid::Template title;
    liquid::Template body;
    std::map<std::string, liquid::Template> data;
};
struct SmsContent {
    liquid::Template body;
};
struct EmailContent {
    liquid::Template subject;
    std::optional<liquid::Template> html;  ///< at least one of html and text
    std::optional<liquid::Template> text;
};

/// What one locale says on each channel.
struct LocaleContent {
    std::optional<PushContent> push;
    std::optional<SmsContent> sms;
    std::optional<EmailContent> email;
};

/// One version of a template, compiled. Immutable once read; shared between threads.
struct Template {
    TemplateId id;
    int version = 0;
    std::string category = "transactional";
    Guarantee guarantee = Guarantee::at_least_once;
    Lane lane = Lane::normal;
    std::int64_t ttl_s = 86'400;
    std::string locale = "en";
    std::map<std::string, LocaleContent, std::less<>>
        locales;  ///< the template's own locale and its translations

    /// The channels that the template's own locale has.
    std::vector<Channel> channels() const;
    bool has(Channel channel) const;
    /// The recipient's locale, its language, or the template's own; the first that has the channel.
    const std::string& choose_locale(std::string_view wanted, Channel channel) const;
    /// Paths of data that some locale of these channels needs and `data` lacks.
    std::vector<std::string> missing_data(const std::vector<Channel>& channels, const Json& data) const;
};
using TemplatePtr = std::shared_ptr<const Template>;

/// Reads and compiles the body of POST templates; everything wrong goes to `errors`, with line and column
/// where it is Liquid. `translations` holds for each locale an object shaped as `channels`.
Template read_template(const Json& body, std::vector<FieldError>& errors);

}  // namespace herald
