#include "model/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const TimePoint kNow = from_millis(1'700'000'000'000);

/// One line for each entry: ordinal, state, route or channel, address, locale, reason.
std::vector<std::string> lines(const Plan& plan) {
    std::vector<std::string> out;
    for (const auto& entry : plan.entries) {
        std::string line = std::to_string(entry.ordinal) + " " + std::string(to_string(entry.state)) + " ";
        line += entry.route ? to_string(*entry.route) : to_string(entry.channel);
        for (const auto& part : {entry.address, entry.locale, entry.reason}) {
            if (!part.empty()) line += " " + part;
        }
        out.push_back(line);
    }
    return out;
}

/// Ada, who has two devices, a phone number and an email address, and a template with every channel.
class PlanTest : public testing::Test {
protected:
    PlanTest() {
        notification_.id = *NotificationId::parse("018bcfe5-6800-7abc-8def-0123456789ab");
        notification_.tenant = default_tenant();
        notification_.accepted_at = kNow;
        notification_.deadline_at = kNow + hours(1);
        notification_.user_id = UserId("ada");
        notification_.channels = {Channel::push, Channel::sms, Channel::email};
        User ada;
        ada.id = UserId("ada");
        ada.email = "ada@example.org";
        ada.phone = "+14155550123";
        ada.locale = "en-GB";
        ada.devices = {{Platform::ios, "ios-1", kNow}, {Platform::android, "android-1", kNow}};
        recipient_.user = ada;
        use_template(
            R"({"push":{"title":"t","body":"b"},"sms":{"body":"b"},"email":{"subject":"s","text":"t"}})");
    }

    void use_template(const std::string& channels, const std::string& members = "") {
        std::vector<FieldError> errors;
        template_ = read_template(
            Json::parse(R"({"id":"t",)" + members + R"("channels":)" + channels + "}").value(), errors);
        EXPECT_THAT(errors, IsEmpty());
    }

    Plan plan_at(TimePoint now, int step = 0) const {
        return plan(notification_, step, recipient_, template_, now);
    }
    Plan plan_now() const { return plan_at(kNow); }

    std::optional<std::string> gate(Channel channel, const std::string& address) const {
        PlanEntry entry;
        entry.channel = channel;
        entry.address = address;
        return closed_gate(notification_, entry, recipient_, template_);
    }

    Notification notification_;
    Recipient recipient_;
    Template template_;
};

TEST_F(PlanTest, ReachesEveryAddressOverItsRoute) {
    const auto plan = plan_at(kNow, 2);
    EXPECT_EQ(plan.step, 2);
    EXPECT_EQ(plan.planned_at, kNow);
    EXPECT_EQ(plan.wait_until, std::nullopt);
    EXPECT_THAT(lines(plan),
                ElementsAre("1 planned push.apns ios-1 en", "2 planned push.fcm android-1 en",
                            "3 planned sms +14155550123 en", "4 planned email ada@example.org en"));
    EXPECT_THAT(plan.trace, ElementsAre("push:default_on", "sms:default_on", "email:default_on"));
}

TEST_F(PlanTest, KeepsToTheRequestedChannelsAndTheirOrder) {
    notification_.channels = {Channel::email, Channel::sms};
    EXPECT_THAT(lines(plan_now()),
                ElementsAre("1 planned email ada@example.org en", "2 planned sms +14155550123 en"));
}

TEST_F(PlanTest, ReachesWebThroughFcm) {
    notification_.channels = {Channel::push};
    recipient_.user->devices = {
        {Platform::web, "web-1", kNow}, {Platform::ios, "ios-1", kNow}, {Platform::ios, "ios-2", kNow}};
    EXPECT_THAT(lines(plan_now()), ElementsAre("1 planned push.fcm web-1 en", "2 planned push.apns ios-1 en",
                                               "3 planned push.apns ios-2 en"));
}

TEST_F(PlanTest, SkipsWhatNoProviderCarries) {
    notification_.channels = {Channel::push, Channel::sms};
    const Route routes[] = {Route::push_apns};
    const auto planned = plan(notification_, 0, recipient_, template_, kNow, routes);
    EXPECT_THAT(lines(planned),
                ElementsAre("1 planned push.apns ios-1 en", "2 skipped push.fcm android-1 no_provider",
                            "3 skipped sms +14155550123 no_provider"));
}

