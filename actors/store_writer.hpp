// STORE WRITER: the one writer of the centre's store. Blocks of many edges share a
// transaction; each is acknowledged after the commit, never before. Spawned detached.
//
//   uplink --received_block--> [store writer] --commit--> store
//            <--acknowledge/resend--          --report--> live feed, alert manager
//
// What waits is bounded by the edges' windows: an edge sends no more before it has
// an acknowledgement.
#pragma once

#include "actors/fleet_board.hpp"
#include "actors/interfaces.hpp"
#include "storage/store.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::actors {

struct store_writer_config {
  std::chrono::milliseconds commit_interval{5};
  std::size_t commit_records = 5000; ///< Commits at once when this many wait.
  std::chrono::milliseconds retry_interval{500};
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
  std::size_t waiting_records = 0;
  bool commit_is_due = false;
  std::string problem;
};

store_writer_actor::behavior_type
store_writer(store_writer_actor::stateful_pointer<store_writer_state> self,
             store_writer_config config, store_writer_parts parts);

} // namespace weir::actors
