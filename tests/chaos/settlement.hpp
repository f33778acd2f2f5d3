// The end of a run: everything settles, stops in order, and is compared.
#pragma once

#include "tests/chaos/checker.hpp"
#include "tests/chaos/feed.hpp"
#include "tests/chaos/world.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::chaos {

struct settlement {
  verdict events;
  std::vector<std::string> findings; ///< What is wrong beside the events.
  std::uint64_t outbox_blocks = 0;   ///< Left at the edge.
  std::uint64_t quarantined = 0;
  std::uint64_t given_up = 0; ///< Records that the ledger names as expired or shed.

  /// Nothing is lost, doubled or changed but what the ledger owns up to.
  bool good() const;
};

/// Lets the feeds end, waits until the outbox is empty, stops edge, centre and broker,
/// and reads the store.
settlement settle(world& system, const feeds& sources, const event_grid& grid,
                  const std::vector<std::unique_ptr<worker_ledger>>& ledgers,
                  std::chrono::milliseconds idle_timeout);

} // namespace weir::chaos
