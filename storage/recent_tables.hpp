// INTERNAL: the windows that came last stand as single rows in one of two tables, in the
// order of time: a commit touches the end of a table only. When the active one is full
// the other takes over, and what the full one has moves into blocks (store_flush), series
// by series; then it is emptied. Format: FORMAT.md, "Recent windows".
#pragma once

#include "storage/lmdb_env.hpp"
#include "storage/recent_index.hpp"
#include "storage/store_values.hpp"
#include "storage/tiers.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// Which table takes rows, and how far the other is emptied. Stored in each transaction
/// that changes it.
struct recent_state {
  std::uint64_t generation = 1; ///< Another one whenever a table changes its part.
  std::uint8_t active = 0;      ///< 0 or 1.
  bool is_flushing = false;     ///< The other table still has rows that count:
  stored_series_id flushed_through = 0;               ///< those of series above this.
  std::uint64_t flushed_rows = 0;                     ///< Of them, so far.
  std::array<std::uint64_t, tier_count> block_rows{}; ///< In blocks, by tier.

  bool operator==(const recent_state&) const = default;
};
std::string to_value(const recent_state& x);
recent_state to_recent_state(std::string_view value); ///< Throws `malformed`.

inline constexpr std::size_t recent_key_bytes = window_key_bytes;
void write_recent_key(char* to, const window_key& key);
std::string recent_key(const window_key& key);
window_key to_recent_window(std::string_view key); ///< Throws `malformed`.

/// Nothing for a key that cannot be read: one such must not cost the others.
std::optional<window_key> try_key(std::string_view key,
                                  window_key (*parse)(std::string_view));

/// What a reader takes along: the tables' indexes of one generation.
struct recent_view {
  std::uint64_t generation = 0;
  std::array<std::shared_ptr<recent_index>, 2> indexes;
};

/// Thread-safe.
class recent_tables {
public:
  recent_view view() const;
  void set(recent_view x);

private:
  mutable std::mutex mutex_;
  recent_view view_;
};

} // namespace weir::storage
