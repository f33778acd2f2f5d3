// The EDGE NODE: builds the whole edge from its config, in this order, and takes it
// down in the reverse one.
//
//   outbox, journal -> shards with the state of the last checkpoint -> replay of the
//   journal behind it -> writer, publisher -> sources -> uplink
//
// Shutdown saves everything in flight: sources stop first, a last checkpoint takes what
// waits, the uplink sends what it can. A crash loses nothing either: the next start
// replays the journal.
#pragma once

#include "actors/event_port.hpp"
#include "actors/host_source.hpp"
#include "actors/ingest_gate.hpp"
#include "actors/outbox_writer.hpp"
#include "actors/shard_actor.hpp"
#include "analytics/expected.hpp"
#include "analytics/node_clock.hpp"
#include "analytics/shard.hpp"
#include "storage/outbox.hpp"
#include "transport/mqtt_client.hpp"
#include "transport/uplink.hpp"
#include "transport/zmq_ingest.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::actors {

/// How a source reads payloads; the rest of event_port_config is the node's.
struct mqtt_source_config {
  std::string name; ///< Unique in the node.
  transport::mqtt_config mqtt;
  std::string topic_template; ///< Empty: the payload says everything.
  transport::time_unit unit = transport::time_unit::automatic;
  bool sheds = false; ///< See event_port_config.
};

struct zmq_source_config {
  std::string name; ///< Unique in the node.
  transport::zmq_ingest_config zmq;
  transport::time_unit unit = transport::time_unit::automatic;
  bool sheds = false; ///< See event_port_config.
};

struct alert_output_config {
  bool enabled = false;
  transport::mqtt_config mqtt;
  std::string topic = "weir/edge/{edge}/alerts/{rule}";
};

/// The journal of what has come in; see storage/journal.hpp.
struct edge_journal_config {
  bool enabled = true;
  storage::journal_config files;

  /// What a power cut may take at most. A killed process takes nothing.
  std::chrono::milliseconds sync_interval{200};
};

struct edge_node_config {
  std::string name = "edge-1";
  std::string version;
  std::size_t shards = 0; ///< 0: one a core, at most 8.
  std::size_t series_max = 100'000;

  /// Resident memory: what may wait where follows from it (memory_budget), and near it
  /// sources wait or shed sooner (memory_governor). The names and windows of very many
  /// series (series_max) may exceed it all the same.
  std::size_t memory_bytes_max = 96ull << 20;
  std::chrono::milliseconds linger{2}; ///< How long a lone event waits for others.
  shard_inbox_config inbox;
  event_port_config ingest; ///< Limits and times; `source` and `unit` are not used.
  analytics::stream_config stream;
  analytics::node_clock_config clock;
  ingest_gate_config gate;
  edge_journal_config journal;
  std::vector<mqtt_source_config> mqtt_sources;
  std::vector<zmq_source_config> zmq_sources;
  host_source_config host;
  alert_output_config alerts;
  storage::outbox_config outbox;
  outbox_writer_config writer;
  bool uplink_enabled = true;
  transport::uplink_client_config uplink;
};

/// Empty if the config can work, else what is wrong, with the setting's name.
std::string validate(const edge_node_config& config);

class edge_node {
public:
  /// Builds and starts everything. A broker or centre that is away is no error: it
  /// is retried for ever. The error is a sentence for the operator.
  static expected<std::unique_ptr<edge_node>, std::string>
  start(edge_node_config config);

  ~edge_node(); ///< Stops, if stop() was not called.

  /// Stops in order within about `deadline`. Returns an empty text, or what could
  /// not be saved.
  std::string stop(std::chrono::milliseconds deadline);

  /// Goes on with another stream configuration: windows whose shape has not changed
  /// keep their state, others are sent as they are. The error says what is wrong with
  /// the configuration; then nothing has changed. Thread-safe.
  expected<analytics::change_report, std::string>
  change_stream(analytics::stream_config stream);

  /// Thread-safe.
  transport::edge_status status() const;

  /// Where the ZeroMQ sources listen, in order of the config.
  std::vector<transport::zmq_bound_endpoints> zmq_endpoints() const;

private:
  struct impl;
  explicit edge_node(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace weir::actors
