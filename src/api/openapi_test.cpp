#include "api/openapi.hpp"

#include <set>

#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

Json document() {
    auto json = Json::parse(openapi_document(), 64);
    EXPECT_TRUE(json) << json.error().message;
    return json ? *std::move(json) : Json();
}

/// Calls `visit` with every member of every object, at any depth.
void visit_members(const Json& json, const std::function<void(const JsonMember&)>& visit) {
    for (const auto& member : json.as_object() ? *json.as_object() : Json::Object{}) {
        visit(member);
        visit_members(member.value, visit);
    }
    for (const auto& item : json.as_array() ? *json.as_array() : Json::Array{}) visit_members(item, visit);
}

const Json* resolve(const Json& document, std::string_view reference) {
    const Json* at = reference.starts_with("#/") ? &document : nullptr;
    reference.remove_prefix(std::min<std::size_t>(2, reference.size()));
    while (at && !reference.empty()) {
        const auto end = std::min(reference.find('/'), reference.size());
        at = at->find(reference.substr(0, end));
        reference.remove_prefix(std::min(end + 1, reference.size()));
    }
    return at;
}

TEST(OpenApi, DescribesExactlyTheRoutesOfTheTable) {
    std::set<std::string> described;
    const auto json = document();
    for (const auto& [path, item] : *json.find("paths")->as_object()) {
        for (const auto& [method, operation] : *item.as_object()) {
            if (method == "parameters") continue;
            std::string upper = method;
            for (auto& c : upper) c = static_cast<char>(std::toupper(c));
            described.insert(upper + " " + path);
        }
    }
    std::set<std::string> served;
    for (const auto& endpoint : endpoints()) {
        served.insert(std::string(endpoint.method) + " " + std::string(endpoint.pattern));
    }
    EXPECT_EQ(described, served);
}

TEST(OpenApi, SaysWhichRoutesNeedNoKey) {
    const auto json = document();
    for (const auto& endpoint : endpoints()) {
        std::string method(endpoint.method);
        for (auto& c : method) c = static_cast<char>(std::tolower(c));
        const auto* operation = json.find("paths")->find(endpoint.pattern)->find(method);
        const auto* security = operation->find("security");
        EXPECT_EQ(security != nullptr && security->as_array()->empty(), endpoint.access == Access::open)
            << endpoint.pattern;
        EXPECT_EQ(operation->find("responses")->find("401") != nullptr, endpoint.access == Access::keyed)
            << endpoint.pattern;
    }
}

TEST(OpenApi, ShowsEveryProblemAsItIsAnswered) {
    const auto json = document();
    std::set<std::string_view> listed;
    const auto* codes = resolve(json, "#/components/schemas/Problem/properties/code/enum");
    for (const auto& code : *codes->as_array()) listed.insert(*code.as_string());
    EXPECT_EQ(listed.size(), kProblemCodes.size());
    for (const auto code : kProblemCodes) {
        const auto kind = kind_of(code);
        EXPECT_TRUE(listed.contains(kind.code)) << kind.code;
        const auto* example = json.find("components")->find("examples")->find(kind.code);
        ASSERT_NE(example, nullptr) << kind.code;
        const auto& shown = *example->find("value");
        EXPECT_EQ(shown.integer("status"), kind.status) << kind.code;
        EXPECT_EQ(shown.text("title"), kind.title) << kind.code;
        EXPECT_EQ(shown.text("type"), "/problems/" + std::string(kind.code));
        EXPECT_EQ(shown.text("code"), kind.code);
    }
}

TEST(OpenApi, RefersOnlyToWhatIsThereAndToAllOfIt) {
    const auto json = document();
    std::set<std::string> referred;
    visit_members(json, [&](const JsonMember& member) {
        if (member.key != "$ref") return;
        referred.insert(*member.value.as_string());
        EXPECT_NE(resolve(json, *member.value.as_string()), nullptr) << *member.value.as_string();
    });
    for (const auto& [kind, components] : *json.find("components")->as_object()) {
        if (kind == "securitySchemes") continue;
        for (const auto& [name, component] : *components.as_object()) {
            EXPECT_TRUE(referred.contains("#/components/" + kind + "/" + name)) << kind << "/" << name;
        }
    }
}

TEST(OpenApi, GivesEveryOperationAnIdOfItsOwn) {
    std::set<std::string> ids;
    visit_members(document(), [&](const JsonMember& member) {
        if (member.key != "operationId") return;
        EXPECT_TRUE(ids.insert(*member.value.as_string()).second) << *member.value.as_string();
    });
    EXPECT_EQ(ids.size(), endpoints().size());
}

TEST(OpenApi, NamesTheVersion) { EXPECT_EQ(document().find("info")->text("version"), HERALD_VERSION); }

class OpenApiExamplesTest : public ApiTest {
protected:
    /// The first example of a request body.
    static std::string example(std::string_view path, std::string_view method) {
        const auto json = document();
        const auto* content =
            json.find("paths")->find(path)->find(method)->find("requestBody")->find("content");
        return content->find("application/json")
            ->find("examples")
            ->as_object()
            ->at(0)
            .value.find("value")
            ->dump();
    }
};

TEST_F(OpenApiExamplesTest, AreAcceptedByTheApi) {
    EXPECT_EQ(call("POST", "/api/v1/templates", example("/api/v1/templates", "post")).status, 201);
    EXPECT_EQ(call("POST", "/api/v1/notifications", example("/api/v1/notifications", "post")).status, 202);
    EXPECT_EQ(call("PUT", "/api/v1/users/user123", example("/api/v1/users/{id}", "put")).status, 200);
    EXPECT_EQ(
        call("PUT", "/api/v1/users/user123/preferences", example("/api/v1/users/{id}/preferences", "put"))
            .status,
        200);
}

TEST_F(OpenApiExamplesTest, AreServedAtBothPaths) {
    for (const auto* path : {"/openapi.json", "/api/v1/openapi.json"}) {
        const auto response = call("GET", path);
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.body, openapi_document());
        EXPECT_EQ(header(response, "content-type"), "application/json");
    }
}

}  // namespace
}  // namespace herald::api
