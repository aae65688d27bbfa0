#include "net/http.hpp"

namespace herald::net {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

TEST(Headers, AreFoundWithoutRegardToCase) {
    const Headers headers{{"Content-Type", "text/plain"}, {"X-Two", "first"}, {"x-two", "second"}};
    EXPECT_EQ(find_header(headers, "content-TYPE"), "text/plain");
    EXPECT_EQ(find_header(headers, "X-TWO"), "first");
    EXPECT_EQ(find_header(headers, "x-tw"), std::nullopt);
    EXPECT_EQ(find_header({}, "host"), std::nullopt);
}

TEST(Headers, WithEmptyValueArePresent) { EXPECT_EQ(find_header({{"a", ""}}, "A"), ""); }

TEST(Form, EncodesEveryByteOutsideTheUnreservedSet) {
    EXPECT_EQ(form_encode({{"To", "+49 30"}, {"Body", "a&b=c%~._-\n\xc3\xa9"}}),
              "To=%2B49%2030&Body=a%26b%3Dc%25~._-%0A%C3%A9");
    EXPECT_EQ(form_encode({}), "");
}

TEST(Form, DecodesInOrderAndKeepsRepeatedNames) {
    EXPECT_EQ(form_decode("a=1&b=x%20y+z&a=2"), (Fields{{"a", "1"}, {"b", "x y z"}, {"a", "2"}}));
}

TEST(Form, TakesWhatIsNotProperlyEncodedAsItStands) {
    EXPECT_EQ(form_decode("a=%&b=%4&c=%zz&d=100%"),
              (Fields{{"a", "%"}, {"b", "%4"}, {"c", "%zz"}, {"d", "100%"}}));
}

TEST(Form, TakesMissingParts) {
    EXPECT_EQ(form_decode("a&=v&&b="), (Fields{{"a", ""}, {"", "v"}, {"b", ""}}));
    EXPECT_EQ(form_decode(""), Fields{});
    EXPECT_EQ(form_decode("a=b=c"), (Fields{{"a", "b=c"}}));
}

TEST(Form, DecodesWhatItEncoded) {
    std::string every_byte;
    for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
    const Fields fields{{every_byte, "x"}, {"y", every_byte}};
    EXPECT_EQ(form_decode(form_encode(fields)), fields);
}

TEST(PercentDecode, LeavesPlusAloneAndReadsBothCases) {
    EXPECT_EQ(percent_decode("a+b%2F%2f%C3%a9"), "a+b//\xc3\xa9");
}

TEST(PercentDecode, DecodesAnEscapeAtTheVeryEnd) { EXPECT_EQ(percent_decode("x%41"), "xA"); }

}  // namespace
}  // namespace herald::net
