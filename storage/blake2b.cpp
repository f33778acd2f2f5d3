#include "storage/blake2b.hpp"

#include <sodium.h>

#include <array>

namespace weir::storage {

namespace {

constexpr std::size_t hash_bytes = 64;

} // namespace

struct blake2b::state {
  crypto_generichash_state hash;
};

blake2b::~blake2b() = default;
blake2b::blake2b(blake2b&&) noexcept = default;
blake2b& blake2b::operator=(blake2b&&) noexcept = default;

blake2b::blake2b() : state_(std::make_unique<state>()) {
  // Chooses the code for this processor; without it the portable one is taken.
  [[maybe_unused]] static const bool is_ready = ::sodium_init() >= 0;
  ::crypto_generichash_init(&state_->hash, nullptr, 0, hash_bytes);
}

void blake2b::add(std::string_view bytes) {
  ::crypto_generichash_update(
    &state_->hash, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string blake2b::hex() {
  std::array<unsigned char, hash_bytes> hash{};
  ::crypto_generichash_final(&state_->hash, hash.data(), hash.size());
  std::string result;
  result.reserve(blake2b_hex_size);
  for (auto x : hash) {
    result += "0123456789abcdef"[x >> 4];
    result += "0123456789abcdef"[x & 15];
  }
  return result;
}

} // namespace weir::storage
