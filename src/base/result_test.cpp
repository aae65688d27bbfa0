#include "base/result.hpp"

#include <gtest/gtest.h>

namespace herald {
namespace {

Result<int> half(int number) {
    if (number % 2 != 0) return fail(ErrorCode::invalid, "halving an odd number");
    return number / 2;
}

Status check_half(int number) {
    const auto result = half(number);
    if (!result) return fail(result.error());
    return {};
}

TEST(ResultTest, HoldsAValueOrAnError) {
    EXPECT_EQ(half(4).value(), 2);
    const auto failed = half(3);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::invalid);
    EXPECT_EQ(failed.error().message, "halving an odd number");
}

TEST(ResultTest, PassesAnErrorOnWhole) {
    EXPECT_TRUE(check_half(4));
    const auto failed = check_half(3);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::invalid);
    EXPECT_EQ(failed.error().message, "halving an odd number");
}

TEST(ResultTest, NamesEveryCode) {
    const std::vector<std::pair<ErrorCode, std::string_view>> names = {
        {ErrorCode::invalid, "invalid"},
        {ErrorCode::not_found, "not_found"},
        {ErrorCode::conflict, "conflict"},
        {ErrorCode::too_large, "too_large"},
        {ErrorCode::refused_content, "refused_content"},
        {ErrorCode::unavailable, "unavailable"},
        {ErrorCode::timeout, "timeout"},
        {ErrorCode::busy, "busy"},
        {ErrorCode::closed, "closed"},
        {ErrorCode::internal, "internal"},
    };
    for (const auto& [code, name] : names) EXPECT_EQ(to_string(code), name);
}

TEST(ResultDeathTest, CrashesOnWhatCanOnlyBeABug) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    CHECK(1 + 1 == 2);
    EXPECT_DEATH(CHECK(1 + 1 == 3), "\"condition\":\"1 \\+ 1 == 3\"");
}

}  // namespace
}  // namespace herald
