// PRIVATE to edge_node*.cpp: the parts of a running EDGE NODE.
#pragma once

#include "actors/alert_publisher.hpp"
#include "actors/edge_node.hpp"
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

struct edge_node::impl {
  explicit impl(edge_node_config x)
    : config(std::move(x)), series(config.series_max, config.shards),
      system(config.shards) {
  }

  edge_node_config config;
  std::int64_t started_ns = wall_clock_ns();
  analytics::series_table series;
  quarantine rejected;
  std::unique_ptr<storage::outbox> outbox;
  std::unique_ptr<transport::uplink_client> uplink;
  std::unique_ptr<transport::mqtt_client> alert_client;
  std::shared_ptr<writer_backlog> backlog = std::make_shared<writer_backlog>();
  std::shared_ptr<routed_backlog> routed = std::make_shared<routed_backlog>();
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

  // Of stop_sources().
  std::mutex closer_mutex;
  std::condition_variable closer_wake;
  bool sources_done = false;

  std::string open_outbox();
  std::string start_alert_output();
  void start_actors();
  void restore_state();
  void restore_shards(std::string_view saved);
  void make_uplink();
  std::string start_uplink();
  std::string start_sources();
  std::string start_mqtt(const mqtt_source_config& source);
  std::string start_zmq(const zmq_source_config& source);
  std::shared_ptr<event_port> make_port(const std::string& name,
                                        transport::time_unit unit);
  void stop_sources(std::chrono::steady_clock::time_point until);
  std::string save_everything(std::chrono::steady_clock::time_point until);
  std::vector<transport::uplink_block> read_outbox(std::uint64_t after_seq,
                                                   std::size_t size_bytes_max);
  transport::edge_status status() const;
};

} // namespace weir::actors