TEST_F(PlanTest, SkipsWhatThePersonHasNoAddressFor) {
    recipient_.user->devices.clear();
    recipient_.user->phone.clear();
    recipient_.user->email.clear();
    const auto plan = plan_now();
    EXPECT_THAT(lines(plan), ElementsAre("1 skipped push no_device", "2 skipped sms no_phone",
                                         "3 skipped email no_email"));
    EXPECT_THAT(plan.trace, ElementsAre("push:default_on", "push:no_device", "sms:default_on", "sms:no_phone",
                                        "email:default_on", "email:no_email"));
}

TEST_F(PlanTest, SkipsWhatThePersonDoesNotWantAndSaysWhichRule) {
    recipient_.preferences.channels = {{Channel::push, false}, {Channel::sms, true}};
    const auto plan = plan_now();
    EXPECT_THAT(lines(plan), ElementsAre("1 skipped push channel_off", "2 planned sms +14155550123 en",
                                         "3 planned email ada@example.org en"));
    EXPECT_THAT(plan.trace, ElementsAre("push:channel_off", "sms:channel_on", "email:default_on"));
}

TEST_F(PlanTest, AsksThePreferencesForTheTemplatesCategory) {
    recipient_.preferences.categories["transactional"].all = false;
    recipient_.preferences.categories["transactional"].channels[Channel::email] = true;
    const auto plan = plan_now();
    EXPECT_THAT(lines(plan), ElementsAre("1 skipped push category_off", "2 skipped sms category_off",
                                         "3 planned email ada@example.org en"));
    EXPECT_THAT(plan.trace,
                ElementsAre("push:category_off", "sms:category_off", "email:category_channel_on"));
    recipient_.preferences.categories["transactional"].channels[Channel::email] = false;
    EXPECT_EQ(lines(plan_now())[2], "3 skipped email category_channel_off");
    recipient_.preferences.categories["transactional"].all = true;
    EXPECT_EQ(plan_now().trace[0], "push:category_on");
}

TEST_F(PlanTest, SendsSystemMessagesWhateverThePreferences) {
    use_template(R"({"sms":{"body":"b"}})", R"("category":"system",)");
    notification_.channels = {Channel::sms};
    recipient_.preferences.channels[Channel::sms] = false;
    const auto plan = plan_now();
    EXPECT_THAT(lines(plan), ElementsAre("1 planned sms +14155550123 en"));
    EXPECT_THAT(plan.trace, ElementsAre("sms:system_category"));
}

TEST_F(PlanTest, SkipsAChannelThatTheTemplateLacks) {
    use_template(R"({"sms":{"body":"b"}})");
    const auto plan = plan_now();
    EXPECT_THAT(lines(plan),
                ElementsAre("1 skipped push template_lacks_channel", "2 planned sms +14155550123 en",
                            "3 skipped email template_lacks_channel"));
    EXPECT_THAT(plan.trace,
                ElementsAre("push:template_lacks_channel", "sms:default_on", "email:template_lacks_channel"));
}

TEST_F(PlanTest, SkipsASuppressedAddressAndNoOther) {
    recipient_.suppressions = {{Channel::push, "ios-1", "gone"},
                               {Channel::email, "other@example.org", "bounced"}};
    const auto plan = plan_now();
    EXPECT_THAT(lines(plan),
                ElementsAre("1 skipped push.apns ios-1 suppressed", "2 planned push.fcm android-1 en",
                            "3 planned sms +14155550123 en", "4 planned email ada@example.org en"));
    EXPECT_THAT(plan.trace,
                ElementsAre("push:default_on", "push:suppressed", "sms:default_on", "email:default_on"));
}

TEST_F(PlanTest, SuppressesAnAddressOnItsChannelOnly) {
    recipient_.suppressions = {{Channel::sms, "ada@example.org", "?"},
                               {Channel::sms, "+14155550123", "STOP"}};
    notification_.channels = {Channel::sms, Channel::email};
    EXPECT_THAT(lines(plan_now()),
                ElementsAre("1 skipped sms +14155550123 suppressed", "2 planned email ada@example.org en"));
}

