#include "api/traceparent.hpp"

#include <gtest/gtest.h>

namespace herald::api {
namespace {

const std::string kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Traceparent, IsPassedOnAsItCame) { EXPECT_EQ(read_traceparent({{"Traceparent", kTrace}}), kTrace); }

TEST(Traceparent, IsEmptyWhenItIsNone) {
    EXPECT_EQ(read_traceparent({}), "");
    for (const auto& value : {
             std::string(),
             kTrace + "x",
             kTrace + "-01",
             kTrace.substr(0, 54),
             "ff" + kTrace.substr(2),
             "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01" + std::string(),
             "00-00000000000000000000000000000000-b7ad6b7169203331-01" + std::string(),
             "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01" + std::string(),
             "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01" + std::string(),
         }) {
        EXPECT_EQ(read_traceparent({{"traceparent", value}}), "") << value;
    }
}

TEST(Traceparent, OfALaterVersionIsReadAsFarAsItIsUnderstood) {
    EXPECT_EQ(read_traceparent({{"traceparent", "01" + kTrace.substr(2) + "-more"}}), kTrace);
}

}  // namespace
}  // namespace herald::api
