// EDGE PROCESS: the parts of a running edge as actors/edge_node puts them together, from
// the event port to the outbox, on virtual time and without sockets and threads.
#pragma once

#include "actors/event_accounts.hpp"
#include "actors/event_port.hpp"
#include "actors/ingest_gate.hpp"
#include "actors/outbox_writer.hpp"
#include "actors/shard_actor.hpp"
#include "tests/simulation/virtual_time.hpp"
#include "transport/uplink.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::simulation {

/// Windows of each series, and of each metric over all sources (which cross shards).
inline constexpr std::int64_t series_width_ns = 5 * minute_ns;
inline constexpr std::int64_t group_width_ns = 15 * minute_ns;
inline constexpr std::string_view group_view = "fleet";

/// Later than this after its time an event is in no window; see stream().
inline constexpr std::int64_t lateness_ns = 2 * hour_ns;
inline constexpr std::int64_t idle_timeout_ns = 20 * minute_ns;

struct edge_process_config {
  std::string name;
  std::filesystem::path directory; ///< Journal and outbox lie in it.
  std::size_t outbox_bytes_max = 4 << 20;
  bool journal = true;
};

struct edge_clocks {
  std::function<std::int64_t()> wall_ns;
  std::function<std::int64_t()> steady_ns;
};

class edge_process {
public:
  /// Starts from what lies in the directory. `on_committed`: there is more to be sent.
  edge_process(virtual_time& time, edge_process_config config, edge_clocks clocks,
               std::function<void()> on_committed);

  /// @pre end() and time.settle().
  ~edge_process() = default;
  edge_process(const edge_process&) = delete;
  edge_process& operator=(const edge_process&) = delete;

  /// False: a source would have to wait.
  bool has_room();
  std::string room() const; ///< For a person.
  void take(const transport::raw_event& event);

  /// What the timer of the journal does.
  void sync();

  /// A stop in order: everything that came in is in the last checkpoint. Settles.
  /// The error's text, or nothing.
  std::string finish();

  /// Ends the actors with the next messages. What they still do, nobody hears of.
  void end();

  storage::outbox& outbox() {
    return *outbox_;
  }
  std::vector<transport::uplink_entry> read_outbox(std::uint64_t after_seq,
                                                   std::size_t size_bytes_max);
  transport::edge_status status() const;
  actors::event_account account() const;

  /// What went wrong that must not, in sentences.
  const std::vector<std::string>& problems() const {
    return problems_;
  }

private:
  void open_files();
  void make_shards();
  void restore();
  bool restore_checkpoint(const storage::checkpoint& saved);
  void restore_shards(std::span<const std::string_view> saved);
  void replay(std::optional<std::uint64_t> from);
  void replay_batch(std::size_t shard);
  void start_actors();
  actors::outbox_writer_parts writer_parts();
  std::vector<storage::state_part> node_parts(const actors::node_state& node);
  std::vector<analytics::shard_status> shard_statuses() const;
  template <class Result>
  bool check(const Result& result, std::string_view what);

  virtual_time& time_;
  const edge_process_config config_;
  const edge_clocks clocks_;
  const std::function<void()> on_committed_;
  bool is_ended_ = false;
  std::vector<std::string> problems_;

  actors::stream_program_ptr program_;
  analytics::series_table series_;
  actors::quarantine rejected_;
  std::unique_ptr<storage::outbox> outbox_;
  std::unique_ptr<storage::journal> journal_;
  std::unique_ptr<actors::ingest_gate> gate_;
  std::unique_ptr<actors::event_port> port_;
  actors::event_accounts accounts_;
  std::shared_ptr<actors::writer_backlog> backlog_;
  std::shared_ptr<actors::routed_backlog> routed_;
  std::shared_ptr<actors::committed_cut> committed_;
  std::vector<actors::shard_parts> shards_;
  std::shared_ptr<std::vector<actors::shard_actor>> peers_;
  actors::outbox_writer_actor writer_;

  analytics::shard_output replayed_;
  std::vector<std::vector<analytics::event>> replay_batches_; // By shard.
};

} // namespace weir::simulation