TEST_F(PlanTest, SkipsEveryChannelOfAnUnknownRecipient) {
    recipient_.user.reset();
    const auto plan = plan_now();
    EXPECT_THAT(lines(plan),
                ElementsAre("1 skipped push unknown_recipient", "2 skipped sms unknown_recipient",
                            "3 skipped email unknown_recipient"));
    EXPECT_THAT(plan.trace, ElementsAre("unknown_recipient"));
}

TEST_F(PlanTest, WaitsForSendAt) {
    notification_.send_at = kNow + hours(2);
    notification_.deadline_at = kNow + hours(3);
    const auto plan = plan_now();
    EXPECT_EQ(plan.wait_until, kNow + hours(2));
    EXPECT_THAT(plan.entries, IsEmpty());
    EXPECT_THAT(plan.trace, ElementsAre("send_at"));
}

TEST_F(PlanTest, DoesNotWaitOnceSendAtHasCome) {
    notification_.channels = {Channel::sms};
    notification_.send_at = kNow;
    EXPECT_THAT(lines(plan_now()), ElementsAre("1 planned sms +14155550123 en"));
}

TEST_F(PlanTest, DoesNotWaitAgainInALaterStep) {
    notification_.channels = {Channel::sms};
    notification_.send_at = kNow + Millis{5};
    const auto plan = plan_at(kNow, 1);
    EXPECT_EQ(plan.wait_until, std::nullopt);
    EXPECT_THAT(lines(plan), ElementsAre("1 planned sms +14155550123 en"));
}

TEST_F(PlanTest, ExpiresAtTheDeadline) {
    EXPECT_EQ(plan_at(notification_.deadline_at - Millis{1}).entries[0].state, DeliveryState::planned);
    const auto plan = plan_at(notification_.deadline_at);
    EXPECT_THAT(lines(plan), ElementsAre("1 expired push deadline_passed", "2 expired sms deadline_passed",
                                         "3 expired email deadline_passed"));
    EXPECT_THAT(plan.trace, ElementsAre("deadline_passed"));
}

TEST_F(PlanTest, SkipsWhatWasAcceptedBeforeTheErasure) {
    recipient_.erased_at = kNow;
    const auto plan = plan_now();
    EXPECT_THAT(lines(plan),
                ElementsAre("1 skipped push erased", "2 skipped sms erased", "3 skipped email erased"));
    EXPECT_THAT(plan.trace, ElementsAre("erased"));
}

TEST_F(PlanTest, SendsWhatWasAcceptedAfterTheErasure) {
    notification_.channels = {Channel::sms};
    recipient_.erased_at = kNow - Millis{1};
    EXPECT_THAT(lines(plan_now()), ElementsAre("1 planned sms +14155550123 en"));
}

TEST_F(PlanTest, SaysErasedBeforeAnythingElse) {
    recipient_.erased_at = kNow + hours(1);
    recipient_.user.reset();
    notification_.send_at = kNow + hours(9);
    EXPECT_THAT(plan_at(notification_.deadline_at).trace, ElementsAre("erased"));
}

TEST_F(PlanTest, ChoosesTheLocaleForEachChannel) {
    use_template(R"({"sms":{"body":"b"},"email":{"subject":"s","text":"t"},"push":{"title":"t","body":"b"}})",
                 R"("locale":"de","translations":{"fr":{"sms":{"body":"f"}},)"
                 R"("fr-CA":{"push":{"title":"t","body":"b"}}},)");
    recipient_.user->locale = "fr-CA";
    EXPECT_THAT(lines(plan_now()),
                ElementsAre("1 planned push.apns ios-1 fr-CA", "2 planned push.fcm android-1 fr-CA",
                            "3 planned sms +14155550123 fr", "4 planned email ada@example.org de"));
    recipient_.user->locale.clear();
    EXPECT_EQ(lines(plan_now())[2], "3 planned sms +14155550123 de");
}

TEST_F(PlanTest, DecidesTheSameFromTheSameValues) { EXPECT_EQ(plan_now(), plan_now()); }

