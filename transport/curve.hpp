// CURVE keys and the ZAP allow-list. A CURVE server without a ZAP handler
// accepts every key, so a server in this project never runs without one.
#pragma once

#include "transport/errors.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

/// Z85 text, 40 characters each.
struct curve_key_pair {
  std::string public_key;
  std::string secret_key;
};

curve_key_pair make_curve_keys();

/// Whether `text` is a key: 40 characters of Z85 that stand for 32 bytes.
bool is_curve_key(std::string_view text);

/// A secret key file holds the 40 characters and a newline, mode 0600; a wider
/// mode is an error. The public key is derived from it.
expected<curve_key_pair, error> read_secret_key(const std::filesystem::path& file);

/// Never overwrites: a key that is gone locks its owner out. invalid_config if
/// the file exists, unreadable_file if it cannot be made.
expected<void, error> write_secret_key(const std::filesystem::path& file,
                                       const curve_key_pair& keys);

/// Whether `name` may name a peer: [A-Za-z0-9._-]{1,64}.
bool is_peer_name(std::string_view name);

struct allowed_peer {
  std::string name;       ///< [A-Za-z0-9._-]{1,64}
  std::string public_key; ///< Z85.
};

struct curve_client_keys {
  std::string server_public_key; ///< Empty: no CURVE (loopback and ipc only).
  curve_key_pair own;

  bool encrypted() const {
    return !server_public_key.empty();
  }
};

struct curve_server_keys {
  curve_key_pair own;                ///< Empty: no CURVE (loopback and ipc only).
  std::vector<allowed_peer> allowed; ///< Deny by default.

  bool encrypted() const {
    return !own.secret_key.empty();
  }
};

/// invalid_config names the key that is no key, the name that is no name, and
/// what stands in the allow-list twice.
expected<void, error> validate(const curve_client_keys& keys);
expected<void, error> validate(const curve_server_keys& keys);

} // namespace weir::transport
