// CURVE keys and the ZAP allow-list. A CURVE server without a ZAP handler accepts
// every key, so a server in this project never runs without one.
#pragma once

#include "transport/errors.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace weir::transport {

/// Z85 text, 40 characters each.
struct curve_key_pair {
  std::string public_key;
  std::string secret_key;
};

curve_key_pair make_curve_keys();

/// A secret key file holds the 40 characters and a newline, mode 0600; a wider
/// mode is an error. The public key is derived from it.
expected<curve_key_pair, error>
read_secret_key(const std::filesystem::path& file);
expected<void, error> write_secret_key(const std::filesystem::path& file,
                                       const curve_key_pair& keys);

struct allowed_peer {
  std::string name;       ///< [A-Za-z0-9._-]{1,64}
  std::string public_key; ///< Z85.
};

struct curve_client_keys {
  std::string server_public_key; ///< Empty: no CURVE (loopback and ipc only).
  curve_key_pair own;
};

struct curve_server_keys {
  curve_key_pair own;                ///< Empty: no CURVE (loopback and ipc only).
  std::vector<allowed_peer> allowed; ///< Deny by default.
};

} // namespace weir::transport
