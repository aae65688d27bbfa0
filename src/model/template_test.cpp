#include "model/template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Template read(const std::string& body) {
    std::vector<FieldError> errors;
    auto tmpl = read_template(Json::parse(body).value(), errors);
    for (const auto& error : errors) ADD_FAILURE() << error.path << ' ' << error.message;
    return tmpl;
}

std::vector<FieldError> errors_of(const std::string& body) {
    std::vector<FieldError> errors;
    read_template(Json::parse(body).value(), errors);
    return errors;
}

std::vector<std::string> mistakes(const std::string& body) {
    std::vector<std::string> found;
    for (const auto& error : errors_of(body)) found.push_back(error.path + " " + error.code);
    return found;
}

/// A body with these channels and, before them, these members.
std::string body(const std::string& channels, const std::string& members = "") {
    return R"({"id":"t",)" + members + R"("channels":)" + channels + "}";
}

std::string sms(const std::string& text) { return R"({"sms":{"body":")" + text + R"("}})"; }

Json data(const std::string& text) { return Json::parse(text).value(); }

TEST(TemplateTest, HasDefaults) {
    const auto tmpl = read(body(sms("Hi")));
    EXPECT_EQ(tmpl.id, TemplateId("t"));
    EXPECT_EQ(tmpl.category, "transactional");
    EXPECT_EQ(tmpl.guarantee, Guarantee::at_least_once);
    EXPECT_EQ(tmpl.lane, Lane::normal);
    EXPECT_EQ(tmpl.ttl_s, 86'400);
    EXPECT_EQ(tmpl.locale, "en");
    EXPECT_THAT(tmpl.channels(), ElementsAre(Channel::sms));
}

TEST(TemplateTest, IsReadWhole) {
    const auto tmpl =
        read(R"({"id":"welcome","category":"marketing","guarantee":"at_most_once","lane":"bulk","ttl_s":60,
        "locale":"de","channels":{
            "push":{"title":"{{ a }}","body":"{{ b }}","data":{"link":"{{ c }}","kind":"x"}},
            "sms":{"body":"{{ d }}"},
            "email":{"subject":"{{ e }}","html":"{{ f }}","text":"{{ g }}"}},
        "translations":{"fr":{"sms":{"body":"{{ h }}"}}}})");
    EXPECT_EQ(tmpl.category, "marketing");
    EXPECT_EQ(tmpl.guarantee, Guarantee::at_most_once);
    EXPECT_EQ(tmpl.lane, Lane::bulk);
    EXPECT_EQ(tmpl.ttl_s, 60);
    EXPECT_THAT(tmpl.channels(), ElementsAre(Channel::push, Channel::sms, Channel::email));
    ASSERT_EQ(tmpl.locales.size(), 2u);
    EXPECT_EQ(tmpl.locales.at("de").push->data.size(), 2u);
    EXPECT_TRUE(tmpl.locales.at("de").email->html);
    EXPECT_TRUE(tmpl.locales.at("fr").sms);
    EXPECT_FALSE(tmpl.locales.at("fr").push);
}

TEST(TemplateTest, MayStateWhatReadingItAdds) {
    const auto tmpl = read(body(sms("Hi"), R"("version":3,"created_at":"2026-01-30T12:00:00.000Z",)"));
    EXPECT_EQ(tmpl.id, TemplateId("t"));
    EXPECT_TRUE(tmpl.has(Channel::sms));
}

TEST(TemplateTest, NeedsHtmlOrText) {
    EXPECT_THAT(mistakes(body(R"({"email":{"subject":"s","html":"h"}})")), IsEmpty());
    EXPECT_THAT(mistakes(body(R"({"email":{"subject":"s","text":"t"}})")), IsEmpty());
    EXPECT_THAT(mistakes(body(R"({"email":{"subject":"s"}})")), ElementsAre("channels.email.html required"));
}

TEST(TemplateTest, RequiresItsIdItsChannelsAndTheirParts) {
    EXPECT_THAT(mistakes("{}"), ElementsAre("id required", "channels required"));
    EXPECT_THAT(mistakes("[]"), ElementsAre(" type"));
    EXPECT_THAT(mistakes(body(R"({"push":{},"sms":{},"email":{}})")),
                ElementsAre("channels.push.title required", "channels.push.body required",
                            "channels.sms.body required", "channels.email.subject required",
                            "channels.email.html required"));
}

TEST(TemplateTest, NeedsAChannel) {
    EXPECT_THAT(mistakes(body("{}")), ElementsAre("channels length"));
    EXPECT_THAT(mistakes(body(R"({"sms":null})")), ElementsAre("channels length"));
    EXPECT_THAT(mistakes(body("null")), ElementsAre("channels required"));
    EXPECT_THAT(mistakes(body(sms("x"), R"("translations":{"fr":{}},)")),
                ElementsAre("translations.fr length"));
}

