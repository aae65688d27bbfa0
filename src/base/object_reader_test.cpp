#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"

namespace herald {

// For the messages of failed tests.
void PrintTo(const FieldError& error, std::ostream* out) {
    *out << error.path << ' ' << error.code << ": " << error.message;
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// One body and what a reader found wrong with it, as `path code`.
class ObjectReaderTest : public testing::Test {
protected:
    ObjectReader read(std::string_view text, std::string path = "") {
        json_ = Json::parse(text).value();
        return {json_, std::move(path), errors_};
    }
    std::vector<std::string> found() const {
        std::vector<std::string> found;
        for (const auto& error : errors_) found.push_back(error.path + " " + error.code);
        return found;
    }

    Json json_;
    std::vector<FieldError> errors_;
};

TEST_F(ObjectReaderTest, ReadsMembersOfEveryType) {
    auto reader = read(R"({"s":"x","b":true,"i":-3,"o":{"k":1},"a":[1,2],"any":1.5})");
    EXPECT_EQ(reader.required_string("s", {}), "x");
    EXPECT_EQ(reader.boolean("b"), true);
    EXPECT_EQ(reader.integer("i", -5, 5), -3);
    EXPECT_EQ(reader.object("o")->dump(), R"({"k":1})");
    EXPECT_EQ(reader.array("a", 2)->size(), 2u);
    EXPECT_EQ(reader.any("any")->dump(), "1.5");
    reader.refuse_unknown();
    EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(ObjectReaderTest, TreatsNullAsAbsent) {
    auto reader = read(R"({"s":null,"b":null,"i":null,"o":null,"a":null,"any":null})");
    EXPECT_FALSE(reader.has("s"));
    EXPECT_EQ(reader.string("s", {}), std::nullopt);
    EXPECT_EQ(reader.boolean("b"), std::nullopt);
    EXPECT_EQ(reader.integer("i", 0), std::nullopt);
    EXPECT_EQ(reader.object("o"), nullptr);
    EXPECT_EQ(reader.array("a", 9), nullptr);
    EXPECT_EQ(reader.any("any"), nullptr);
    reader.refuse_unknown();
    EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(ObjectReaderTest, RequiresWhatIsAbsentOrNull) {
    auto reader = read(R"({"b":null})");
    EXPECT_EQ(reader.required_string("a", {}), std::nullopt);
    EXPECT_EQ(reader.required_string("b", {}), std::nullopt);
    EXPECT_THAT(found(), ElementsAre("a required", "b required"));
}

TEST_F(ObjectReaderTest, RefusesWrongTypes) {
    auto reader = read(R"({"s":1,"b":"true","i":"1","f":1.0,"o":[],"a":{}})");
    EXPECT_EQ(reader.string("s", {}), std::nullopt);
    EXPECT_EQ(reader.boolean("b"), std::nullopt);
    EXPECT_EQ(reader.integer("i", 0), std::nullopt);
    EXPECT_EQ(reader.integer("f", 0), std::nullopt);
    EXPECT_EQ(reader.object("o"), nullptr);
    EXPECT_EQ(reader.array("a", 9), nullptr);
    EXPECT_THAT(found(), ElementsAre("s type", "b type", "i type", "f type", "o type", "a type"));
    EXPECT_EQ(errors_[0].message, "must be a string, is number");
}

TEST_F(ObjectReaderTest, CountsTheBytesOfStrings) {
    auto reader = read(R"({"empty":"","long":"éé","fits":"é"})");
    EXPECT_EQ(reader.string("empty", {}), std::nullopt);
    EXPECT_EQ(reader.string("long", {.max = 3}), std::nullopt);
    EXPECT_EQ(reader.string("fits", {.min = 2, .max = 2}), "é");
    EXPECT_THAT(found(), ElementsAre("empty length", "long length"));
}

TEST_F(ObjectReaderTest, BoundsWholeNumbersInclusively) {
    auto reader = read(R"({"low":0,"min":1,"max":9,"high":10,"huge":99999999999999999999})");
    EXPECT_EQ(reader.integer("low", 1, 9), std::nullopt);
    EXPECT_EQ(reader.integer("min", 1, 9), 1);
    EXPECT_EQ(reader.integer("max", 1, 9), 9);
    EXPECT_EQ(reader.integer("high", 1, 9), std::nullopt);
    EXPECT_EQ(reader.integer("huge", 1, 9), std::nullopt);
    EXPECT_THAT(found(), ElementsAre("low range", "high range", "huge type"));
}

TEST_F(ObjectReaderTest, RefusesArraysThatAreTooLong) {
    auto reader = read(R"({"a":[1,2,3]})");
    EXPECT_EQ(reader.array("a", 2), nullptr);
    EXPECT_THAT(found(), ElementsAre("a length"));
}

TEST_F(ObjectReaderTest, RefusesMembersNobodyAskedFor) {
    auto reader = read(R"({"x":1,"known":"k","y":null})");
    reader.string("known", {});
    reader.refuse_unknown();
    EXPECT_THAT(found(), ElementsAre("x unknown_field", "y unknown_field"));
}

TEST_F(ObjectReaderTest, DoesNotCountLookingAsAsking) {
    auto reader = read(R"({"x":1})");
    EXPECT_TRUE(reader.has("x"));
    reader.refuse_unknown();
    EXPECT_THAT(found(), ElementsAre("x unknown_field"));
}

TEST_F(ObjectReaderTest, SaysOnlyThatItIsNoObject) {
    auto reader = read("[1]", "items[3]");
    EXPECT_EQ(reader.required_string("a", {}), std::nullopt);
    EXPECT_EQ(reader.integer("b", 0), std::nullopt);
    EXPECT_FALSE(reader.has("a"));
    reader.refuse_unknown();
    EXPECT_THAT(errors_, ElementsAre(FieldError{"items[3]", "type", "must be an object, is array"}));
}

TEST_F(ObjectReaderTest, PutsItsPathBeforeNames) {
    auto reader = read("{}", "user.devices[0]");
    EXPECT_EQ(reader.path_of("token"), "user.devices[0].token");
    EXPECT_EQ(read("{}").path_of("token"), "token");
    reader.error("token", "format", "is odd");
    EXPECT_THAT(errors_, ElementsAre(FieldError{"user.devices[0].token", "format", "is odd"}));
}

TEST_F(ObjectReaderTest, CollectsEverythingThatIsWrong) {
    auto reader = read(R"({"a":1,"b":"x","c":7})");
    reader.string("a", {});
    reader.boolean("b");
    reader.required_string("d", {});
    reader.refuse_unknown();
    EXPECT_THAT(found(), ElementsAre("a type", "b type", "d required", "c unknown_field"));
}

}  // namespace
}  // namespace herald
