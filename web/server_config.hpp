// Settings and errors of the web server. Apart from server.hpp, so that Beast's
// translation unit does not compile again when the store's interface changes.
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
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
  std::filesystem::path data_dir;           ///< Where api.key is kept.
  std::vector<std::string> allowed_origins; ///< Besides the server's own.
  std::size_t connections_max = 2000;
  std::size_t request_bytes_max = 1 << 20;
  std::string version;
};

} // namespace weir::web