TEST(TemplateTest, RefusesValuesOutsideTheirSets) {
    EXPECT_THAT(mistakes(body(sms("x"), R"("guarantee":"exactly_once","lane":"fast","ttl_s":0,)")),
                ElementsAre("guarantee enum", "lane enum", "ttl_s range"));
    EXPECT_THAT(mistakes(body(sms("x"), R"("ttl_s":259200,)")), IsEmpty());
    EXPECT_THAT(mistakes(body(sms("x"), R"("ttl_s":259201,)")), ElementsAre("ttl_s range"));
    EXPECT_THAT(mistakes(body(sms("x"), R"("category":"a\tb","locale":"e",)")),
                ElementsAre("category format", "locale length"));
    EXPECT_THAT(mistakes(R"({"id":"a\nb","channels":)" + sms("x") + "}"), ElementsAre("id format"));
}

TEST(TemplateTest, RefusesWrongTypesAndUnknownFields) {
    EXPECT_THAT(mistakes(R"({"id":1,"category":2,"guarantee":3,"lane":4,"ttl_s":"5","locale":6,"channels":7,
                             "translations":8,"name":9})"),
                ElementsAre("id type", "category type", "guarantee type", "lane type", "ttl_s type",
                            "locale type", "channels type", "translations type", "name unknown_field"));
    EXPECT_THAT(
        mistakes(body(R"({"fax":{},"sms":{"body":"x","title":"y"},"push":[]})")),
        ElementsAre("channels.push type", "channels.sms.title unknown_field", "channels.fax unknown_field"));
    EXPECT_THAT(mistakes(body(R"({"push":{"title":"a","body":1,"data":{"k":2}}})")),
                ElementsAre("channels.push.body type", "channels.push.data.k type"));
    EXPECT_THAT(mistakes(body(R"({"email":{"subject":"a","html":1,"cc":"x"}})")),
                ElementsAre("channels.email.html type", "channels.email.cc unknown_field"));
}

TEST(TemplateTest, SaysWhereItsLiquidIsWrong) {
    const auto errors = errors_of(body(R"({"push":{"title":"ok","body":"one\n  {{ a | shout }}"}})"));
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_EQ(errors[0].path, "channels.push.body");
    EXPECT_EQ(errors[0].code, "liquid");
    EXPECT_THAT(errors[0].message, testing::StartsWith("line 2, column 10: "));
}

