#include "model/recipient.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const TimePoint kNow = from_millis(1'700'000'000'000);
const UserId kAda{"ada"};

User read(const std::string& body) {
    std::vector<FieldError> errors;
    auto user = read_user(kAda, Json::parse(body).value(), kNow, errors);
    for (const auto& error : errors) ADD_FAILURE() << error.path << ' ' << error.message;
    return user;
}

std::vector<std::string> mistakes(const std::string& body) {
    std::vector<FieldError> errors;
    read_user(kAda, Json::parse(body).value(), kNow, errors);
    std::vector<std::string> found;
    for (const auto& error : errors) found.push_back(error.path + " " + error.code);
    return found;
}

std::string quoted(const std::string& text) { return JsonWriter().value(text).take(); }

TEST(UserTest, IsReadWhole) {
    const auto user = read(R"({"id":"ada","email":"ada@example.org","phone":"+14155550123","locale":"pt-BR",
        "timezone":"Europe/London",
        "devices":[{"platform":"ios","token":"aa"},{"platform":"web","token":"bb:c-d_e"}]})");
    EXPECT_EQ(user.id, kAda);
    EXPECT_EQ(user.email, "ada@example.org");
    EXPECT_EQ(user.phone, "+14155550123");
    EXPECT_EQ(user.locale, "pt-BR");
    EXPECT_EQ(user.timezone, "Europe/London");
    const Device phone{Platform::ios, "aa", kNow};
    const Device browser{Platform::web, "bb:c-d_e", kNow};
    EXPECT_THAT(user.devices, ElementsAre(phone, browser));
    EXPECT_EQ(user.devices[0].registered_at, kNow);
}

TEST(UserTest, MayLeaveEverythingOut) {
    const User nobody{.id = kAda, .email = {}, .phone = {}, .locale = {}, .timezone = {}, .devices = {}};
    EXPECT_EQ(read("{}"), nobody);
    EXPECT_EQ(read(R"({"email":null,"phone":null,"locale":null,"timezone":null,"devices":null})"), nobody);
}

TEST(UserTest, ReadsBackWhatItWrites) {
    for (const std::string body :
         {R"({"id":"ada","email":"a@b","phone":"+4420123456","locale":"en","timezone":"UTC",)"
          R"("devices":[{"platform":"ios","token":"a"},{"platform":"android","token":"b"}]})",
          R"({"id":"ada","email":null,"phone":null,"locale":null,"timezone":null,"devices":[]})"}) {
        JsonWriter out;
        write_user(out, read(body));
        EXPECT_EQ(out.text(), body);
    }
}

TEST(UserTest, AcceptsAddressesOfEveryUsualForm) {
    for (const std::string email : {"a@b", "a.b+c@d-e.example", "ünï@exämple.org", "a'b@c.de"}) {
        EXPECT_THAT(mistakes(R"({"email":)" + quoted(email) + "}"), IsEmpty()) << email;
    }
    for (const std::string phone : {"+12345678", "+123456789012345"}) {
        EXPECT_THAT(mistakes(R"({"phone":)" + quoted(phone) + "}"), IsEmpty()) << phone;
    }
    for (const std::string locale : {"en", "pt-BR", "zh_Hant_TW", "de-1996"}) {
        EXPECT_THAT(mistakes(R"({"locale":)" + quoted(locale) + "}"), IsEmpty()) << locale;
    }
}

TEST(UserTest, RefusesWhatIsNoEmailAddress) {
    for (const std::string email : {"a", "@b", "a@", "a@b@c", "a b@c", "<a@b>", "a@b,c@d", "a;b@c",
                                    "a@b\r\nBcc: c@d", "a\tb@c", "\"a\"@b", "a\\@b", "a(b)@c", "a:b@c"}) {
        EXPECT_THAT(mistakes(R"({"email":)" + quoted(email) + "}"), ElementsAre("email format")) << email;
    }
}

TEST(UserTest, RefusesWhatIsNoPhoneNumber) {
    for (const std::string phone : {"4155550123", "+04155550123", "+1234567", "+1 4155550123", "+1-415-555",
                                    "00441234567", "+1415555012a", "+"}) {
        EXPECT_THAT(mistakes(R"({"phone":)" + quoted(phone) + "}"), ElementsAre("phone format")) << phone;
    }
    EXPECT_THAT(mistakes(R"({"phone":"+1234567890123456"})"), ElementsAre("phone length"));
}

TEST(UserTest, RefusesWhatIsNoLocale) {
    for (const std::string locale : {"e", "en US", "en/US", "é", "en;q=1"}) {
        EXPECT_THAT(mistakes(R"({"locale":)" + quoted(locale) + "}"), ElementsAre("locale format")) << locale;
    }
}

TEST(UserTest, AcceptsTimeZonesOfEveryForm) {
    for (const std::string zone : {"UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Etc/GMT+5"}) {
        EXPECT_THAT(mistakes(R"({"timezone":)" + quoted(zone) + "}"), IsEmpty()) << zone;
    }
}

