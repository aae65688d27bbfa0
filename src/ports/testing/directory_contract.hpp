#pragma once

#include "ports/testing/store_contract.hpp"

namespace herald {

class DirectoryContract : public StoreContract {
protected:
    void put(const User& user) { must(store_.put_user(default_tenant(), user, now())); }
    std::optional<User> get(const std::string& id) {
        return must(store_.get_user(default_tenant(), UserId(id)));
    }
    bool erase(const std::string& id = "ada") {
        return must(store_.erase_user(default_tenant(), UserId(id), now()));
    }

    Recipient recipient(const std::string& id = "ada") {
        const UserRef refs[] = {{default_tenant(), UserId(id)}};
        return must(store_.load_recipients(refs)).at(0);
    }

    static Preferences no_sms() {
        Preferences preferences;
        preferences.channels[Channel::sms] = false;
        preferences.categories["billing"].channels[Channel::sms] = true;
        preferences.categories["marketing"].all = false;
        return preferences;
    }
};

TEST_P(DirectoryContract, NobodyKnowsAPersonThatWasNotPut) { EXPECT_FALSE(get("ada")); }

TEST_P(DirectoryContract, GivesBackThePersonAsPut) {
    put(make_user());
    EXPECT_EQ(get("ada"), make_user());
}

TEST_P(DirectoryContract, APutReplacesTheWholePerson) {
    put(make_user());
    User bare;
    bare.id = UserId("ada");
    bare.devices = {{Platform::web, "web-ada", now()}};
    put(bare);
    EXPECT_EQ(get("ada"), bare);
}

TEST_P(DirectoryContract, ATenantDoesNotSeeAnothersPeople) {
    put(make_user());
    EXPECT_FALSE(must(store_.get_user(other_tenant_, UserId("ada"))));
}

TEST_P(DirectoryContract, DevicesKeepTheirOrder) {
    auto user = make_user();
    std::reverse(user.devices.begin(), user.devices.end());
    put(user);
    EXPECT_EQ(get("ada")->devices, user.devices);
}

TEST_P(DirectoryContract, ATokenBelongsToWhoeverPutItLast) {
    put(make_user("ada"));
    auto bob = make_user("bob");
    bob.devices[0].token = "ios-ada";
    put(bob);
    ASSERT_EQ(get("ada")->devices.size(), 1u);
    EXPECT_EQ(get("ada")->devices[0].token, "android-ada");
    EXPECT_EQ(get("bob"), bob);
}

TEST_P(DirectoryContract, TenantsMayHaveTheSameToken) {
    put(make_user());
    must(store_.put_user(other_tenant_, make_user(), now()));
    EXPECT_EQ(get("ada")->devices.size(), 2u);
}

TEST_P(DirectoryContract, ADeviceThatStaysKeepsItsTimeOfRegistration) {
    put(make_user());
    clock_.advance(minutes(1));
    auto user = make_user();
    user.devices[1].token = "android-new";
    put(user);
    EXPECT_EQ(get("ada")->devices[0].registered_at, kTestStart);
    EXPECT_EQ(get("ada")->devices[1].registered_at, now());
}

TEST_P(DirectoryContract, ADeviceThatChangesHandsIsRegisteredAnew) {
    put(make_user("ada"));
    clock_.advance(minutes(1));
    auto bob = make_user("bob");
    bob.devices = make_user("ada").devices;
    put(bob);
    EXPECT_EQ(get("bob")->devices[0].registered_at, now());
}

TEST_P(DirectoryContract, PreferencesAreEmptyForWhoNeverSaidAnything) {
    EXPECT_EQ(must(store_.get_preferences(default_tenant(), UserId("ada"))), Preferences{});
}

TEST_P(DirectoryContract, GivesBackPreferencesAsPut) {
    must(store_.put_preferences(default_tenant(), UserId("ada"), no_sms()));
    EXPECT_EQ(must(store_.get_preferences(default_tenant(), UserId("ada"))), no_sms());
    EXPECT_EQ(must(store_.get_preferences(other_tenant_, UserId("ada"))), Preferences{});
}

TEST_P(DirectoryContract, PreferencesAreReplaced) {
    must(store_.put_preferences(default_tenant(), UserId("ada"), no_sms()));
    must(store_.put_preferences(default_tenant(), UserId("ada"), {}));
    EXPECT_EQ(must(store_.get_preferences(default_tenant(), UserId("ada"))), Preferences{});
}

TEST_P(DirectoryContract, LoadsRecipientsInTheOrderAsked) {
    put(make_user("ada"));
    put(make_user("bob"));
    must(store_.put_preferences(default_tenant(), UserId("bob"), no_sms()));
    const UserRef refs[] = {{default_tenant(), UserId("bob")},
                            {default_tenant(), UserId("nobody")},
                            {default_tenant(), UserId("ada")},
                            {other_tenant_, UserId("ada")},
                            {default_tenant(), UserId("bob")}};
    const auto loaded = must(store_.load_recipients(refs));
    ASSERT_EQ(loaded.size(), 5u);
    EXPECT_EQ(loaded[0].user, make_user("bob"));
    EXPECT_EQ(loaded[0].preferences, no_sms());
    EXPECT_FALSE(loaded[1].user);
    EXPECT_EQ(loaded[2].user, make_user("ada"));
    EXPECT_EQ(loaded[2].preferences, Preferences{});
    EXPECT_FALSE(loaded[3].user);
    EXPECT_EQ(loaded[4].user, make_user("bob"));
}

TEST_P(DirectoryContract, ARecipientKnowsTheSuppressionsOfTheirAddresses) {
    put(make_user());
    store_plan(1);
    claim(make_delivery_id(1));
    auto settlement = make_settlement(make_delivery_id(1), 1, AttemptState::rejected, DeliveryState::failed);
    settlement.suppress = Suppression{Channel::email, "ada@example.org", "recipient_opted_out"};
    settle(settlement);
    EXPECT_EQ(recipient().suppressions, std::vector{*settlement.suppress});
    put(make_user("bob"));
    EXPECT_TRUE(recipient("bob").suppressions.empty());
}

TEST_P(DirectoryContract, ErasingSaysWhetherThereWasSomebody) {
    EXPECT_FALSE(erase());
    put(make_user());
    EXPECT_TRUE(erase());
    EXPECT_FALSE(erase());
}

TEST_P(DirectoryContract, ErasingLeavesOnlyThatAndWhen) {
    put(make_user());
    must(store_.put_preferences(default_tenant(), UserId("ada"), no_sms()));
    clock_.advance(minutes(1));
    erase();
    EXPECT_FALSE(get("ada"));
    const auto left = recipient();
    EXPECT_FALSE(left.user);
    EXPECT_EQ(left.preferences, Preferences{});
    EXPECT_EQ(left.erased_at, now());
}

TEST_P(DirectoryContract, APersonMayComeBackAfterTheirErasure) {
    put(make_user());
    erase();
    clock_.advance(minutes(1));
    put(make_user());
    EXPECT_EQ(recipient().user, make_user());
    EXPECT_EQ(recipient().erased_at, kTestStart);
    EXPECT_EQ(get("ada")->devices[0].registered_at, now());
}

TEST_P(DirectoryContract, ErasingClosesWhatIsOpen) {
    put(make_user());
    store_plan(make_notification(1), make_plan_of({make_entry(1), make_entry(2)}));
    claim(make_delivery_id(1, 1));
    settle_retry(make_delivery_id(1, 1), 1);
    erase();
    for (const std::size_t index : {0, 1}) {
        EXPECT_EQ(delivery(1, index).state, DeliveryState::cancelled);
        EXPECT_EQ(delivery(1, index).reason, "erased");
    }
    EXPECT_EQ(claim(make_delivery_id(1, 2)).verdict, ClaimVerdict::settled);
}

TEST_P(DirectoryContract, ErasingEndsAWait) {
    put(make_user());
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    erase();
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
}

TEST_P(DirectoryContract, ErasingTakesOutThePayload) {
    put(make_user());
    auto notification = make_notification(1);
    notification.metadata = Json(Json::Object{{"order", Json("42")}});
    store_plan(notification, make_plan());
    erase();
    EXPECT_EQ(story(1).notification.data, Json(Json::Object{}));
    EXPECT_EQ(story(1).notification.metadata, Json(Json::Object{}));
    EXPECT_EQ(story(1).plans.at(0).entries.at(0).address, "");
}

TEST_P(DirectoryContract, ErasingLeavesOtherPeopleAlone) {
    put(make_user("ada"));
    put(make_user("bob"));
    store_plan(make_notification(1, now(), "bob"), make_plan());
    erase("ada");
    EXPECT_EQ(get("bob"), make_user("bob"));
    EXPECT_FALSE(recipient("bob").erased_at);
    EXPECT_EQ(state_of(1), DeliveryState::planned);
    EXPECT_EQ(story(1).notification, make_notification(1, now(), "bob"));
}

TEST_P(DirectoryContract, ErasingDoesNotTouchWhatIsBeingSent) {
    put(make_user());
    store_plan(1);
    claim(make_delivery_id(1));
    erase();
    EXPECT_EQ(state_of(1), DeliveryState::sending);
    EXPECT_EQ(settle(settle_accepted(make_delivery_id(1))).state, DeliveryState::sent);
}

TEST_P(DirectoryContract, WhatWasSendingAtTheErasureIsNotRetried) {
    put(make_user());
    store_plan(1);
    claim(make_delivery_id(1));
    erase();
    ASSERT_TRUE(settle_retry(make_delivery_id(1), 1).raised);
    EXPECT_EQ(delivery(1).attempts.at(0).state, AttemptState::deferred);
    const auto again = claim(make_delivery_id(1), 2);
    EXPECT_EQ(again.verdict, ClaimVerdict::settled);
    EXPECT_EQ(again.reason, "erased");
    EXPECT_EQ(state_of(1), DeliveryState::cancelled);
}

TEST_P(DirectoryContract, AnErasureDoesNotUndoWhatWasSent) {
    put(make_user());
    store_plan(1);
    claim(make_delivery_id(1));
    settle(settle_accepted(make_delivery_id(1)));
    erase();
    EXPECT_EQ(story(1).state(), NotificationState::sent);
}

TEST_P(DirectoryContract, APlanThatWasMadeBeforeTheErasureIsClosedWhenItIsStored) {
    put(make_user());
    const auto notification = make_notification(1);
    clock_.advance(seconds(1));
    erase();
    const auto stored = store_plan(notification, make_plan());
    EXPECT_TRUE(stored.cancelled);
    EXPECT_EQ(state_of(1), DeliveryState::cancelled);
    EXPECT_EQ(delivery(1).reason, "erased");
    EXPECT_EQ(story(1).notification.data, Json(Json::Object{}));
    EXPECT_EQ(story(1).plans.at(0).entries.at(0).address, "");
}

TEST_P(DirectoryContract, WhatIsAcceptedAfterTheErasureIsNotClosed) {
    put(make_user());
    erase();
    clock_.advance(seconds(1));
    put(make_user());
    EXPECT_FALSE(store_plan(1).cancelled);
    EXPECT_EQ(story(1).notification, make_notification(1, now()));
}

}  // namespace herald