TEST(TemplateTest, CompilesEveryPart) {
    const std::string bad = R"("{{")";
    const std::string push = R"({"title":)" + bad + R"(,"body":)" + bad + R"(,"data":{"k":)" + bad + "}}";
    const std::string text = R"({"body":)" + bad + "}";
    const std::string email = R"({"subject":)" + bad + R"(,"html":)" + bad + R"(,"text":)" + bad + "}";
    EXPECT_THAT(mistakes(body(R"({"push":)" + push + R"(,"sms":)" + text + R"(,"email":)" + email + "}",
                              R"("translations":{"fr":{"sms":)" + text + "}},")),
                UnorderedElementsAre("channels.push.title liquid", "channels.push.body liquid",
                                     "channels.push.data.k liquid", "channels.sms.body liquid",
                                     "channels.email.subject liquid", "channels.email.html liquid",
                                     "channels.email.text liquid", "translations.fr.sms.body liquid"));
}

TEST(TemplateTest, BoundsItsParts) {
    EXPECT_THAT(mistakes(body(sms(std::string(64 * 1024, 'x')))), IsEmpty());
    EXPECT_THAT(mistakes(body(sms(std::string(64 * 1024 + 1, 'x')))),
                ElementsAre("channels.sms.body length"));
    EXPECT_THAT(mistakes(body(sms(""))), ElementsAre("channels.sms.body length"));
}

TEST(TemplateTest, BoundsThePushDataAndTheTranslations) {
    const auto members = [](std::size_t count, const std::string& value) {
        std::string out;
        for (std::size_t i = 0; i < count; ++i) {
            out += (i == 0 ? "" : ",") + std::string("\"m") + std::to_string(i) + "\":" + value;
        }
        return "{" + out + "}";
    };
    const auto push = [&](std::size_t count) {
        return body(R"({"push":{"title":"a","body":"b","data":)" + members(count, R"("v")") + "}}");
    };
    EXPECT_THAT(mistakes(push(50)), IsEmpty());
    EXPECT_THAT(mistakes(push(51)), ElementsAre("channels.push.data length"));
    EXPECT_THAT(mistakes(body(sms("x"), R"("translations":)" + members(50, sms("y")) + ",")), IsEmpty());
    EXPECT_THAT(mistakes(body(sms("x"), R"("translations":)" + members(51, sms("y")) + ",")),
                ElementsAre("translations length"));
}

TEST(TemplateTest, RefusesATranslationIntoItsOwnLocale) {
    EXPECT_THAT(mistakes(body(sms("x"), R"("translations":{"en":)" + sms("y") + "},")),
                ElementsAre("translations.en duplicate"));
    EXPECT_THAT(mistakes(body(sms("x"), R"("locale":"de","translations":{"de":)" + sms("y") + "},")),
                ElementsAre("translations.de duplicate"));
}

TEST(TemplateTest, SaysWhatIsWrongWithATranslation) {
    EXPECT_THAT(mistakes(body(sms("x"), R"("translations":{"fr":1,"de":{"sms":{}},"it":{"fax":{}}},)")),
                ElementsAre("translations.fr type", "translations.de.sms.body required",
                            "translations.it.fax unknown_field"));
}

TEST(TemplateTest, HasTheChannelsOfItsOwnLocale) {
    const auto tmpl = read(body(sms("x"), R"("translations":{"fr":{"push":{"title":"a","body":"b"}}},)"));
    EXPECT_TRUE(tmpl.has(Channel::sms));
    EXPECT_FALSE(tmpl.has(Channel::push));
    EXPECT_THAT(tmpl.channels(), ElementsAre(Channel::sms));
}

TEST(TemplateTest, ChoosesTheLocaleThenItsLanguageThenItsOwn) {
    const auto tmpl = read(body(R"({"sms":{"body":"x"},"push":{"title":"a","body":"b"}})",
                                R"("translations":{"pt":)" + sms("pt") + R"(,"pt-BR":)" + sms("br") +
                                    R"(,"fr-CA":{"push":{"title":"a","body":"b"}}},)"));
    const std::vector<std::pair<std::string, std::string>> chosen = {
        {"pt-BR", "pt-BR"}, {"pt", "pt"}, {"pt-PT", "pt"}, {"pt_PT", "pt"}, {"en-GB", "en"},
        {"de", "en"},       {"", "en"},   {"ptx", "en"},   {"fr", "en"},    {"fr-CA", "en"},
    };
    for (const auto& [wanted, locale] : chosen)
        EXPECT_EQ(tmpl.choose_locale(wanted, Channel::sms), locale) << wanted;
    EXPECT_EQ(tmpl.choose_locale("fr-CA", Channel::push), "fr-CA");
    EXPECT_EQ(tmpl.choose_locale("pt-BR", Channel::push), "en");
}

TEST(TemplateTest, MissesDataOfTheWantedChannelsOnly) {
    const auto tmpl = read(body(R"({"push":{"title":"{{ a }}","body":"{{ b }}","data":{"k":"{{ c.d }}"}},
                                    "sms":{"body":"{{ e }}"},
                                    "email":{"subject":"{{ f }}","html":"{{ g }}","text":"{{ h }}"}})"));
    EXPECT_THAT(tmpl.missing_data({Channel::push}, data("{}")), ElementsAre("a", "b", "c.d"));
    EXPECT_THAT(tmpl.missing_data({Channel::sms}, data("{}")), ElementsAre("e"));
    EXPECT_THAT(tmpl.missing_data({Channel::email}, data("{}")), ElementsAre("f", "g", "h"));
    EXPECT_THAT(tmpl.missing_data({}, data("{}")), IsEmpty());
    EXPECT_THAT(tmpl.missing_data({Channel::push, Channel::sms}, data(R"({"a":1,"c":{"d":""},"e":false})")),
                ElementsAre("b"));
}

TEST(TemplateTest, MissesDataThatAnyLocaleNeeds) {
    const auto tmpl =
        read(body(sms("{{ name }}"), R"("translations":{"de":)" + sms("{{ name }} {{ anrede }}") +
                                         R"(,"fr":{"push":{"title":"{{ t }}","body":"b"}}},)"));
    EXPECT_THAT(tmpl.missing_data({Channel::sms}, data("{}")), UnorderedElementsAre("name", "anrede"));
    EXPECT_THAT(tmpl.missing_data({Channel::sms}, data(R"({"name":"x"})")), ElementsAre("anrede"));
    EXPECT_THAT(tmpl.missing_data({Channel::sms}, data(R"({"name":"x","anrede":"y"})")), IsEmpty());
}

TEST(TemplateTest, NamesWhatIsMissingOnce) {
    const auto tmpl = read(body(R"({"push":{"title":"{{ a }}","body":"{{ a }}"},"sms":{"body":"{{ a }}"}})"));
    EXPECT_THAT(tmpl.missing_data({Channel::push, Channel::sms}, data("{}")), ElementsAre("a"));
}

}  // namespace
}  // namespace herald
