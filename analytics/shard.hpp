// The pure core of one shard: windows, detector and rules of the series that hash to
// it. Events in, summaries, anomalies and alerts out; the actor around it only moves
// batches. Same events in the same order, same output.
#pragma once

#include "analytics/ewma_detector.hpp"
#include "analytics/series.hpp"
#include "analytics/threshold_rule.hpp"
#include "analytics/tumbling_window.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::analytics {

struct shard_config {
  window_config window;
  ewma_config detector;

  /// Metrics (with * and ?) that the detector leaves alone: bursts are their nature.
  std::vector<std::string> detector_ignores;
  std::vector<rule_config> rules; ///< At most rules_max.
};

/// Empty if `config` can work, else what is wrong, with the setting's name.
std::string validate(const shard_config& config);

/// What a shard made since its caller last emptied it. `series` fields hold the
/// node's series_id.
struct shard_output {
  std::vector<summary> summaries;
  std::vector<anomaly> anomalies;
  std::vector<alert> alerts;

  bool empty() const {
    return summaries.empty() && anomalies.empty() && alerts.empty();
  }
  void clear();
};

/// Counters since start; they only grow, but for the two *_open.
struct shard_status {
  std::uint64_t events = 0; ///< Taken into a window.
  std::uint64_t late = 0;   ///< Behind the watermark: counted, in no window.
  std::uint64_t summaries = 0;
  std::uint64_t anomalies = 0;
  std::uint64_t alerts = 0;      ///< Transitions.
  std::uint64_t series_open = 0; ///< Series with an open window, at the last tick.
  std::uint64_t alerts_open = 0; ///< Firing or recovering.
};

/// Which of `shards` shards owns a series.
inline std::size_t shard_of(series_id id, std::size_t shards) {
  // Fibonacci hashing: ids are dense, so the high bits spread them evenly.
  return static_cast<std::size_t>(((id * 2654435769ull) >> 16) % shards);
}

class shard {
public:
  /// @pre validate(config) is empty; `table` outlives the shard.
  shard(shard_config config, const series_table& table);

  /// Takes a batch. `now_ns` is the local monotonic clock: it only serves to notice
  /// silent series.
  void process(std::span<const event> events, std::int64_t now_ns, shard_output& out);

  /// Closes the windows of series that fell silent. Call once a second or so.
  void tick(std::int64_t now_ns, shard_output& out);

  /// Closes everything, e.g. at the end of a finite input.
  void flush(shard_output& out);

  const shard_status& status() const {
    return status_;
  }

  /// Appends the state of all series, one entry each; see restore().
  void snapshot(std::string& out) const;

  /// Takes one entry of snapshot(): (text, state). `id` is the text's id in this
  /// node's table. Windows of another width than today's go to `out`. Returns false
  /// if the entry does not decode; it is then ignored.
  bool restore(series_id id, std::string_view state, std::int64_t now_ns,
               shard_output& out);

private:
  struct series_state {
    tumbling_window window;
    std::int64_t last_seen_ns = 0; // Local clock.
    bool known = false;            // This shard has seen the series.
    bool alerting = false;         // Has an entry in rule_states_.
    bool judged = false;           // By the detector.
    std::uint64_t rules = 0;       // Bit i: rule i applies.
    ewma_detector detector;
  };

  series_state& state_of(series_id id);
  void judge(series_state& state, const event& x, shard_output& out);
  void run_rules(series_state& state, const event& x,
                 const ewma_detector::verdict& verdict, shard_output& out);

  shard_config config_;
  const series_table* table_;        // Not null.
  std::vector<series_state> series_; // By series_id.
  // By series; few series alert at a time. Inner: by rule number.
  std::unordered_map<series_id, std::unordered_map<std::uint32_t, rule_state>>
    rule_states_;
  shard_status status_;
};

/// Reads a snapshot entry by entry: calls `entry(text, state)` for each. Returns
/// false at the first byte that does not fit the format.
bool for_each_snapshot_entry(
  std::string_view snapshot,
  const std::function<void(std::string_view text, std::string_view state)>& entry);

} // namespace weir::analytics
