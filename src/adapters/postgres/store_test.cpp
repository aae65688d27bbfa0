#include "adapters/postgres/store.hpp"

#include "adapters/postgres/testing/test_schema.hpp"
#include "ports/testing/delivery_store_contract.hpp"
#include "ports/testing/directory_contract.hpp"
#include "ports/testing/idempotency_contract.hpp"
#include "ports/testing/plan_store_contract.hpp"
#include "ports/testing/service_contract.hpp"
#include "ports/testing/template_store_contract.hpp"
#include "ports/testing/timer_store_contract.hpp"

namespace herald {
namespace {

StoreUnderTest open_postgres(const Clock& clock) {
    auto schema = postgres::TestSchemas::borrow();
    PostgresOptions options;
    options.url = schema->url();
    options.test_clock = &clock;
    auto store = PostgresStore::open(options);
    if (!store) throw std::runtime_error(store.error().message);
    const auto spoil = [schema](Store&, const NotificationId& id) {
        schema->run("UPDATE notifications SET plan = '{' WHERE plan IS NOT NULL AND id = '" + to_string(id) +
                    "'; UPDATE plans SET plan = '{' WHERE id = '" + to_string(id) + "'");
    };
    return {schema, *std::move(store), std::string(2000, 'x'), spoil};
}

const auto kPostgres = ::testing::Values(StoreEngine{"postgres", open_postgres});

}  // namespace

INSTANTIATE_TEST_SUITE_P(Postgres, PlanStoreContract, kPostgres);
INSTANTIATE_TEST_SUITE_P(Postgres, DeliveryStoreContract, kPostgres);
INSTANTIATE_TEST_SUITE_P(Postgres, TimerStoreContract, kPostgres);
INSTANTIATE_TEST_SUITE_P(Postgres, DirectoryContract, kPostgres);
INSTANTIATE_TEST_SUITE_P(Postgres, TemplateStoreContract, kPostgres);
INSTANTIATE_TEST_SUITE_P(Postgres, IdempotencyContract, kPostgres);
INSTANTIATE_TEST_SUITE_P(Postgres, ServiceContract, kPostgres);

}  // namespace herald
