// What encryption at rest reads: key rings, sealed values, the progress of a rotation and
// master key files. Any bytes, also with a right checksum and a right seal, give a value
// or an error; what decodes comes back from its own bytes.
#include "storage/big_endian.hpp"
#include "storage/crc32c.hpp"
#include "storage/sealing_rotation.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace weir::storage;

namespace {

constexpr std::uint64_t store_id = 5;

void demand(bool ok) {
  if (!ok)
    std::abort();
}

const master_key& master() {
  static const master_key key{secret_key::of(std::string(32, 'k')), "fuzz"};
  return key;
}

void check_ring(std::string_view bytes) {
  static_cast<void>(key_ring::master_fingerprint_of(bytes));
  auto ring = key_ring::open(bytes, master(), store_id);
  if (!ring)
    return;
  demand(!ring->keys().empty() && ring->keys().size() <= key_ring::data_keys_max);
  auto again = key_ring::open(ring->wrap(master()), master(), store_id);
  demand(again && again->current_key_id() == ring->current_key_id()
         && again->keys().size() == ring->keys().size());
  demand(!key_ring::open(ring->wrap(master()), master(), store_id + 1));
}

/// The fuzzer cannot guess a checksum, nor a seal: it gets the right ones.
std::string ring_of_body(std::string_view body) {
  auto bytes = key_ring::create(store_id, 1).wrap(master());
  bytes.resize(1 + 8 + 8 + aead_nonce_bytes); // Keeps all that is in clear.
  std::string sealed(body.size() + aead_tag_bytes, '\0');
  aead_seal(master().key().derived(1, "weirring"),
            reinterpret_cast<const unsigned char*>(bytes.data()) + 17,
            std::string_view{bytes}.substr(0, 17), body,
            reinterpret_cast<unsigned char*>(sealed.data()));
  bytes += sealed;
  put_be(bytes, crc32c(bytes));
  return bytes;
}

void check_value(std::string_view bytes) {
  static const sealer seals = key_ring::create(store_id, 1).make_sealer();
  const place at{"fuzz", "key", 1};
  std::string out;
  demand(!seals.open(at, bytes, out) && out.empty()); // Nobody guesses a tag.
  std::string sealed;
  seals.seal(at, bytes, sealed);
  demand(sealed.size() == bytes.size() + sealer::overhead_bytes);
  demand(seals.open(at, sealed, out) && out == bytes);
}

void check_rotation(std::string_view bytes) {
  auto progress = rotation::decode(bytes);
  if (!progress)
    return;
  demand(progress->tables.size() <= rotation::tables_max);
  demand(progress->encode() == bytes);
}

void check_master(std::string_view bytes) {
  auto key = decode_master_key(bytes, "fuzz");
  if (key)
    demand(key->fingerprint().size() == 16);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = std::string_view{reinterpret_cast<const char*>(data), size};
  if (bytes.empty())
    return 0;
  auto how = static_cast<std::uint8_t>(bytes.front()) % 5;
  bytes.remove_prefix(1);
  if (how == 0)
    check_ring(bytes);
  else if (how == 1)
    check_ring(ring_of_body(bytes));
  else if (how == 2)
    check_value(bytes);
  else if (how == 3)
    check_rotation(bytes);
  else
    check_master(bytes);
  return 0;
}
