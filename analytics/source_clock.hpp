// Event time of one source (a device, a machine), and of the sources of a group. A
// source's clock may be wrong; what it says is believed for its own events only.
#pragma once

#include "analytics/window_operator.hpp"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace weir::analytics {

/// When a batch is processed.
struct batch_time {
  std::int64_t local_ns = 0; ///< A clock that never jumps: notices silence.

  /// The node's wall clock: no event moves a watermark beyond it, so one stamp from
  /// the future does not make what comes after it late. time_forever where there is
  /// none (recorded events, a clock that is not trusted).
  std::int64_t wall_ns = time_forever;
};

struct source_clock {
  std::int64_t time_max_ns = time_never;
  std::int64_t seen_ns = 0;          ///< Local clock.
  std::uint64_t late = 0;            ///< Events.
  std::uint32_t series = 0;          ///< That belong to it.
  std::uint32_t late_entry : 31 = 0; ///< Of shard_output::late, in this batch.
  std::uint32_t idle : 1 = 0;

  void observe(std::int64_t time_ns, const batch_time& now) {
    time_max_ns = std::max(time_max_ns, std::min(time_ns, now.wall_ns));
    seen_ns = now.local_ns;
    idle = 0;
  }

  /// time_never before the first event.
  std::int64_t watermark_ns(std::int64_t out_of_orderness_ns) const {
    return time_max_ns == time_never ? time_never : time_max_ns - out_of_orderness_ns;
  }
};

/// The watermark of windows that many sources feed: the least of the sources' own,
/// but for silent ones and those that are hopelessly behind.
class group_clock {
public:
  struct limits {
    std::int64_t idle_timeout_ns;
    std::int64_t hold_max_ns;
    std::int64_t retain_max_ns;
  };
  explicit group_clock(limits x) : limits_(x) {
  }

  void change(limits x) {
    limits_ = x;
  }

  void observe(std::uint64_t source, std::int64_t watermark_ns, std::int64_t local_ns);

  /// Looks at all sources; call once a batch. Sources that were silent for
  /// retain_max are forgotten.
  void update(std::int64_t local_ns);

  /// As of the last update(); never goes back.
  const window_clock& clock() const {
    return clock_;
  }

  /// For how long all sources have been silent, those that were forgotten included;
  /// time_forever where there never was one.
  std::int64_t silent_ns(std::int64_t local_ns) const {
    return seen_ns_ == time_never ? time_forever : local_ns - seen_ns_;
  }

  /// All sources are silent.
  bool is_idle() const {
    return idle_;
  }

  std::size_t sources() const {
    return members_.size();
  }

  struct member {
    std::int64_t watermark_ns;
    std::int64_t seen_ns;
  };
  const std::unordered_map<std::uint64_t, member>& members() const {
    return members_;
  }
  /// Of several shards' clocks, which knew different sources, the slowest stands: the
  /// next update() moves it as far as all their sources allow.
  void load(std::uint64_t source, const member& x) {
    seen_ns_ = std::max(seen_ns_, x.seen_ns);
    auto [pos, is_new] = members_.try_emplace(source, x);
    if (!is_new)
      pos->second.watermark_ns = std::max(pos->second.watermark_ns, x.watermark_ns);
  }
  void load(const window_clock& x) {
    if (x.watermark_ns == time_never)
      return;
    auto is_first = clock_.watermark_ns == time_never;
    clock_.watermark_ns
      = is_first ? x.watermark_ns : std::min(clock_.watermark_ns, x.watermark_ns);
    clock_.horizon_ns
      = is_first ? x.horizon_ns : std::min(clock_.horizon_ns, x.horizon_ns);
  }

private:
  limits limits_;
  std::unordered_map<std::uint64_t, member> members_;
  window_clock clock_;
  std::int64_t seen_ns_ = time_never; // Any of them, local clock.
  bool idle_ = false;
};

} // namespace weir::analytics
