#pragma once

#include "ports/testing/store_contract.hpp"

namespace herald {

class ServiceContract : public StoreContract {};

TEST_P(ServiceContract, MakesTheFirstKeyOfIdsAndKeepsIt) {
    const auto keys = must(store_.id_keys());
    ASSERT_EQ(keys.size(), 1u);
    EXPECT_GE(keys[0].size(), 32u);
    EXPECT_EQ(must(store_.id_keys()), keys);
}

TEST_P(ServiceContract, EveryStoreHasAKeyOfItsOwn) {
    const auto other = GetParam().open(clock_);
    EXPECT_NE(must(store_.id_keys()), must(other.store->id_keys()));
}

TEST_P(ServiceContract, KeepsNotes) {
    EXPECT_FALSE(must(store_.get_note("demo")));
    must(store_.put_note("demo", "written"));
    must(store_.put_note("demo", "rewritten"));
    EXPECT_EQ(must(store_.get_note("demo")), "rewritten");
    EXPECT_FALSE(must(store_.get_note("Demo")));
}

TEST_P(ServiceContract, AnswersAPing) { EXPECT_TRUE(store_.ping()); }

}  // namespace herald
