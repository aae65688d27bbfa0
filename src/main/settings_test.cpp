#include "main/settings.hpp"

#include <cstdlib>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Settings read(const Settings::Environment& environment) {
    auto settings = Settings::read(environment);
    EXPECT_TRUE(settings) << settings.error().message;
    return settings ? *std::move(settings) : Settings();
}

std::string refusal(const Settings::Environment& environment) {
    const auto settings = Settings::read(environment);
    EXPECT_FALSE(settings);
    if (settings) return "";
    EXPECT_EQ(settings.error().code, ErrorCode::invalid);
    return settings.error().message;
}

TEST(SettingsTest, HaveTheDefaultsThatOthersRelyOn) {
    const auto settings = read({});
    const std::vector<std::pair<std::string_view, std::string_view>> defaults = {
        {"KAFKA_BOOTSTRAP_SERVERS", ""},
        {"DATABASE_URL", ""},
        {"REDIS_URL", ""},
        {"LOG_LEVEL", "INFO"},
        {"HERALD_DATA_DIR", "./data"},
        {"HERALD_LISTEN", "127.0.0.1:8000"},
        {"HERALD_ALLOW_ANONYMOUS", "0"},
        {"HERALD_LOG_RETENTION_S", "604800"},
        {"HERALD_STORE_RETENTION_S", "3456000"},
        {"HERALD_APPEND_DEADLINE_MS", "1500"},
        {"HERALD_SHUTDOWN_S", "20"},
        {"HERALD_RETRY_BASE_MS", "1000"},
        {"HERALD_RETRY_CAP_MS", "300000"},
        {"HERALD_RECONCILE_PUSH_S", "0"},
        {"HERALD_RECONCILE_SMS_S", "30"},
        {"HERALD_RECONCILE_EMAIL_S", "30"},
        {"HERALD_SIMULATOR_PORT", "8101"},
        {"HERALD_SIMULATOR_LISTEN", "127.0.0.1"},
        {"HERALD_SIMULATOR_HOST", "127.0.0.1"},
        {"HERALD_APNS_CALL_DEADLINE_MS", "10000"},
        {"HERALD_MAX_BODY_BYTES", "262144"},
    };
    for (const auto& [name, value] : defaults) EXPECT_EQ(settings.text(name), value) << name;
}

TEST(SettingsTest, TakeTheEnvironmentOverTheDefault) {
    const auto settings =
        read({{"HERALD_LISTEN", "0.0.0.0:80"}, {"HERALD_SHUTDOWN_S", "5"}, {"LOG_LEVEL", "DEBUG"}});
    EXPECT_EQ(settings.text("HERALD_LISTEN"), "0.0.0.0:80");
    EXPECT_EQ(settings.integer("HERALD_SHUTDOWN_S"), 5);
    EXPECT_EQ(settings.text("LOG_LEVEL"), "DEBUG");
}

TEST(SettingsTest, KnowWhatTheEnvironmentNamed) {
    const auto settings = read({{"HERALD_SHUTDOWN_S", "20"}, {"HERALD_API_KEY", ""}});
    EXPECT_TRUE(settings.is_set("HERALD_SHUTDOWN_S"));
    EXPECT_FALSE(settings.is_set("HERALD_API_KEY"));
    EXPECT_FALSE(settings.is_set("HERALD_LISTEN"));
}

TEST(SettingsTest, TakeWhatIsSetToNothingAsUnset) {
    const auto settings = read({{"HERALD_SHUTDOWN_S", ""}, {"LOG_LEVEL", ""}, {"HERALD_PUSH_PROVIDERS", ""}});
    EXPECT_EQ(settings.integer("HERALD_SHUTDOWN_S"), 20);
    EXPECT_EQ(settings.text("LOG_LEVEL"), "INFO");
    EXPECT_FALSE(settings.is_set("HERALD_PUSH_PROVIDERS"));
}