TEST(UserTest, RefusesWhatCannotBeATimeZone) {
    for (const std::string zone :
         {"/UTC", "../zoneinfo/UTC", "Europe/../UTC", "Europe/Paris\n", "GMT 5", "zone.tab", "é"}) {
        EXPECT_THAT(mistakes(R"({"timezone":)" + quoted(zone) + "}"), ElementsAre("timezone format")) << zone;
    }
}

TEST(UserTest, RefusesATimeZoneThatTheMachineDoesNotKnow) {
    if (!std::filesystem::is_directory("/usr/share/zoneinfo")) GTEST_SKIP() << "no time zones here";
    for (const std::string zone : {"Mars/Olympus", "Europe", "Europe/", "europe/paris/x", "leapseconds"}) {
        EXPECT_THAT(mistakes(R"({"timezone":)" + quoted(zone) + "}"), ElementsAre("timezone format")) << zone;
    }
}

TEST(UserTest, BoundsEveryText) {
    const auto text = [](std::size_t length) { return "\"" + std::string(length, 'x') + "\""; };
    EXPECT_THAT(mistakes(R"({"email":)" + text(255) + "}"), ElementsAre("email length"));
    EXPECT_THAT(mistakes(R"({"locale":)" + text(36) + "}"), ElementsAre("locale length"));
    EXPECT_THAT(mistakes(R"({"timezone":)" + text(65) + "}"), ElementsAre("timezone length"));
    EXPECT_THAT(mistakes(R"({"email":"","phone":"","locale":"","timezone":""})"),
                ElementsAre("email length", "phone length", "locale length", "timezone length"));
    EXPECT_THAT(mistakes(R"({"devices":[{"platform":"ios","token":)" + text(4097) + "}]}"),
                ElementsAre("devices[0].token length"));
}

TEST(UserTest, RefusesAnotherId) {
    EXPECT_THAT(mistakes(R"({"id":"bob"})"), ElementsAre("id mismatch"));
    EXPECT_THAT(mistakes(R"({"id":7})"), ElementsAre("id type"));
}

TEST(UserTest, RefusesWrongTypesAndUnknownFields) {
    EXPECT_THAT(mistakes(R"({"email":1,"phone":[],"locale":true,"timezone":{},"devices":{},"name":"Ada"})"),
                ElementsAre("email type", "phone type", "locale type", "timezone type", "devices type",
                            "name unknown_field"));
    EXPECT_THAT(mistakes("[]"), ElementsAre(" type"));
}

TEST(UserTest, SaysWhatIsWrongWithEachDevice) {
    EXPECT_THAT(
        mistakes(R"({"devices":[1,{},{"platform":"ios"},{"token":"t"},{"platform":"tv","token":"t"},
                             {"platform":"ios","token":"t","name":"x"},{"platform":"ios","token":"a/b"}]})"),
        ElementsAre("devices[0] type", "devices[1].platform required", "devices[1].token required",
                    "devices[2].token required", "devices[3].platform required", "devices[4].platform enum",
                    "devices[5].name unknown_field", "devices[6].token format"));
}

TEST(UserTest, RefusesTokensThatWouldBreakAUrl) {
    for (const std::string token : {"a b", "a/b", "a?b", "a#b", "a%b", "../x", "a\nb"}) {
        EXPECT_THAT(mistakes(R"({"devices":[{"platform":"ios","token":)" + quoted(token) + "}]}"),
                    ElementsAre("devices[0].token format"))
            << token;
    }
}

TEST(UserTest, RefusesADeviceThatStandsInTheListAlready) {
    EXPECT_THAT(mistakes(R"({"devices":[{"platform":"ios","token":"a"},{"platform":"android","token":"a"},
                             {"platform":"ios","token":"a"}]})"),
                ElementsAre("devices[2] duplicate"));
}

TEST(UserTest, RefusesMoreThanAHundredDevices) {
    const auto devices = [](std::size_t count) {
        JsonWriter out;
        out.begin_object().key("devices").begin_array();
        for (std::size_t i = 0; i < count; ++i) {
            out.begin_object()
                .member("platform", "ios")
                .member("token", "t" + std::to_string(i))
                .end_object();
        }
        return out.end_array().end_object().take();
    };
    EXPECT_EQ(read(devices(kMaxDevices)).devices.size(), kMaxDevices);
    EXPECT_THAT(mistakes(devices(kMaxDevices + 1)), ElementsAre("devices length"));
}

TEST(DeviceTest, IsTheSameWheneverItWasRegistered) {
    const Device device{Platform::ios, "t", kNow};
    EXPECT_EQ(device, (Device{Platform::ios, "t", kNow + Millis{1}}));
    EXPECT_FALSE(device == (Device{Platform::android, "t", kNow}));
    EXPECT_FALSE(device == (Device{Platform::ios, "u", kNow}));
}

}  // namespace
}  // namespace herald
