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

/// The part of a canonical text that decides its shard: the source, so that all
/// series of one source meet in one shard (watermarks and derived metrics need that),
/// or the whole text where there is no source.
std::string_view shard_key(std::string_view canonical);

/// All series of a node. Thread-safe: any thread may intern or look up; a looked
/// up text stays valid until its id is released. Bounded: see `series_max`.
///
/// An id holds the shard in its low bits and, above them, a number that is dense in
/// that shard. Ids of evicted series are used again, in three steps, so that no event
/// on its way is taken for another series:
///   retire()  the shard gives up series: their names are unknown from now on
///   passed()  no reader can hold such an id from before any more
///   release() the shard has taken what was on its way; the ids are free
class series_table {
public:
  explicit series_table(std::size_t series_max, std::size_t shards = 1);

  std::size_t series_max() const {
    return series_max_;
  }
  std::size_t shards() const {
    return shards_.size();
  }
  /// The shard that a series with this name belongs to.
  std::size_t shard_for(std::string_view canonical) const {
    return shards_.size() == 1 ? 0 : stable_hash(shard_key(canonical)) % shards_.size();
  }
  std::size_t shard_of(series_id id) const {
    return id & mask_;
  }
  /// The dense number of `id` in its shard.
  std::uint32_t local_of(series_id id) const {
    return id >> bits_;
  }
  series_id id_of(std::size_t shard, std::uint32_t local) const {
    return static_cast<series_id>(local << bits_ | shard);
  }

  /// The id of `canonical`, given on first sight; nothing once the table is full
  /// (counted in refused()).
  std::optional<series_id> intern(std::string_view canonical);

  /// The ids of many names at once, under one lock; no_series where the table is full.
  /// An empty name is passed over.
  static constexpr series_id no_series = ~series_id{0};
  std::vector<series_id> intern_all(std::span<const std::string_view> names);

  /// The canonical text of `id`. @pre `id` came from this table's intern().
  const std::string& text(series_id id) const;

  /// Series with a name, i.e. not retired.
  std::size_t size() const;
  std::uint64_t refused() const {
    return refused_.load(std::memory_order_relaxed);
  }

  /// How many series shards should give up so that new ones find room: 0 below 95 %
  /// of series_max, else what leads back to 90 %. Cheap.
  std::size_t to_evict() const;

  /// Forgets the names of `ids`; returns the epoch to ask passed() for.
  std::uint64_t retire(std::span<const series_id> ids);
  bool passed(std::uint64_t epoch) const;
  void release(std::span<const series_id> ids);

  /// From now on take_released() tells what release() frees: for the one user that
  /// keeps something by id and asks whenever releases() has grown.
  void log_releases();
  std::vector<series_id> take_released();

  /// Grows with each release(): who remembers something of ids of other shards forgets
  /// it then, before the first event of an id's new series.
  std::uint64_t releases() const {
    return releases_.load();
  }

  /// One thread that holds ids between resolve() and handing them to a shard.
  class reader {
  public:
    explicit reader(series_table& table);
    ~reader();
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;

    /// Between enter() and leave() ids stay what they are. Returns the epoch: where
    /// it has changed, ids that were remembered from before must be forgotten.
    std::uint64_t enter();
    void leave() {
      active_.store(idle, std::memory_order_release);
    }

  private:
    friend class series_table;
    static constexpr std::uint64_t idle = ~std::uint64_t{0};
    series_table& table_;
    std::atomic<std::uint64_t> active_{idle};
  };

private:
  /// Open addressing: a name costs 8 bytes here, and looking it up one line.
  struct index_entry {
    std::uint32_t hash = 0;
    series_id id = no_series;
  };

  static std::uint32_t hash_of(std::string_view text);
  std::size_t find(std::string_view canonical, std::uint32_t hash) const;
  void grow(std::size_t entries);
  void remove(std::string_view canonical);
  std::optional<series_id> insert(std::size_t at, std::string_view canonical,
                                  std::uint32_t hash);

  struct shard_texts {
    std::deque<std::string> texts; // By local number. A deque: strings never move.
    std::vector<std::uint32_t> free;
  };

  const std::size_t series_max_;
  const std::uint32_t bits_;
  const std::uint32_t mask_;
  mutable std::shared_mutex mutex_;
  std::vector<shard_texts> shards_;
  std::vector<index_entry> index_; // A power of two, at most half full.
  std::vector<const reader*> readers_;
  bool logs_releases_ = false;
  std::vector<series_id> released_;
  std::atomic<std::size_t> named_{0};
  std::atomic<std::uint64_t> epoch_{0};
  std::atomic<std::uint64_t> releases_{0};
  std::atomic<std::uint64_t> refused_{0};
};

/// One source thread's way from the parts of a name to the series' id. Caches by
/// the raw parts, so that a known series costs one hash and one comparison and no
/// allocation. Not thread-safe: one per thread, all on the same table.
class series_resolver {
public:
  explicit series_resolver(series_table& table);

  /// Call enter() before a payload's first resolve() and leave() when its events are
  /// with their shards: in between, ids stay what they are.
  void enter();
  void leave() {
    reader_.leave();
  }

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
  series_table::reader reader_;
  std::uint64_t epoch_ = 0;
  std::vector<slot> slots_; // Open addressing, a power of two, at most half full.
  std::size_t used_ = 0;
  std::string keys_; // The raw keys of all slots, one after another.
  std::string scratch_;
  std::string canonical_;
};

} // namespace weir::analytics