TEST(SettingsTest, RefuseAHeraldNameThatTheTableLacks) {
    EXPECT_THAT(refusal({{"HERALD_SHUTDOWN", "5"}}), HasSubstr("HERALD_SHUTDOWN is not a setting"));
    EXPECT_THAT(refusal({{"HERALD_", ""}}), HasSubstr("HERALD_ is not a setting"));
    EXPECT_THAT(refusal({{"HERALD_listen", "x"}}), HasSubstr("HERALD_listen is not a setting"));
}

TEST(SettingsTest, LeaveTheNamesOfOthersAlone) {
    read({{"PATH", "/bin"}, {"HOME", ""}, {"HERALDX", "1"}, {"KAFKA_OTHER", "1"}, {"log_level", "odd"}});
}

TEST(SettingsTest, LeaveAloneOnlyTheToleratedNames) {
    const std::vector<std::string_view> tolerated = {"HERALD_CRASH_AT"};
    EXPECT_TRUE(Settings::read({{"HERALD_CRASH_AT", "claimed"}}, tolerated));
    EXPECT_FALSE(Settings::read({{"HERALD_CRASH_AT", "claimed"}}));
    EXPECT_FALSE(Settings::read({{"HERALD_CRASH", "claimed"}}, tolerated));
}

TEST(SettingsTest, BoundEveryWholeNumberOfTheTable) {
    for (const auto& setting : setting_table()) {
        if (setting.kind != Setting::Kind::integer) continue;
        const std::string name(setting.name);
        const auto dots = setting.range.find("..");
        ASSERT_NE(dots, std::string_view::npos) << name;
        const std::string min(setting.range.substr(0, dots));
        const std::string max(setting.range.substr(dots + 2));
        EXPECT_EQ(read({{name, min}}).integer(name), std::stoll(min));
        EXPECT_EQ(read({{name, max}}).integer(name), std::stoll(max));
        const auto complaint = "it must be a whole number from " + min + " to " + max;
        EXPECT_THAT(refusal({{name, std::to_string(std::stoll(min) - 1)}}), HasSubstr(complaint));
        EXPECT_THAT(refusal({{name, std::to_string(std::stoll(max) + 1)}}), HasSubstr(complaint));
        const std::string fallback(setting.fallback);  // empty: unset, which is allowed too
        EXPECT_TRUE(Settings::read({{name, fallback}})) << name;
    }
}

TEST(SettingsTest, RefuseWhatIsNoWholeNumber) {
    for (const std::string value :
         {"x", "1.5", "1e3", " 5", "5 ", "+5", "0x10", "5s", "99999999999999999999"}) {
        EXPECT_EQ(refusal({{"HERALD_SHUTDOWN_S", value}}),
                  "HERALD_SHUTDOWN_S is \"" + value + "\": it must be a whole number from 1 to 600");
    }
}

TEST(SettingsTest, RefuseAChoiceOutsideItsWords) {
    for (const std::string level : {"DEBUG", "INFO", "WARNING", "ERROR"}) {
        EXPECT_EQ(read({{"LOG_LEVEL", level}}).text("LOG_LEVEL"), level);
    }
    for (const std::string level : {"debug", "TRACE", "INFO ", "DEBUG|INFO", "|"}) {
        EXPECT_THAT(refusal({{"LOG_LEVEL", level}}), HasSubstr("must be one of DEBUG|INFO|WARNING|ERROR"))
            << level;
    }
}

TEST(SettingsTest, ReadListsInTheirOrder) {
    EXPECT_THAT(read({}).list("HERALD_PUSH_PROVIDERS"), IsEmpty());
    EXPECT_THAT(read({{"HERALD_PUSH_PROVIDERS", "fcm"}}).list("HERALD_PUSH_PROVIDERS"), ElementsAre("fcm"));
    EXPECT_THAT(read({{"HERALD_PUSH_PROVIDERS", "fcm,apns"}}).list("HERALD_PUSH_PROVIDERS"),
                ElementsAre("fcm", "apns"));
    EXPECT_THAT(read({{"HERALD_PUSH_PROVIDERS", "apns,"}}).list("HERALD_PUSH_PROVIDERS"),
                ElementsAre("apns"));
}

