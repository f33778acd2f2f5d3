// The web server of weir-central: HTTP, WebSocket, sessions, the live hub. Contract:
// web/API.md. Beast and OpenSSL stay behind this interface.
#pragma once

#include "actors/fleet_board.hpp"
#include "analytics/expected.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::web {

enum class errc : std::uint8_t {
  invalid_config = 1, ///< A setting cannot work; the message names it.
  cannot_bind,        ///< Port in use, or an address that is not ours.
  unreadable_file,    ///< Certificate, key or data directory.
};
using error = basic_error<errc>;

struct server_config {
  std::string bind = "127.0.0.1";
  std::uint16_t port = 8080; ///< 0: any free one.
  /// PEM files. Without them only a loopback address may be bound.
  std::filesystem::path tls_certificate;
  std::filesystem::path tls_key;
  std::filesystem::path data_dir; ///< Where api.key is kept.
  std::vector<std::string> allowed_origins; ///< Besides the server's own.
  std::size_t connections_max = 2000;
  std::size_t request_bytes_max = 1 << 20;
  std::string version;
};

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