TEST_F(PlanTest, ReadsBackWhatItEncodes) {
    recipient_.suppressions = {{Channel::push, "ios-1", "gone"}};
    recipient_.preferences.channels[Channel::email] = false;
    notification_.send_at = kNow + hours(2);
    for (const auto& plan : {plan_at(kNow), plan_at(kNow, 1), plan_at(kNow + hours(9)), Plan{}}) {
        const auto decoded = decode_plan(encode_plan(plan));
        ASSERT_TRUE(decoded) << encode_plan(plan);
        EXPECT_EQ(*decoded, plan) << encode_plan(plan);
    }
}

TEST_F(PlanTest, DoesNotDecodeWhatIsNoPlan) {
    const std::vector<std::string> texts = {
        "",
        "[]",
        "{}",
        R"({"entries":[]})",
        R"({"trace":[]})",
        R"({"entries":{},"trace":[]})",
        R"({"entries":[1],"trace":[]})",
        R"({"entries":[{"ordinal":0,"state":"planned","channel":"sms"}],"trace":[]})",
        R"({"entries":[{"ordinal":1,"state":"lost","channel":"sms"}],"trace":[]})",
        R"({"entries":[{"ordinal":1,"state":"planned","channel":"fax"}],"trace":[]})",
    };
    for (const auto& text : texts) {
        const auto plan = decode_plan(text);
        ASSERT_FALSE(plan) << text;
        EXPECT_EQ(plan.error().code, ErrorCode::invalid);
    }
}

TEST_F(PlanTest, PutsEveryRuleIntoWords) {
    for (const std::string code :
         {"system_category", "category_channel_on", "category_channel_off", "category_on", "category_off",
          "channel_on", "channel_off", "default_on", "erased", "deadline_passed", "unknown_recipient",
          "send_at", "template_lacks_channel", "no_device", "no_phone", "no_email", "suppressed",
          "cancelled"}) {
        EXPECT_THAT(explain(code), HasSubstr(" ")) << code;
        EXPECT_EQ(explain("sms:" + code), "sms: " + explain(code));
    }
}

TEST_F(PlanTest, RepeatsACodeThatHasNoWords) {
    EXPECT_EQ(explain("deferred: 503"), "deferred: 503");
    EXPECT_EQ(explain("odd"), "odd");
    EXPECT_EQ(explain(""), "");
}

TEST_F(PlanTest, KeepsTheGateOpenForWhatItPlanned) {
    const auto planned = plan_now();
    for (const auto& entry : planned.entries) {
        EXPECT_EQ(closed_gate(notification_, entry, recipient_, template_), std::nullopt);
    }
}

TEST_F(PlanTest, ClosesTheGateToWhatChangedSincePlanning) {
    recipient_.preferences.channels[Channel::sms] = false;
    EXPECT_EQ(gate(Channel::sms, "+14155550123"), "channel_off");
    EXPECT_EQ(gate(Channel::email, "ada@example.org"), std::nullopt);
    recipient_.suppressions = {{Channel::email, "ada@example.org", "bounced"}};
    EXPECT_EQ(gate(Channel::email, "ada@example.org"), "suppressed");
    EXPECT_EQ(gate(Channel::email, "other@example.org"), std::nullopt);
    EXPECT_EQ(gate(Channel::push, "ada@example.org"), std::nullopt);
    recipient_.user.reset();
    EXPECT_EQ(gate(Channel::push, "ios-1"), "unknown_recipient");
    recipient_.erased_at = kNow;
    EXPECT_EQ(gate(Channel::push, "ios-1"), "erased");
}

TEST_F(PlanTest, ClosesTheGateToErasedOnlyIfAcceptedEarlier) {
    recipient_.erased_at = kNow - Millis{1};
    EXPECT_EQ(gate(Channel::sms, "+14155550123"), std::nullopt);
    recipient_.erased_at = kNow + Millis{1};
    EXPECT_EQ(gate(Channel::sms, "+14155550123"), "erased");
}

TEST_F(PlanTest, KeepsTheGateOpenForSystemMessages) {
    use_template(R"({"sms":{"body":"b"}})", R"("category":"system",)");
    recipient_.preferences.channels[Channel::sms] = false;
    EXPECT_EQ(gate(Channel::sms, "+14155550123"), std::nullopt);
}

}  // namespace
}  // namespace herald