TEST(SettingsTest, RefuseAListWithAnUnknownWord) {
    for (const std::string list : {"twilio", "apns,twilio", "apns, fcm", "apns|fcm", "APNS"}) {
        EXPECT_THAT(refusal({{"HERALD_PUSH_PROVIDERS", list}}),
                    HasSubstr("must be a list of apns|fcm|simulator"))
            << list;
    }
}

TEST(SettingsTest, TellEveryMistakeAtOnce) {
    EXPECT_EQ(refusal({{"HERALD_ODD", "1"}, {"HERALD_SHUTDOWN_S", "0"}, {"LOG_LEVEL", "loud"}}),
              "HERALD_ODD is not a setting of this version; `herald config` lists them\n"
              "HERALD_SHUTDOWN_S is \"0\": it must be a whole number from 1 to 600\n"
              "LOG_LEVEL is \"loud\": it must be one of DEBUG|INFO|WARNING|ERROR");
}

TEST(SettingsTest, HideEverySecret) {
    Settings::Environment environment;
    for (const auto& setting : setting_table()) {
        if (setting.kind == Setting::Kind::secret) environment[std::string(setting.name)] = "hush-hush";
    }
    ASSERT_FALSE(environment.empty());
    const auto text = describe(read(environment));
    EXPECT_THAT(text, Not(HasSubstr("hush-hush")));
    for (const auto& [name, value] : environment) EXPECT_THAT(text, HasSubstr(name + " = ••••   (set)\n"));
}

TEST(SettingsTest, KeepWhatMayHoldAPasswordSecret) {
    for (const auto& setting : setting_table()) {
        for (const std::string word : {"KEY", "TOKEN", "SECRET", "PASSWORD", "DATABASE_URL", "REDIS_URL"}) {
            if (!setting.name.ends_with(word)) continue;
            EXPECT_EQ(setting.kind, Setting::Kind::secret) << setting.name;
        }
    }
}

TEST(SettingsTest, ShowEveryValueInForce) {
    const auto text = describe(read({{"HERALD_LISTEN", "0.0.0.0:80"}}));
    EXPECT_THAT(text, HasSubstr("HERALD_LISTEN = 0.0.0.0:80   (set)\n"));
    EXPECT_THAT(text, HasSubstr("HERALD_SHUTDOWN_S = 20\n"));
    EXPECT_THAT(text, HasSubstr("HERALD_API_KEY = \n"));
    for (const auto& setting : setting_table())
        EXPECT_THAT(text, HasSubstr(std::string(setting.name) + " = "));
}

TEST(SettingsTest, AreDescribedWholeInMarkdown) {
    const auto text = settings_markdown();
    EXPECT_THAT(text, testing::StartsWith("# Configuration\n"));
    for (const auto& setting : setting_table()) {
        const std::string row = "\n| `" + std::string(setting.name) + "` | ";
        const auto at = text.find(row);
        ASSERT_NE(at, std::string::npos) << setting.name;
        const auto line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
        EXPECT_THAT(line, HasSubstr(std::string(setting.meaning)));
        EXPECT_THAT(line, HasSubstr(setting.fallback.empty() ? "| unset |"
                                                             : "`" + std::string(setting.fallback) + "`"));
        EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 5) << line;
    }
}

TEST(SettingsTest, HaveEachNameOnceAndAMeaning) {
    std::set<std::string_view> names;
    for (const auto& setting : setting_table()) {
        EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
        EXPECT_FALSE(setting.meaning.empty()) << setting.name;
    }
}

TEST(SettingsTest, AreReadFromTheProcess) {
    ASSERT_EQ(setenv("HERALD_TEST_VARIABLE", "a=b", 1), 0);
    EXPECT_EQ(Settings::process_environment().at("HERALD_TEST_VARIABLE"), "a=b");
    unsetenv("HERALD_TEST_VARIABLE");
    EXPECT_EQ(Settings::process_environment().count("HERALD_TEST_VARIABLE"), 0u);
}

TEST(SettingsDeathTest, CrashOnANameThatTheTableLacks) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(static_cast<void>(read({}).text("HERALD_ODD")), "check_failed");
}

}  // namespace
}  // namespace herald
