#pragma once

#include <thread>

#include "ports/testing/store_contract.hpp"

namespace herald {

class TemplateStoreContract : public StoreContract {
protected:
    int put(const std::string& id, const std::string& body = "{}") {
        return must(store_.put_template(default_tenant(), TemplateId(id), body, now()));
    }
    std::optional<StoredTemplate> find(const std::string& id, std::optional<int> version = std::nullopt) {
        return must(store_.find_template(default_tenant(), TemplateId(id), version));
    }
    std::vector<std::string> list(const std::string& after = "", std::size_t limit = 100) {
        std::vector<std::string> names;
        for (const auto& one : must(store_.list_templates(default_tenant(), after, limit))) {
            names.push_back(one.id.str() + "@" + std::to_string(one.version));
        }
        return names;
    }
};

TEST_P(TemplateStoreContract, NumbersVersionsFromOne) {
    EXPECT_EQ(put("welcome"), 1);
    EXPECT_EQ(put("welcome"), 2);
    EXPECT_EQ(put("goodbye"), 1);
}

TEST_P(TemplateStoreContract, FindsTheNewestVersion) {
    put("welcome", R"({"v":1})");
    clock_.advance(seconds(1));
    put("welcome", R"({"v":2})");
    const auto found = find("welcome");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->id, TemplateId("welcome"));
    EXPECT_EQ(found->version, 2);
    EXPECT_EQ(found->body, R"({"v":2})");
    EXPECT_EQ(found->created_at, now());
}

TEST_P(TemplateStoreContract, FindsTheVersionThatIsNamed) {
    put("welcome", R"({"v":1})");
    put("welcome", R"({"v":2})");
    EXPECT_EQ(find("welcome", 1)->body, R"({"v":1})");
    EXPECT_FALSE(find("welcome", 3));
}

TEST_P(TemplateStoreContract, FindsNothingUnderAnotherName) {
    put("welcome");
    EXPECT_FALSE(find("welcom"));
    EXPECT_FALSE(find("welcome2"));
    EXPECT_FALSE(must(store_.find_template(other_tenant_, TemplateId("welcome"), std::nullopt)));
}

TEST_P(TemplateStoreContract, TenantsCountOnTheirOwn) {
    put("welcome");
    EXPECT_EQ(must(store_.put_template(other_tenant_, TemplateId("welcome"), "{}", now())), 1);
}

TEST_P(TemplateStoreContract, ListsTheNewestVersionsInTheOrderOfIds) {
    for (const auto* id : {"c", "a", "b", "a"}) put(id);
    must(store_.put_template(other_tenant_, TemplateId("d"), "{}", now()));
    EXPECT_THAT(list(), ::testing::ElementsAre("a@2", "b@1", "c@1"));
}

TEST_P(TemplateStoreContract, ListsPageByPage) {
    for (const auto* id : {"a", "b", "b", "c"}) put(id);
    EXPECT_THAT(list("", 2), ::testing::ElementsAre("a@1", "b@2"));
    EXPECT_THAT(list("b", 2), ::testing::ElementsAre("c@1"));
}

TEST_P(TemplateStoreContract, NumbersWithoutGapsWhenManyPutAtOnce) {
    std::vector<std::thread> threads;
    std::mutex mutex;
    std::vector<int> versions;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 5; ++k) {
                const auto version =
                    store_.put_template(default_tenant(), TemplateId("welcome"), "{}", now());
                std::lock_guard lock(mutex);
                versions.push_back(version.value_or(-1));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::sort(versions.begin(), versions.end());
    for (int i = 0; i < 20; ++i) EXPECT_EQ(versions.at(static_cast<std::size_t>(i)), i + 1);
}

}  // namespace herald
