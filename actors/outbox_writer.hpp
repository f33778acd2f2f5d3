// OUTBOX WRITER: puts the shards' records on disk, many in one transaction, and tells
// the uplink. Spawned detached: a commit blocks its thread.
//
//   shards ==records==> [outbox writer] --commit--> outbox; then notify() the uplink
//
// A commit that fails (disk full) is kept and tried again; meanwhile the backlog
// counter stops the shards, and they their sources.
#pragma once

#include "actors/block_builder.hpp"
#include "actors/interfaces.hpp"
#include "actors/shard_actor.hpp"
#include "storage/outbox.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::actors {

struct outbox_writer_config {
  /// A record waits at most this long for others to share its commit.
  std::chrono::milliseconds commit_interval{10};
  std::size_t commit_records = 1000; ///< Commits at once when this many wait.
  std::chrono::milliseconds retry_interval{500};
};

/// What the node shares with its writer; all of it outlives the actor.
struct outbox_writer_parts {
  storage::outbox* outbox = nullptr;
  const analytics::series_table* series = nullptr;
  std::shared_ptr<writer_backlog> backlog;
  std::function<void()> on_committed; ///< New blocks are on disk.
  std::function<void(const std::string& problem)> on_problem; ///< Empty: over.
};

struct outbox_writer_state {
  static constexpr const char* name = "outbox-writer";
  outbox_writer_config config;
  outbox_writer_parts parts;
  std::unique_ptr<block_builder> builder;
  std::vector<storage::new_block> unwritten; ///< Of a commit that failed.
  std::uint64_t counted = 0; ///< Records that stand in the backlog counter.
  bool commit_is_due = false;
  std::string problem;
};

outbox_writer_actor::behavior_type
outbox_writer(outbox_writer_actor::stateful_pointer<outbox_writer_state> self,
              outbox_writer_config config, outbox_writer_parts parts);

} // namespace weir::actors
