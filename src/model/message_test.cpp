#include "model/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using testing::ElementsAre;
using testing::Pair;

Template read(const std::string& channels, const std::string& translations = "{}") {
    std::vector<FieldError> errors;
    auto tmpl = read_template(
        Json::parse(R"({"id":"t","channels":)" + channels + R"(,"translations":)" + translations + "}")
            .value(),
        errors);
    for (const auto& error : errors) ADD_FAILURE() << error.path << ' ' << error.message;
    return tmpl;
}

PlanEntry entry(Route route, std::string address, std::string locale = "en") {
    PlanEntry entry;
    entry.channel = channel_of(route);
    entry.route = route;
    entry.address = std::move(address);
    entry.locale = std::move(locale);
    return entry;
}

Json data(const std::string& text) { return Json::parse(text).value(); }

EmailMessage email(const std::string& parts, const std::string& values) {
    const auto message =
        render_message(read(R"({"email":)" + parts + "}"), entry(Route::email, "a@b"), data(values));
    EXPECT_TRUE(message);
    return std::get<EmailMessage>(*message);
}

TEST(MessageTest, RendersEveryPartOfAPush) {
    const auto tmpl =
        read(R"({"push":{"title":"Hi {{ a }}","body":"<{{ a }}>","data":{"x":"{{ n }}","y":"k"}}})");
    const auto message =
        render_message(tmpl, entry(Route::push_fcm, "token"), data(R"({"a":"A&B","n":19.90})"));
    ASSERT_TRUE(message);
    const auto& push = std::get<PushMessage>(*message);
    EXPECT_EQ(push.route, Route::push_fcm);
    EXPECT_EQ(push.token, "token");
    EXPECT_EQ(push.title, "Hi A&B");
    EXPECT_EQ(push.body, "<A&B>");
    EXPECT_THAT(push.data, ElementsAre(Pair("x", "19.90"), Pair("y", "k")));
}

TEST(MessageTest, RendersAnSmsPlain) {
    const auto message =
        render_message(read(R"({"sms":{"body":"Hi {{ a }}"}})"), entry(Route::sms, "+14155550123"),
                       data(R"({"a":"<A & 'B'>\nnext"})"));
    ASSERT_TRUE(message);
    EXPECT_EQ(std::get<SmsMessage>(*message).to, "+14155550123");
    EXPECT_EQ(std::get<SmsMessage>(*message).body, "Hi <A & 'B'>\nnext");
}

TEST(MessageTest, EscapesTheHtmlOfAnEmailOnly) {
    const auto message =
        email(R"({"subject":"{{ a }}","html":"<b>{{ a }}</b>","text":"{{ a }}"})", R"({"a":"<i> & \"q\""})");
    EXPECT_EQ(message.to, "a@b");
    EXPECT_EQ(message.subject, R"(<i> & "q")");
    EXPECT_EQ(message.html, "<b>&lt;i&gt; &amp; &quot;q&quot;</b>");
    EXPECT_EQ(message.text, R"(<i> & "q")");
}

TEST(MessageTest, LeavesOutThePartThatAnEmailLacks) {
    EXPECT_EQ(email(R"({"subject":"s","html":"h"})", "{}").text, "");
    EXPECT_EQ(email(R"({"subject":"s","text":"t"})", "{}").html, "");
}

TEST(MessageTest, KeepsASubjectOnOneLine) {
    const auto message =
        email(R"({"subject":"Hi\n{{ a }}","text":"{{ a }}"})", R"({"a":"x\r\nBcc: c@d\tz\u000b"})");
    EXPECT_EQ(message.subject, "Hi x  Bcc: c@d z ");
    EXPECT_EQ(message.text, "x\r\nBcc: c@d\tz\x0b");
}

TEST(MessageTest, SpeaksTheLocaleOfThePlan) {
    const auto tmpl = read(R"({"sms":{"body":"Hello"}})", R"({"fr":{"sms":{"body":"Bonjour"}}})");
    const auto body = [&](const std::string& locale) {
        return std::get<SmsMessage>(render_message(tmpl, entry(Route::sms, "+1", locale), data("{}")).value())
            .body;
    };
    EXPECT_EQ(body("en"), "Hello");
    EXPECT_EQ(body("fr"), "Bonjour");
}

TEST(MessageTest, RefusesALocaleOrAChannelThatTheTemplateLacks) {
    const auto tmpl = read(R"({"sms":{"body":"Hello"}})", R"({"fr":{"email":{"subject":"s","text":"t"}}})");
    for (const auto& lacking :
         {entry(Route::sms, "+1", "de"), entry(Route::sms, "+1", ""), entry(Route::sms, "+1", "fr"),
          entry(Route::email, "a@b"), entry(Route::push_apns, "t")}) {
        const auto message = render_message(tmpl, lacking, data("{}"));
        ASSERT_FALSE(message);
        EXPECT_EQ(message.error().code, ErrorCode::invalid);
    }
}

TEST(MessageTest, RefusesWhatRendersTooLarge) {
    const auto tmpl =
        read(R"({"sms":{"body":"{{ a }}"},"push":{"title":"t","body":"b","data":{"k":"{{ a }}"}},
                               "email":{"subject":"s","text":"{{ a }}"}})");
    const auto of_length = [](std::size_t length) {
        return Json(Json::Object{{"a", Json(std::string(length, 'x'))}});
    };
    EXPECT_TRUE(render_message(tmpl, entry(Route::sms, "+1"), of_length(16 * 1024)));
    const auto large = of_length(16 * 1024 + 1);
    for (const auto& to : {entry(Route::sms, "+1"), entry(Route::push_apns, "t")}) {
        const auto message = render_message(tmpl, to, large);
        ASSERT_FALSE(message);
        EXPECT_EQ(message.error().code, ErrorCode::too_large);
    }
    EXPECT_TRUE(render_message(tmpl, entry(Route::email, "a@b"), large));
    EXPECT_EQ(render_message(tmpl, entry(Route::email, "a@b"), of_length(1024 * 1024 + 1)).error().code,
              ErrorCode::too_large);
}

TEST(MessageTest, FailsWholeWhenOnePartCannotBeRendered) {
    const auto tmpl = read(R"({"email":{"subject":"s","text":"{% for x in (1..n) %}{{ x }}{% endfor %}"}})");
    const auto message = render_message(tmpl, entry(Route::email, "a@b"), data(R"({"n":"many"})"));
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().code, ErrorCode::invalid);
}

}  // namespace
}  // namespace herald
