#pragma once

#include "ports/delivery_store.hpp"
#include "ports/directory.hpp"
#include "ports/idempotency_store.hpp"
#include "ports/plan_store.hpp"
#include "ports/service_store.hpp"
#include "ports/template_store.hpp"
#include "ports/timer_store.hpp"

namespace herald {

/// All small ports of the store, as one engine class implements them. Parts take the small port they need.
class Store : public PlanStore,
              public DeliveryStore,
              public TimerStore,
              public Directory,
              public TemplateStore,
              public IdempotencyStore,
              public ServiceStore {};

}  // namespace herald
