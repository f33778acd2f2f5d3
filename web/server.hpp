// The web server of weir-central: HTTP, WebSocket, sessions, the live hub.
// Contract: web/API.md. Beast and OpenSSL stay behind this interface.
#pragma once

#include "actors/fleet_board.hpp"
#include "actors/import_desk.hpp"
#include "analytics/expected.hpp"
#include "storage/store.hpp"
#include "web/server_config.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::web {

/// One line of /ready.
struct readiness_check {
  std::string name;
  bool ok = false;
  std::string detail;
};

struct server_services {
  storage::store& store;
  actors::fleet_board& fleet;
  const actors::central_counters& counters;
  std::function<std::vector<readiness_check>()> readiness; ///< Any thread; fast.
  std::function<std::int64_t()> now_ns;                    ///< Wall clock.
  /// Stores a block of windows; see central_node::import_block. May be missing.
  std::function<void(std::uint64_t epoch, std::uint64_t first_seq, std::string bytes,
                     actors::import_callback done)>
    import{};
};

/// Owns its threads: one for the sockets, one for queries.
class server {
public:
  server(server_config config, server_services services);
  ~server(); ///< Stops.

  /// Binds; returns the port.
  expected<std::uint16_t, error> start();

  /// What was just committed, for the live feed. Any thread; cheap.
  void publish(std::shared_ptr<const storage::commit_report> report);

  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace weir::web
