// What the centre knows about its edges right now: the newest status of each, with
// rates and lag. Plain data behind a mutex: the uplink writes, the web reads.
#pragma once

#include "storage/store_ledger.hpp"
#include "transport/uplink.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace weir::actors {

enum class edge_state : std::uint8_t { up, late, down };
std::string_view to_string(edge_state x);

struct edge_view {
  std::string name;
  edge_state state = edge_state::down;
  std::int64_t last_seen_ns = 0; ///< The centre's clock; 0: never.
  double events_per_s = 0.0;
  double lag_ms = 0.0;          ///< End of the newest window to its commit.
  double clock_offset_ms = 0.0; ///< The edge's clock minus ours.
  transport::edge_status status;
  // The newest ledger, which outlives a restart of the centre.
  transport::edge_ledger ledger;
  std::uint64_t ledger_epoch = 0;
  std::int64_t ledger_ns = 0; ///< The centre's clock when it came; 0: never.
};

/// For the store, which keeps them.
storage::edge_counters to_counters(const edge_view& edge);

struct fleet_totals {
  std::uint64_t edges = 0, up = 0, late = 0, down = 0;
  double events_per_s = 0.0;
  std::uint64_t events_total = 0;
  double lag_p99_ms = 0.0; ///< Of the commits of the last minute.
  std::uint64_t rejected_total = 0, late_total = 0;
};

struct fleet_view {
  fleet_totals totals;
  std::vector<edge_view> edges; ///< By name.
};

/// Thread-safe. Times are the centre's wall clock, passed in.
class fleet_board {
public:
  /// Edges of the allow-list are known (and down) before they ever connect.
  void expect_edge(const std::string& name);
  void on_status(const std::string& edge, const transport::edge_status& status,
                 std::int64_t now_ns);
  /// What the store has kept of an edge that was not heard since.
  void remember(const storage::edge_counters& counters);
  /// Summaries up to `newest_end_ns` of `edge` are on disk.
  void on_commit(const std::string& edge, std::int64_t newest_end_ns,
                 std::int64_t now_ns);
  fleet_view view(std::int64_t now_ns) const;

private:
  struct entry {
    edge_view view;
    std::uint64_t previous_events = 0;
    std::int64_t previous_time_ns = 0;
    std::uint32_t previous_run = 0;
  };
  double recent_lag_p99(std::int64_t now_ns) const; // Under the lock.

  mutable std::mutex mutex_;
  std::map<std::string, entry> edges_;
  struct lag_sample {
    std::int64_t time_ns = 0;
    double lag_ms = 0.0;
  };
  std::vector<lag_sample> lags_; // The newest 512, a ring.
  std::size_t lag_next_ = 0;
};

/// Counters of the centre since start; they only grow (but for the *_ns times).
struct central_counters {
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> commit_errors{0};
  std::atomic<std::uint64_t> blocks_stored{0};
  std::atomic<std::uint64_t> blocks_duplicate{0};
  std::atomic<std::uint64_t> blocks_gap{0};
  std::atomic<std::uint64_t> blocks_malformed{0};
  std::atomic<std::uint64_t> blocks_refused{0}; ///< Dropped and asked for again.
  std::atomic<std::uint64_t> records_stored{0};
  std::atomic<std::uint64_t> ledger_violations{0};
  std::atomic<std::uint64_t> uplink_errors{0};
  std::atomic<std::uint64_t> alerts_published{0};
  std::atomic<std::uint64_t> alerts_publish_failed{0};
  std::atomic<std::uint64_t> queue_blocks{0};     ///< Waiting for the writer now.
  std::atomic<std::uint64_t> queue_bytes{0};      ///< Of these, decoded.
  std::atomic<std::int64_t> last_commit_ns{0};    ///< Wall clock.
  std::atomic<std::int64_t> oldest_waiting_ns{0}; ///< 0: nothing waits.
};

} // namespace weir::actors
