#pragma once

#include "ports/testing/store_contract.hpp"

namespace herald {

class IdempotencyContract : public StoreContract {
protected:
    Remembered remember(const IdempotencyRow& row) {
        const IdempotencyRow batch[] = {row};
        return must(store_.remember(batch)).at(0);
    }
};

TEST_P(IdempotencyContract, TheFirstRequestOwnsTheRow) {
    const auto remembered = remember(make_idempotency_row("k"));
    EXPECT_TRUE(remembered.first);
    EXPECT_EQ(remembered.row, make_idempotency_row("k"));
}

TEST_P(IdempotencyContract, ARepeatGetsTheFirstRow) {
    auto row = make_idempotency_row("k", 1);
    row.lane = Lane::critical;
    row.template_version = 3;
    remember(row);
    const auto repeated = remember(make_idempotency_row("k", 2, now() + seconds(1)));
    EXPECT_FALSE(repeated.first);
    EXPECT_EQ(repeated.row, row);
}

TEST_P(IdempotencyContract, ARepeatInFlightDoesNotProlongIt) {
    remember(make_idempotency_row("k"));
    clock_.advance(seconds(1));
    remember(make_idempotency_row("k", 2, now()));
    EXPECT_EQ(remember(make_idempotency_row("k", 3, now())).row, make_idempotency_row("k"));
}

TEST_P(IdempotencyContract, ARepeatAfterTheFlightTakesItOver) {
    const auto first = make_idempotency_row("k");
    remember(first);
    clock_.advance(Millis{1500});
    const auto second = make_idempotency_row("k", 2, now());
    EXPECT_EQ(remember(second).row, first);
    auto taken_over = first;
    taken_over.in_flight_until = second.in_flight_until;
    EXPECT_EQ(remember(make_idempotency_row("k", 3, now())).row, taken_over);
}

TEST_P(IdempotencyContract, AnotherBodyDoesNotTakeItOver) {
    remember(make_idempotency_row("k"));
    clock_.advance(seconds(5));
    auto other = make_idempotency_row("k", 2, now());
    other.body_hash = sha256("another body");
    EXPECT_EQ(remember(other).row, make_idempotency_row("k"));
    EXPECT_EQ(remember(other).row, make_idempotency_row("k"));
}

TEST_P(IdempotencyContract, TenantsHaveKeysOfTheirOwn) {
    remember(make_idempotency_row("k"));
    auto other = make_idempotency_row("k", 2);
    other.tenant = other_tenant_;
    EXPECT_TRUE(remember(other).first);
}

TEST_P(IdempotencyContract, ABatchAnswersInItsOrder) {
    remember(make_idempotency_row("b", 9));
    const IdempotencyRow batch[] = {make_idempotency_row("c", 1), make_idempotency_row("b", 2),
                                    make_idempotency_row("a", 3), make_idempotency_row("a", 4)};
    const auto remembered = must(store_.remember(batch));
    ASSERT_EQ(remembered.size(), 4u);
    EXPECT_TRUE(remembered[0].first);
    EXPECT_EQ(remembered[1].row.id, make_id(9));
    EXPECT_TRUE(remembered[2].first);
    EXPECT_FALSE(remembered[3].first);
    EXPECT_EQ(remembered[3].row.id, make_id(3));
}

TEST_P(IdempotencyContract, FindsTheRowThatStands) {
    remember(make_idempotency_row("k"));
    clock_.advance(Millis{1500});
    auto taken_over = make_idempotency_row("k");
    taken_over.in_flight_until = now() + Millis{1500};
    remember(make_idempotency_row("k", 2, now()));
    EXPECT_EQ(must(store_.find(default_tenant(), "k")), taken_over);
}

TEST_P(IdempotencyContract, FindsNoRowOfAnother) {
    remember(make_idempotency_row("k"));
    EXPECT_EQ(must(store_.find(other_tenant_, "k")), std::nullopt);
    EXPECT_EQ(must(store_.find(default_tenant(), "K")), std::nullopt);
}

TEST_P(IdempotencyContract, FindingAKeyLeavesNoTrace) {
    EXPECT_EQ(must(store_.find(default_tenant(), "k")), std::nullopt);
    EXPECT_TRUE(remember(make_idempotency_row("k")).first);
}

TEST_P(IdempotencyContract, ForgetsWhatIsOld) {
    remember(make_idempotency_row("old"));
    clock_.advance(hours(1));
    remember(make_idempotency_row("new", 2, now()));
    EXPECT_EQ(must(store_.forget(now(), 100)), 1u);
    EXPECT_TRUE(remember(make_idempotency_row("old", 3, now())).first);
    EXPECT_FALSE(remember(make_idempotency_row("new", 4, now())).first);
}

TEST_P(IdempotencyContract, ForgetsAtMostAsManyAsAsked) {
    for (const auto* key : {"a", "b", "c"}) remember(make_idempotency_row(key));
    EXPECT_EQ(must(store_.forget(now() + seconds(1), 2)), 2u);
    EXPECT_EQ(must(store_.forget(now() + seconds(1), 2)), 1u);
    EXPECT_EQ(must(store_.forget(now() + seconds(1), 2)), 0u);
}

}  // namespace herald
