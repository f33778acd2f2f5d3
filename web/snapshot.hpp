// Reads a subscription's snapshot from the store, encoded and ready for the
// hub.
#pragma once

#include "web/live_hub.hpp"

namespace weir::web {

/// Any thread (the query thread): it reads as many series as the request has.
snapshot_result read_snapshot(const storage::store& store,
                              const snapshot_request& request, std::int64_t now_ns);

} // namespace weir::web
