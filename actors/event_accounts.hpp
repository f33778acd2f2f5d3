// EVENT ACCOUNTS: what became of every event that this edge was ever handed, over all
// its starts, and whether it adds up. Two sides count independently: the gate what it
// let in, the shards what they did with it; at a cut, where nothing is under way, both
// must agree to the event.
#pragma once

#include "actors/outbox_writer.hpp"
#include "analytics/expected.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace weir::actors {

/// received = taken + late + duplicates + quarantined + filtered + shed + held
///            + in_flight
struct event_account {
  std::uint64_t received = 0;
  std::uint64_t taken = 0; ///< In at least one window, or looked at by a rule.
  std::uint64_t late = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t quarantined = 0;
  std::uint64_t filtered = 0; ///< By filters, sampling and conversions.
  std::uint64_t shed = 0;
  std::uint64_t held = 0;
  std::uint64_t in_flight = 0; ///< Between gate and windows; 0 at a cut.

  bool operator==(const event_account&) const = default;
};

bool is_balanced(const event_account& x);

/// Thread-safe.
class event_accounts {
public:
  /// What an earlier start had done, from at_cut(). The error says what is wrong; the
  /// accounts then begin anew.
  expected<void, std::string> restore(std::string_view state);

  /// Checks the balance at a cut and returns the state to be kept with it. A violation
  /// is counted when it appears, and again when it grows.
  std::string at_cut(const node_state& node);

  event_account now(const ingest_totals& gate,
                    const std::vector<analytics::shard_status>& shards) const;

  /// Cuts at which the two sides did not agree, since the database was made.
  std::uint64_t violations() const;

  /// What the newest of them was, for a person; empty: there was none.
  std::string newest_violation() const;

private:
  /// What shards did with events.
  struct fates {
    std::uint64_t inputs = 0;
    std::uint64_t taken = 0;
    std::uint64_t late = 0;
    std::uint64_t filtered = 0;
  };
  fates sum_of(const std::vector<analytics::shard_status>& shards) const;

  mutable std::mutex mutex_;
  fates before_;                 // By earlier starts.
  std::uint64_t difference_ = 0; // Of the two sides, as told last.
  std::uint64_t violations_ = 0;
  std::string newest_violation_;
};

} // namespace weir::actors
