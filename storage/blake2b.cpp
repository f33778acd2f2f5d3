#include "storage/blake2b.hpp"

#include <sodium.h>

#include <array>

namespace weir::storage {

namespace {

constexpr std::size_t hash_bytes = 64;

crypto_generichash_state* state_in(unsigned char* bytes) {
  static_assert(sizeof(crypto_generichash_state) <= 384);
  return reinterpret_cast<crypto_generichash_state*>(bytes);
}

} // namespace

blake2b::blake2b() {
  // Chooses the code for this processor; without it the portable one is taken.
  [[maybe_unused]] static const bool is_ready = ::sodium_init() >= 0;
  ::crypto_generichash_init(state_in(state_), nullptr, 0, hash_bytes);
}

void blake2b::add(std::string_view bytes) {
  ::crypto_generichash_update(state_in(state_),
                              reinterpret_cast<const unsigned char*>(bytes.data()),
                              bytes.size());
}

std::string blake2b::hex() {
  std::array<unsigned char, hash_bytes> hash{};
  ::crypto_generichash_final(state_in(state_), hash.data(), hash.size());
  std::string result;
  result.reserve(blake2b_hex_size);
  for (auto x : hash) {
    result += "0123456789abcdef"[x >> 4];
    result += "0123456789abcdef"[x & 15];
  }
  return result;
}

} // namespace weir::storage
