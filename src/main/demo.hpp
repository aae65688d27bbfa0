#pragma once

#include "ports/store.hpp"

namespace herald {

/// Writes the person `user123` and the template `welcome` once: the first start of an empty embedded store
/// has something to notify.
Status write_demo(Store& store, TimePoint now);

}  // namespace herald
