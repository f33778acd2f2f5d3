// The verdict: every event that is owed against every window that is stored.
#pragma once

#include "tests/chaos/event_grid.hpp"
#include "tests/chaos/owed_ledger.hpp"
#include "tests/chaos/store_reader.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::chaos {

struct verdict {
  std::uint64_t events = 0;   ///< Owed.
  std::uint64_t in_doubt = 0; ///< Sent, never acknowledged: there once or not at all.
  std::uint64_t lost = 0;     ///< Owed and not stored.
  std::uint64_t doubled = 0;  ///< Counted more often than once: by how much.
  std::uint64_t changed = 0;  ///< Stored once, with another value.
  std::uint64_t strange = 0;  ///< Stored and never sent.
  std::uint64_t wide_windows = 0;    ///< Compared with the sums of their events.
  std::uint64_t wide_wrong = 0;      ///< Count, sum, min or max is not what it must be.
  std::uint64_t wide_missing = 0;    ///< Not there at all.
  std::vector<std::string> findings; ///< The first few, as sentences.

  bool good() const {
    return lost == 0 && doubled == 0 && changed == 0 && strange == 0 && wide_wrong == 0
           && wide_missing == 0;
  }
};

/// `ledgers` by worker. The wide windows must hold exactly the events that are stored
/// one by one, and these must be those that are owed.
verdict compare(const event_grid& grid,
                const std::vector<std::unique_ptr<worker_ledger>>& ledgers,
                const read_store& store, const std::string& edge);

} // namespace weir::chaos
