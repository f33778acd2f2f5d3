// Secrets of the web server: making, hashing and keeping them. The only file of
// web/ that uses libsodium.
#pragma once

#include "web/server_config.hpp"

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace weir::web {

/// BLAKE2b-256 of a secret: what is kept instead of it.
using digest = std::array<unsigned char, 32>;

digest digest_of(std::string_view secret);

/// Takes the same time wherever they differ.
bool same_digest(const digest& a, const digest& b);

/// 256 random bits as 64 hex digits.
std::string make_secret();

std::string to_base64(std::string_view bytes);

/// Nothing if it is no base64 with its padding (RFC 4648).
std::optional<std::string> from_base64(std::string_view text);

/// Reads DATA_DIR/api.key, or makes it (mode 0600, never following or replacing
/// a file that is there). A file that others than its owner may read is
/// refused.
expected<std::string, error> load_or_create_key(const std::filesystem::path& data_dir);

} // namespace weir::web
