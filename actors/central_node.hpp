// The CENTRAL NODE: store, writer, alert manager and uplink endpoint, started in this
// order and stopped in the reverse one. The web server stands above it (central/).
#pragma once

#include "actors/alert_manager.hpp"
#include "actors/fleet_board.hpp"
#include "actors/import_desk.hpp"
#include "actors/store_writer.hpp"
#include "analytics/expected.hpp"
#include "storage/store.hpp"
#include "transport/mqtt_client.hpp"
#include "transport/uplink.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace weir::actors {

struct central_alert_config {
  bool enabled = false;
  transport::mqtt_config mqtt;
  alert_manager_config manager;
};

struct central_node_config {
  storage::store_config store;
  store_writer_config writer;
  transport::uplink_server_config uplink;
  central_alert_config alerts;
};

class central_node {
public:
  /// Opens the store and starts the writer; nothing comes in yet.
  static expected<std::unique_ptr<central_node>, std::string>
  start(central_node_config config);

  ~central_node(); ///< Stops, if stop() was not called.

  /// Opens the uplink endpoint; `live` gets every commit (on the writer's thread).
  /// Returns the endpoint as bound.
  expected<std::string, std::string>
  open_uplink(std::function<void(commit_report_ptr)> live);

  /// Stores a block of windows (transport::encode_block) under the edge `import`.
  /// `done` is called once, here or on the writer's thread, after the commit. Any thread.
  void import_block(std::uint64_t epoch, std::uint64_t first_seq, std::string bytes,
                    import_callback done);

  storage::store& store();
  fleet_board& fleet();
  const central_counters& counters() const;

  /// Whether the writer makes progress, with a sentence. Thread-safe.
  std::pair<bool, std::string> writer_health() const;

  /// Stops in order within about `deadline`. Returns an empty text, or what could
  /// not be stored.
  std::string stop(std::chrono::milliseconds deadline);

private:
  struct impl;
  explicit central_node(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace weir::actors
