#include "model/preferences.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Preferences read(const std::string& body) {
    std::vector<FieldError> errors;
    auto preferences = read_preferences(Json::parse(body).value(), errors);
    for (const auto& error : errors) ADD_FAILURE() << error.path << ' ' << error.message;
    return preferences;
}

std::vector<std::string> mistakes(const std::string& body) {
    std::vector<FieldError> errors;
    read_preferences(Json::parse(body).value(), errors);
    std::vector<std::string> found;
    for (const auto& error : errors) found.push_back(error.path + " " + error.code);
    return found;
}

TEST(PermitsTest, LetsTheMostSpecificStatementWin) {
    struct Case {
        std::string preferences;
        bool allowed;
        std::string_view rule;
    };
    // Of the category "news" on sms.
    const std::vector<Case> cases = {
        {"{}", true, "default_on"},
        {R"({"channels":{"sms":true}})", true, "channel_on"},
        {R"({"channels":{"sms":false}})", false, "channel_off"},
        {R"({"channels":{"email":false}})", true, "default_on"},
        {R"({"categories":{"news":false}})", false, "category_off"},
        {R"({"categories":{"news":true}})", true, "category_on"},
        {R"({"categories":{"other":false}})", true, "default_on"},
        {R"({"channels":{"sms":false},"categories":{"news":true}})", true, "category_on"},
        {R"({"channels":{"sms":true},"categories":{"news":false}})", false, "category_off"},
        {R"({"categories":{"news":{"channels":{"sms":false}}}})", false, "category_channel_off"},
        {R"({"channels":{"sms":true},"categories":{"news":{"channels":{"sms":false}}}})", false,
         "category_channel_off"},
        {R"({"channels":{"sms":false},"categories":{"news":{"channels":{"sms":true}}}})", true,
         "category_channel_on"},
        {R"({"channels":{"sms":false},"categories":{"news":{"channels":{"email":true}}}})", false,
         "channel_off"},
        {R"({"channels":{"sms":true},"categories":{"news":{}}})", true, "channel_on"},
        {R"({"categories":{"News":false}})", true, "default_on"},
    };
    for (const auto& c : cases) {
        const auto permission = permits(read(c.preferences), "news", Channel::sms);
        EXPECT_EQ(permission.allowed, c.allowed) << c.preferences;
        EXPECT_EQ(permission.rule, c.rule) << c.preferences;
    }
}

TEST(PermitsTest, AsksTheChannelBeforeTheWholeOfACategory) {
    Preferences preferences;
    preferences.categories["news"].all = false;
    preferences.categories["news"].channels[Channel::sms] = true;
    EXPECT_EQ(permits(preferences, "news", Channel::sms).rule, "category_channel_on");
    EXPECT_EQ(permits(preferences, "news", Channel::email).rule, "category_off");
}

TEST(PermitsTest, AlwaysLetsSystemMessagesThrough) {
    Preferences preferences;
    for (const auto channel : kChannels) preferences.channels[channel] = false;
    preferences.categories["system"].all = false;
    for (const auto channel : kChannels) {
        const auto permission = permits(preferences, "system", channel);
        EXPECT_TRUE(permission.allowed);
        EXPECT_EQ(permission.rule, "system_category");
    }
}

TEST(PreferencesTest, ReadBackWhatTheyWrite) {
    for (const std::string body :
         {R"({"channels":{},"categories":{}})",
          R"({"channels":{"push":true,"sms":false,"email":true},"categories":{)"
          R"("billing":{"channels":{"sms":false}},"marketing":false,"news":true}})"}) {
        JsonWriter out;
        write_preferences(out, read(body));
        EXPECT_EQ(out.text(), body);
    }
}

TEST(PreferencesTest, MayLeaveEverythingOut) {
    EXPECT_EQ(read("{}"), Preferences{});
    EXPECT_EQ(read(R"({"channels":null,"categories":null})"), Preferences{});
    EXPECT_EQ(read(R"({"channels":{"sms":null}})"), Preferences{});
}

TEST(PreferencesTest, MaySwitchSystemOnButNotOff) {
    EXPECT_THAT(mistakes(R"({"categories":{"system":true}})"), IsEmpty());
    EXPECT_THAT(mistakes(R"({"categories":{"system":{"channels":{"sms":true}}}})"), IsEmpty());
    EXPECT_THAT(mistakes(R"({"categories":{"system":false}})"),
                ElementsAre("categories.system system_category"));
    EXPECT_THAT(mistakes(R"({"categories":{"system":{"channels":{"push":true,"sms":false}}}})"),
                ElementsAre("categories.system system_category"));
}

TEST(PreferencesTest, RefuseWrongTypesAndUnknownFields) {
    EXPECT_THAT(mistakes(R"({"channels":[],"categories":1,"quiet":{}})"),
                ElementsAre("channels type", "categories type", "quiet unknown_field"));
    EXPECT_THAT(mistakes(R"({"channels":{"sms":"no","fax":true}})"),
                ElementsAre("channels.sms type", "channels.fax unknown_field"));
    EXPECT_THAT(mistakes("true"), ElementsAre(" type"));
}

TEST(PreferencesTest, SayWhatIsWrongWithEachCategory) {
    EXPECT_THAT(mistakes(R"({"categories":{"a":1,"b":null,"c":"off","d":{"channels":{"sms":0,"fax":true}},
                             "e":{"push":false},"f":{"channels":true}}})"),
                ElementsAre("categories.a type", "categories.b type", "categories.c type",
                            "categories.d.channels.sms type", "categories.d.channels.fax unknown_field",
                            "categories.e.push unknown_field", "categories.f.channels type"));
}

TEST(PreferencesTest, RefuseNamesThatNoCategoryHas) {
    EXPECT_THAT(mistakes(R"({"categories":{"":true}})"), ElementsAre("categories. format"));
    EXPECT_THAT(mistakes(R"({"categories":{"a\nb":true}})"), ElementsAre("categories.a\nb format"));
    const std::string name(256, 'x');
    EXPECT_THAT(mistakes(R"({"categories":{")" + name + R"(":true}})"),
                ElementsAre("categories." + name + " format"));
}

TEST(PreferencesTest, RefuseMoreThanTwoHundredCategories) {
    const auto categories = [](std::size_t count) {
        JsonWriter out;
        out.begin_object().key("categories").begin_object();
        for (std::size_t i = 0; i < count; ++i) out.member("c" + std::to_string(i), true);
        return out.end_object().end_object().take();
    };
    EXPECT_EQ(read(categories(kMaxCategories)).categories.size(), kMaxCategories);
    EXPECT_THAT(mistakes(categories(kMaxCategories + 1)), ElementsAre("categories length"));
}

}  // namespace
}  // namespace herald
