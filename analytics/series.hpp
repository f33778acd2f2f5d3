// Names of series: the same metric, source and dimensions are the same series.
// Canonical text form: metric{source="...",k="v",...}, dimensions sorted by key, `"`
// and `\` in values escaped with `\`, control characters as \n or \u00XX. In metrics
// and keys, which stand without quotes, a space, a control character or one of {}"=,
// becomes `_`.
#pragma once

#include "analytics/event.hpp"
#include "analytics/expected.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir::analytics {

/// One key and value of a series, borrowed from the bytes they were read from.
struct dimension {
  std::string_view key;
  std::string_view value;

  bool operator==(const dimension&) const = default;
};

/// A series' name in parts, borrowed. `dimensions` need not be sorted.
struct series_view {
  std::string_view metric;
  std::string_view source;
  std::span<const dimension> dimensions;
};

/// A series' name in parts, owned; what parse_series() gives back.
struct series_name {
  std::string metric;
  std::string source;
  std::vector<std::pair<std::string, std::string>> dimensions; ///< By key.

  bool operator==(const series_name&) const = default;
};

/// The canonical text of a series. Appends to `out`, so that a caller can reuse
/// one buffer for many.
void append_canonical(std::string& out, const series_view& series);

/// Reads canonical text back; the error says at which character it went wrong.
expected<series_name, std::string> parse_series(std::string_view text);

/// A hash that is the same on every machine and in every version (FNV-1a, 64 bit):
/// shards, alert ids and file formats may rely on it.
std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed = 0);

/// All series of a node. Thread-safe: any thread may intern or look up; a looked
/// up text stays valid as long as the table. Bounded: see `series_max`.
class series_table {
public:
  explicit series_table(std::size_t series_max) : series_max_(series_max) {
  }

  /// The id of `canonical`, given on first sight; nothing once the table is full
  /// (counted in refused()).
  std::optional<series_id> intern(std::string_view canonical);

  /// The canonical text of `id`. @pre `id` came from this table's intern().
  const std::string& text(series_id id) const;

  std::size_t size() const;
  std::uint64_t refused() const {
    return refused_.load(std::memory_order_relaxed);
  }

private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  const std::size_t series_max_;
  mutable std::shared_mutex mutex_;
  std::deque<std::string> texts_; // A deque: its strings never move.
  std::unordered_map<std::string_view, series_id> ids_;
  std::atomic<std::uint64_t> refused_{0};
};

/// One source thread's way from the parts of a name to the series' id. Caches by
/// the raw parts, so that a known series costs one hash and one comparison and no
/// allocation. Not thread-safe: one per thread, all on the same table.
class series_resolver {
public:
  explicit series_resolver(series_table& table);

  /// Nothing when the node's table is full.
  std::optional<series_id> resolve(const series_view& series);

private:
  struct slot {
    std::uint64_t hash = 0;
    series_id id = 0;
    std::uint32_t key_offset = 0;
    std::uint32_t key_size = 0; // 0: free.
  };

  void grow();

  series_table& table_;
  std::vector<slot> slots_; // Open addressing, a power of two, at most half full.
  std::size_t used_ = 0;
  std::string keys_; // The raw keys of all slots, one after another.
  std::string scratch_;
  std::string canonical_;
};

} // namespace weir::analytics
