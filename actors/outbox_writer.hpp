// OUTBOX WRITER: makes the checkpoints. Spawned detached: a commit blocks its thread.
//
//   shards ==records==> [outbox writer] --commit--> outbox; then notify() the uplink
//            ==state==>        |
//   gate <----begin_cut--------'
//
// A checkpoint is one transaction: the records that shards made before a cut, the state
// of all shards at the cut, and the place of the cut in the journal. Records leave over
// the uplink only after that, so what a crash forgets nobody has seen, and the replay
// of the journal makes it again.
//
// A checkpoint is made as soon as records wait, but not so often that it costs more than
// `cost_max` of the time or `write_bytes_per_s_max` of the disk's wear; and once an
// interval where there is only state to be kept. When so much waits that the shards
// would have to, or the sources for the journal, the cost does not count, and the wear
// may be four times as much.
//
// A commit that fails (disk full) is kept and tried again; meanwhile the backlog
// counter stops the shards, and they their sources.
#pragma once

#include "actors/block_builder.hpp"
#include "actors/ingest_gate.hpp"
#include "actors/interfaces.hpp"
#include "actors/shard_actor.hpp"
#include "storage/outbox.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::actors {

struct outbox_writer_config {
  /// Records and the state they came from are kept together. False: records are
  /// committed as they come, and only a stop keeps the state.
  bool checkpoints = true;

  /// State is kept this often while events come.
  std::chrono::milliseconds checkpoint_interval{1000};

  /// A record waits at most this long for others to share its commit, but for the two
  /// limits below.
  std::chrono::milliseconds commit_interval{10};

  double cost_max = 0.05; ///< Part of the time that checkpoints may take.
  std::size_t write_bytes_per_s_max = 8 << 20;

  std::size_t commit_records = 1000; ///< Commits at once when this many wait.

  /// From so many bytes in the backlog on `cost_max` does not hold: shards would soon
  /// wait for the writer, and that costs more. Below the shards' writer_backlog_max.
  std::uint64_t backlog_urgent_bytes = 2 << 20;
  std::chrono::milliseconds retry_interval{500};
};

/// What stands in a checkpoint beside the shards' states.
struct node_state {
  cut_start gate;
  std::vector<analytics::shard_status> shards; ///< By number, at the cut.
};

/// What the node shares with its writer; all of it outlives the actor.
struct outbox_writer_parts {
  storage::outbox* outbox = nullptr;
  const analytics::series_table* series = nullptr;
  std::size_t shards = 1;
  std::shared_ptr<writer_backlog> backlog;
  std::shared_ptr<committed_cut> committed;

  /// Sets a cut in all inboxes.
  std::function<cut_start(std::uint64_t number)> begin_cut;
  /// Grows when something was taken since.
  std::function<std::uint64_t()> progress;
  /// What the next checkpoint frees is nearly used up; asked when a `commit` comes. May
  /// be empty.
  std::function<bool()> is_filling;
  /// The node's own parts of a checkpoint.
  std::function<std::vector<storage::state_part>(const node_state&)> node_parts;

  /// New blocks are on disk; the journal before `journal_number` is not needed any more
  /// (0: there is none).
  std::function<void(std::uint64_t journal_number)> on_committed;
  std::function<void(const std::string& problem)> on_problem; ///< Empty: over.
};

struct outbox_writer_state {
  static constexpr const char* name = "outbox-writer";
  using time_point = std::chrono::steady_clock::time_point;

  /// Records before one cut, and how many bytes of them stand in the backlog counter.
  struct generation {
    std::unique_ptr<block_builder> builder;
    std::uint64_t counted = 0;
  };
  struct cut {
    std::uint64_t number = 0;
    time_point began;
    std::size_t missing = 0; ///< Shards that have not given their state.
    std::vector<bool> given;
    node_state node;
    std::vector<storage::packed_state> states; ///< By shard.
    bool is_complete() const {
      return missing == 0;
    }
  };

  outbox_writer_config config;
  outbox_writer_parts parts;
  std::array<generation, 2> generations;     ///< Before the next cut; behind it.
  std::optional<cut> pending;                ///< Under way, or not yet on disk.
  std::vector<storage::new_block> unwritten; ///< Of a commit that failed.
  std::uint64_t unwritten_counted = 0;
  std::uint64_t cuts = 0;
  std::uint64_t progress_kept = 0; ///< parts.progress() at the last cut.
  time_point next_cut_at;          ///< Not before...
  time_point urgent_cut_at;        ///< ...or not before this, where it is urgent.
  time_point state_due_at;
  std::optional<time_point> wake_at; ///< When a `commit` is on its way.
  std::string problem;
  std::vector<caf::typed_response_promise<outcome>> finishing;
  bool finish_begun = false; ///< The pending cut is the last one.
};

outbox_writer_actor::behavior_type
outbox_writer(outbox_writer_actor::stateful_pointer<outbox_writer_state> self,
              outbox_writer_config config, outbox_writer_parts parts);

} // namespace weir::actors
