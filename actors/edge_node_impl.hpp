// PRIVATE to edge_node*.cpp: the parts of a running EDGE NODE.
#pragma once

#include "actors/alert_publisher.hpp"
#include "actors/edge_node.hpp"
#include "actors/event_accounts.hpp"
#include "actors/memory_budget.hpp"
#include "actors/memory_governor.hpp"
#include "actors/periodic_thread.hpp"
#include "actors/process_info.hpp"
#include "actors/quarantine_forwarder.hpp"
#include "actors/system.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace weir::actors {

inline std::chrono::milliseconds
left_until(std::chrono::steady_clock::time_point until) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
    until - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds{0});
}

inline memory_budget_config budget_config(const edge_node_config& config) {
  memory_budget_config result;
  result.bound_bytes = config.memory_bytes_max;
  result.shards = std::max<std::size_t>(config.shards, 1);
  result.zmq_sources = config.zmq_sources.size();
  for (const auto& view : config.stream.views)
    result.grouped_views += view.group_by.empty() ? 0 : 1;
  if (config.gate.duplicates_enabled)
    result.duplicates_horizon = config.gate.duplicates_horizon;
  return result;
}

struct edge_node::impl {
  explicit impl(edge_node_config x)
    : config(std::move(x)), series(config.series_max, config.shards),
      system(config.shards) {
  }

  edge_node_config config;
  memory_budget budget = plan_memory(budget_config(config));
  std::int64_t started_ns = wall_clock_ns();
  analytics::series_table series;
  quarantine rejected;
  std::unique_ptr<storage::outbox> outbox;
  std::unique_ptr<storage::journal> journal; ///< Null: off, or it cannot be opened.
  std::string journal_problem;               ///< Why it is not there.
  std::unique_ptr<ingest_gate> gate;
  event_accounts accounts;
  bool memory_only = false; ///< data_dir cannot be written.
  std::atomic<std::uint64_t> files_set_aside{0};
  std::atomic<std::int64_t> checkpoint_ns{0}; ///< Steady clock; 0: none yet.
  std::unique_ptr<transport::uplink_client> uplink;
  std::unique_ptr<transport::mqtt_client> alert_client;
  std::shared_ptr<writer_backlog> backlog = std::make_shared<writer_backlog>();
  std::shared_ptr<routed_backlog> routed = std::make_shared<routed_backlog>();
  std::shared_ptr<committed_cut> committed = std::make_shared<committed_cut>();
  stream_program_ptr program;
  std::shared_ptr<alert_counters> alerts = std::make_shared<alert_counters>();
  std::vector<std::shared_ptr<event_port>> ports;

  actor_runtime system;
  // Handles of actors end before the system does.
  std::vector<shard_parts> shards;
  std::shared_ptr<std::vector<shard_actor>> peers
    = std::make_shared<std::vector<shard_actor>>();
  outbox_writer_actor writer;
  alert_publisher_actor publisher;
  quarantine_forwarder_actor forwarder;
  host_source_actor host;
  std::vector<shard_actor> shard_actors;

  std::vector<std::unique_ptr<transport::mqtt_client>> mqtt_sources;
  std::vector<std::unique_ptr<transport::zmq_ingest>> zmq_sources;
  std::vector<transport::zmq_bound_endpoints> zmq_endpoints;
  bool stopped = false;
  std::unique_ptr<periodic_thread> journal_timer; ///< Ends before the journal.
  std::string sync_problem;                       ///< The timer's.
  std::atomic<std::int64_t> synced_ns{steady_now_ns()};
  memory_governor governor{config.memory_bytes_max};
  std::atomic<bool> memory_is_short{false};
  std::unique_ptr<periodic_thread> memory_timer; ///< Ends before the inboxes.

  // Of stop_sources().
  std::mutex closer_mutex;
  std::condition_variable closer_wake;
  bool sources_done = false;

  std::string open_outbox();
  expected<std::unique_ptr<storage::outbox>, storage::error>
  open_outbox_in_memory(const std::string& why);
  void sync_journal();
  void govern_memory();
  std::uint64_t renew_epoch(const transport::uplink_position& centre);
  void open_journal();
  std::string start_alert_output();
  void make_shards();
  void start_actors();
  outbox_writer_parts make_writer_parts();

  // edge_node_state.cpp: what outlives a process.
  void restore_state();
  bool restore_checkpoint(const storage::checkpoint& saved);
  bool restore_shards(std::span<const std::string_view> saved);
  void replay_journal(std::optional<std::uint64_t> from);
  void replay_events(std::span<const analytics::event> events);
  void replay_batch(std::size_t shard);
  void flush_replayed();
  std::vector<storage::state_part> node_parts(const node_state& node);
  std::string unpublished_alerts() const;
  void publish_again(std::string_view saved);
  analytics::shard_output replayed; ///< Records of the time before the actors.
  std::vector<std::vector<analytics::event>> replay_batches; ///< By shard.

  void make_uplink();
  std::string start_uplink();
  std::string start_sources();
  std::string start_mqtt(const mqtt_source_config& source);
  std::string start_zmq(const zmq_source_config& source);
  std::shared_ptr<event_port> make_port(const std::string& name,
                                        transport::time_unit unit, bool sheds);
  void stop_sources(std::chrono::steady_clock::time_point until);
  std::string save_everything(std::chrono::steady_clock::time_point until);
  void fill_ledger(transport::edge_status& status) const;
  std::vector<transport::uplink_entry> read_outbox(std::uint64_t after_seq,
                                                   std::size_t size_bytes_max);
  transport::edge_status status() const;
};

} // namespace weir::actors
