// INTERNAL: BLAKE2b-512 (RFC 7693) of bytes that come in pieces: what `b2sum` prints.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace weir::storage {

/// The adapter of libsodium's hash. Not thread-safe.
class blake2b {
public:
  blake2b();
  ~blake2b();
  blake2b(blake2b&&) noexcept;
  blake2b& operator=(blake2b&&) noexcept;

  void add(std::string_view bytes);

  /// 128 hexadecimal digits, lower case. Call it once, at the end.
  std::string hex();

private:
  struct state;
  std::unique_ptr<state> state_; // Wants an alignment that not every stack gives.
};

inline constexpr std::size_t blake2b_hex_size = 128;

} // namespace weir::storage
