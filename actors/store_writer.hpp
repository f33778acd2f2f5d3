// STORE WRITER: the one writer of the centre's store. Blocks of many edges share a
// transaction; each is acknowledged after the commit, never before. Spawned detached.
//
//   uplink --received_block--> [store writer] --commit--> store
//            <--acknowledge/resend--          --report--> live feed, alert manager
//
// What waits is bounded: an edge sends no more than its window before it has an
// acknowledgement, and decoded blocks are bounded in bytes.
#pragma once

#include "actors/fleet_board.hpp"
#include "actors/interfaces.hpp"
#include "storage/store.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace weir::actors {

struct store_writer_config {
  std::chrono::milliseconds commit_interval{5};
  // Commits at once when one of these waits. Large commits are cheap for each record;
  // under load they come by themselves, since blocks gather while one is written.
  std::size_t commit_records = 20'000;
  std::size_t commit_bytes = 16 << 20; ///< Of decoded blocks.
  std::chrono::milliseconds retry_interval{500};
  /// While the store cannot be written, blocks beyond this are dropped and asked for
  /// again afterwards.
  std::size_t waiting_bytes_max = 64 << 20;
  std::chrono::milliseconds counters_interval{10'000}; ///< Edges' counters are kept.
  /// How often the store is asked whether it has work of its own (see store::maintain).
  std::chrono::milliseconds upkeep_interval{1000};
  /// Windows at a time: blocks that come meanwhile wait for about 25 ms.
  std::size_t upkeep_rows = 5000;
};

/// What the node shares with its writer; all of it outlives the actor.
struct store_writer_parts {
  storage::store* store = nullptr;
  fleet_board* fleet = nullptr;
  central_counters* counters = nullptr;
  /// The position in `at` is on disk.
  std::function<void(const std::string& edge, std::uint64_t epoch,
                     const storage::commit_outcome& at)>
    acknowledge;
  std::function<void(const std::string& edge, std::uint64_t epoch,
                     std::uint64_t from_seq, bool live_lane)>
    resend;
  std::function<void(commit_report_ptr)> on_report;           ///< Any thread.
  std::function<void(const std::string& problem)> on_problem; ///< Empty: over.
  std::function<std::int64_t()> now_ns;                       ///< Wall clock.
};

struct store_writer_state {
  static constexpr const char* name = "store-writer";
  store_writer_config config;
  store_writer_parts parts;
  std::vector<storage::incoming_block> waiting;
  std::vector<storage::edge_hello> hellos; ///< Wait for the next commit.
  std::size_t waiting_records = 0;
  std::size_t waiting_bytes = 0;
  /// Edge, epoch, lane: at most two an edge that is connected.
  std::set<std::tuple<std::string, std::uint64_t, bool>> refused;
  std::map<std::string, std::int64_t> kept_ns; ///< By edge: age of the kept counters.
  bool commit_is_due = false;
  std::string problem;
  std::string upkeep_problem; ///< The last one that was logged.
};

store_writer_actor::behavior_type
store_writer(store_writer_actor::stateful_pointer<store_writer_state> self,
             store_writer_config config, store_writer_parts parts);

} // namespace weir::actors
