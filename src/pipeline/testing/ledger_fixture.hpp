#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/testing/world.hpp"

namespace herald {

/// The rules of the ledger, sentence by sentence: LedgerNN_ is a sentence of rule NN (docs/guarantees.md).
class Ledger : public ::testing::Test {
protected:
    World world;
};

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

}  // namespace herald
