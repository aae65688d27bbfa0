#include "pipeline/template_cache.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ports/testing/fake_store.hpp"

namespace herald {
namespace {

class TemplateCacheTest : public ::testing::Test {
protected:
    void put(const std::string& id, const std::string& category = "news",
             const TenantId& tenant = default_tenant()) {
        const auto body = fmt::format(R"({{"id":"{}","category":"{}","channels":{{"sms":{{"body":"Hi"}}}}}})",
                                      id, category);
        ASSERT_TRUE(store.put_template(tenant, TemplateId(id), body, clock.now()));
    }
    TemplatePtr load(const std::string& id, std::optional<int> version = std::nullopt) {
        return cache.load(default_tenant(), TemplateId(id), version).value();
    }
    TemplatePtr find(const std::string& id, std::optional<int> version = std::nullopt) {
        return cache.find(default_tenant(), TemplateId(id), version);
    }
    /// The store answers nobody.
    void lose_store() { store.fail_next(ErrorCode::unavailable, 1'000); }

    ManualClock clock;
    FakeStore store{clock};
    TemplateCache cache{store, clock};
};

TEST_F(TemplateCacheTest, FindsNothingThatWasNotLoaded) {
    put("welcome");
    EXPECT_EQ(find("welcome"), nullptr);
    EXPECT_EQ(find("welcome", 1), nullptr);
}

TEST_F(TemplateCacheTest, LoadsTheNewestVersion) {
    put("welcome");
    put("welcome", "billing");
    const auto tmpl = load("welcome");
    ASSERT_TRUE(tmpl);
    EXPECT_EQ(tmpl->version, 2);
    EXPECT_EQ(tmpl->category, "billing");
}

TEST_F(TemplateCacheTest, LoadsTheVersionThatIsNamed) {
    put("welcome");
    put("welcome", "billing");
    EXPECT_EQ(load("welcome", 1)->category, "news");
}

TEST_F(TemplateCacheTest, KeepsTheHeadForASecond) {
    put("welcome");
    load("welcome");
    lose_store();
    clock.advance(Millis{999});
    EXPECT_TRUE(find("welcome"));
    clock.advance(Millis{1});
    EXPECT_FALSE(find("welcome"));
}

TEST_F(TemplateCacheTest, SeesANewVersionAfterASecond) {
    put("welcome");
    load("welcome");
    put("welcome", "billing");
    EXPECT_EQ(load("welcome")->version, 1);
    clock.advance(Millis{1'000});
    EXPECT_EQ(load("welcome")->version, 2);
}

TEST_F(TemplateCacheTest, SeesANewVersionAtOnceWhenTheHeadIsForgotten) {
    put("welcome");
    load("welcome");
    put("welcome", "billing");
    cache.forget_head(default_tenant(), TemplateId("welcome"));
    EXPECT_EQ(load("welcome")->version, 2);
}

TEST_F(TemplateCacheTest, WhatIsRefreshedNeedsNoAskingOnTheWay) {
    put("welcome");
    load("welcome");
    ASSERT_TRUE(cache.refresh());
    clock.advance(Millis{5'000});
    EXPECT_TRUE(find("welcome"));
}

TEST_F(TemplateCacheTest, ARefreshBringsTheNewVersion) {
    put("welcome");
    load("welcome");
    put("welcome", "billing");
    ASSERT_TRUE(cache.refresh());
    EXPECT_EQ(find("welcome")->version, 2);
}

TEST_F(TemplateCacheTest, WhatIsInUseOutlastsAnOutageOfTheStore) {
    put("welcome");
    load("welcome");
    ASSERT_TRUE(cache.refresh());
    EXPECT_TRUE(find("welcome"));
    lose_store();
    for (int i = 0; i < 3; ++i) {
        clock.advance(std::chrono::minutes(9));
        EXPECT_FALSE(cache.refresh());
        EXPECT_TRUE(find("welcome"));
    }
}

TEST_F(TemplateCacheTest, WhatNobodyUsesIsNotRefreshed) {
    put("welcome");
    load("welcome");
    ASSERT_TRUE(cache.refresh());
    clock.advance(std::chrono::minutes(10));
    lose_store();
    EXPECT_TRUE(cache.refresh()) << "the store was asked";
    EXPECT_FALSE(find("welcome"));
}

TEST_F(TemplateCacheTest, KeepsAVersionForGood) {
    put("welcome");
    load("welcome", 1);
    lose_store();
    clock.advance(std::chrono::hours(100));
    EXPECT_TRUE(load("welcome", 1));
}

TEST_F(TemplateCacheTest, CompilesAVersionOnce) {
    put("welcome");
    const auto first = load("welcome");
    clock.advance(Millis{5'000});
    EXPECT_EQ(load("welcome"), first);
}

TEST_F(TemplateCacheTest, AsksTheStoreBeforeItSaysUnknown) {
    EXPECT_EQ(load("welcome"), nullptr);
    put("welcome");
    EXPECT_TRUE(load("welcome"));
}

TEST_F(TemplateCacheTest, AnUnknownVersionIsUnknown) {
    put("welcome");
    EXPECT_EQ(load("welcome", 2), nullptr);
}

TEST_F(TemplateCacheTest, AStoreThatCannotBeReadIsAnErrorAndNotUnknown) {
    lose_store();
    const auto loaded = cache.load(default_tenant(), TemplateId("welcome"), std::nullopt);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::unavailable);
}

TEST_F(TemplateCacheTest, TenantsHaveTemplatesOfTheirOwn) {
    put("welcome", "news", TenantId("other"));
    EXPECT_EQ(load("welcome"), nullptr);
}

TEST_F(TemplateCacheTest, AStoredTemplateThatDoesNotCompileIsAnError) {
    ASSERT_TRUE(
        store.put_template(default_tenant(), TemplateId("broken"), R"({"id":"broken"})", clock.now()));
    const auto loaded = cache.load(default_tenant(), TemplateId("broken"), std::nullopt);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::refused_content);
}

}  // namespace
}  // namespace herald
