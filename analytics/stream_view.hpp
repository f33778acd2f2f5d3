// One view at run time: its windows, the keys in them, and, where keys are groups, the
// clock of the sources that feed it.
#pragma once

#include "analytics/extended_pool.hpp"
#include "analytics/source_clock.hpp"
#include "analytics/stream_config.hpp"
#include "analytics/window_operator.hpp"

#include <memory>
#include <string>
#include <vector>

namespace weir::analytics {

/// Makes the windows of `config`. `facts` may be null where its plan needs none.
std::unique_ptr<window_operator> make_windows(const view_config& config,
                                              fact_book* facts);

/// Closes the windows at `slot` where their source has been silent for `silent_ns` or
/// the clock has passed them.
void close_by_time(window_operator& windows, std::uint32_t slot, std::int64_t silent_ns,
                   const window_clock& clock, const event_time_config& time,
                   std::vector<summary>& out);

class stream_view {
public:
  static constexpr std::uint32_t no_slot = ~std::uint32_t{0};

  stream_view(const view_config& config, const event_time_config& time,
              fact_book::lookup look_up);

  /// The slot of `key`, made if it is new; `local` is its dense number in the shard.
  std::uint32_t slot_of(series_id key, std::uint32_t local);

  /// no_slot where the view has no such key.
  std::uint32_t find(std::uint32_t local) const {
    return local < slots_.size() ? slots_[local] : no_slot;
  }

  /// A key of one series: its source's watermark rules.
  bool add(std::uint32_t slot, const keyed_event& event, std::int64_t watermark_ns,
           std::vector<summary>& out) {
    return windows_->add(slot, event, clock_at(watermark_ns), out);
  }

  /// A key of one series of another shard (its name without a source hashes elsewhere
  /// than the view's): as add(), and silence is noticed by tick_routed().
  bool add_routed(std::uint32_t slot, const keyed_event& event,
                  std::int64_t watermark_ns, std::int64_t local_ns,
                  std::vector<summary>& out);
  /// Makes a restored key one of these.
  void set_routed(std::uint32_t slot, std::int64_t local_ns) {
    keys_[slot].routed = true;
    keys_[slot].seen_ns = local_ns;
  }

  /// A key of a group: the event's source is told to the group's clock.
  bool add_to_group(std::uint32_t slot, const keyed_event& event, std::uint64_t source,
                    std::int64_t watermark_ns, std::int64_t local_ns,
                    std::vector<summary>& out);

  window_clock clock_at(std::int64_t watermark_ns) const {
    return {watermark_ns,
            watermark_ns == time_never ? time_never : watermark_ns - lateness_ns_};
  }
  window_clock group_clock_now() const;

  /// Once a batch: revisions, and the group's clock.
  void settle(std::int64_t local_ns, std::vector<summary>& out);

  /// Once a second, for groups: closes what the clock has passed.
  void tick_groups(std::int64_t local_ns, std::vector<summary>& out);

  /// Once a second, for keys of one series: those that other shards feed.
  void tick_routed(std::int64_t local_ns, const event_time_config& time,
                   std::vector<summary>& out);

  /// Whether early results are due; then says so once.
  bool early_is_due(std::int64_t local_ns);

  /// Closes and frees a key. False: there was none.
  bool erase(std::uint32_t local, std::vector<summary>& out);
  void close_all(std::vector<summary>& out);

  bool is_grouped() const {
    return !config_.group_by.empty();
  }
  const view_config& config() const {
    return config_;
  }
  /// A change that state_fingerprint() does not show.
  void change(const view_config& config, const event_time_config& time);

  window_operator& windows() {
    return *windows_;
  }
  const window_operator& windows() const {
    return *windows_;
  }
  fact_book* facts() {
    return facts_.get();
  }
  bool has_facts() const {
    return facts_ != nullptr;
  }

  /// Keys by slot; a freed slot holds none.
  struct key {
    series_id series = 0;
    std::uint32_t local = no_slot; // no_slot: free.
    std::int64_t seen_ns = 0;      // Local clock; of groups and routed keys only.
    std::int64_t watermark_ns = time_never; // Of routed keys only.
    bool routed = false;                    // A series of another shard.
  };
  const std::vector<key>& keys() const {
    return keys_;
  }

  std::size_t size_bytes() const;
  group_clock& groups() {
    return groups_;
  }
  const group_clock& groups() const {
    return groups_;
  }

private:
  view_config config_;
  std::int64_t lateness_ns_;
  std::unique_ptr<fact_book> facts_;
  std::unique_ptr<window_operator> windows_;
  group_clock groups_;
  std::vector<std::uint32_t> slots_; // By local number of the key.
  std::vector<key> keys_;            // By slot.
  std::vector<std::uint32_t> free_;
  std::int64_t early_at_ns_ = time_never;
};

} // namespace weir::analytics
