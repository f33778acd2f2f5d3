#include "storage/key_ring.hpp"

#include "storage/big_endian.hpp"
#include "storage/crc32c.hpp"

#include <algorithm>
#include <utility>

namespace weir::storage {

namespace {

// version:u8 master_fingerprint:8 store_id:u64 nonce:24 sealed_body crc32c:u32
constexpr std::uint8_t ring_version = 1;
constexpr std::size_t fingerprint_bytes = 8;
constexpr std::size_t clear_bytes = 1 + fingerprint_bytes + 8;
constexpr std::size_t head_bytes = clear_bytes + aead_nonce_bytes;

// name_root:32 next_id:u32 count:u16, then count times id:u32 made:u64 key:32
constexpr std::size_t body_head_bytes = secret_key::size_bytes + 4 + 2;
constexpr std::size_t body_key_bytes = 4 + 8 + secret_key::size_bytes;

error damaged(const std::string& what) {
  return {errc::malformed, "the store's key ring " + what
                             + ": restore the store, or its key ring, from a backup"};
}

std::string from_hex(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i + 2 <= text.size(); i += 2)
    result += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return result;
}

std::string to_hex(std::string_view bytes) {
  constexpr auto digits = "0123456789abcdef";
  std::string result;
  for (char c : bytes) {
    auto x = static_cast<unsigned char>(c);
    result += {digits[x >> 4], digits[x & 15]};
  }
  return result;
}

/// The key that closes rings: one key, one purpose.
secret_key ring_key_of(const master_key& master) {
  return master.key().derived(ring_version, "weirring");
}

/// Everything that can be said without a key.
expected<void, error> check_clear(std::string_view bytes, std::uint64_t store_id) {
  if (bytes.empty())
    return unexpected(damaged("is empty"));
  auto version = static_cast<std::uint8_t>(bytes[0]);
  if (version > ring_version)
    return unexpected(error{
      errc::unsupported, "the store's key ring has version " + std::to_string(version)
                           + "; this program knows versions up to 1: start the "
                             "newer program again"});
  if (version != ring_version
      || bytes.size() < head_bytes + aead_tag_bytes + body_head_bytes + 4)
    return unexpected(damaged("is damaged (" + std::to_string(bytes.size())
                              + " bytes, version " + std::to_string(version) + ")"));
  auto checked = bytes.substr(0, bytes.size() - 4);
  if (get_be<std::uint32_t>(bytes.data() + checked.size()) != crc32c(checked))
    return unexpected(damaged("is damaged (its checksum is wrong)"));
  if (get_be<std::uint64_t>(bytes.data() + 1 + fingerprint_bytes) != store_id)
    return unexpected(damaged("belongs to another store"));
  return {};
}

error other_master(std::string_view bytes, const master_key& master) {
  auto wanted = key_ring::master_fingerprint_of(bytes);
  return {errc::wrong_key, "the store is encrypted for the master key " + wanted
                             + ", but " + master.origin() + " holds the key "
                             + master.fingerprint() + ": give the file of " + wanted
                             + " (weir keys show FILE prints which key a file holds)"};
}

} // namespace

key_ring::key_ring(std::uint64_t store_id, secret_key name_root)
  : store_id_(store_id), name_root_(std::move(name_root)) {
}

key_ring key_ring::create(std::uint64_t store_id, std::int64_t now_unix_s) {
  key_ring result{store_id, secret_key::random()};
  static_cast<void>(result.add_data_key(now_unix_s)); // Fits: it is the first.
  return result;
}

expected<key_ring, error> key_ring::open(std::string_view bytes,
                                         const master_key& master,
                                         std::uint64_t store_id) {
  if (auto good = check_clear(bytes, store_id); !good)
    return unexpected(good.error());
  if (master_fingerprint_of(bytes) != master.fingerprint())
    return unexpected(other_master(bytes, master));
  auto sealed = bytes.substr(head_bytes, bytes.size() - head_bytes - 4);
  guarded_bytes body{sealed.size() - aead_tag_bytes};
  if (!aead_open(ring_key_of(master),
                 reinterpret_cast<const unsigned char*>(bytes.data()) + clear_bytes,
                 bytes.substr(0, clear_bytes), sealed, body.bytes().data()))
    return unexpected(damaged("was changed by somebody without the master key"));
  return decode_body(body.text(), store_id);
}

expected<key_ring, error> key_ring::decode_body(std::string_view body,
                                                std::uint64_t store_id) {
  key_ring result{store_id, secret_key::of(body.substr(0, secret_key::size_bytes))};
  byte_reader in{body.substr(secret_key::size_bytes)};
  result.next_id_ = in.take<std::uint32_t>();
  auto count = in.take<std::uint16_t>();
  auto keys = in.rest();
  if (count == 0 || count > data_keys_max || keys.size() != count * body_key_bytes)
    return unexpected(damaged("has " + std::to_string(count) + " keys in "
                              + std::to_string(keys.size()) + " bytes"));
  for (; !keys.empty(); keys.remove_prefix(body_key_bytes)) {
    auto id = get_be<std::uint32_t>(keys.data());
    if (id >= result.next_id_
        || id <= (result.keys_.empty() ? 0 : result.keys_.back().id))
      return unexpected(damaged("has keys out of order"));
    result.keys_.push_back(
      {id, static_cast<std::int64_t>(get_be<std::uint64_t>(keys.data() + 4)),
       secret_key::of(keys.substr(12, secret_key::size_bytes))});
  }
  return result;
}

std::string key_ring::master_fingerprint_of(std::string_view bytes) {
  return bytes.size() < head_bytes ? "" : to_hex(bytes.substr(1, fingerprint_bytes));
}

std::string key_ring::wrap(const master_key& master) const {
  guarded_bytes body{body_head_bytes + keys_.size() * body_key_bytes};
  auto* at = reinterpret_cast<char*>(body.bytes().data());
  auto put_key = [&](const secret_key& key) {
    key.bytes().copy(at, secret_key::size_bytes);
    at += secret_key::size_bytes;
  };
  auto put_number = [&](auto x) {
    store_be(at, x);
    at += sizeof(x);
  };
  put_key(name_root_);
  put_number(next_id_);
  put_number(static_cast<std::uint16_t>(keys_.size()));
  for (const auto& x : keys_) {
    put_number(x.id);
    put_number(static_cast<std::uint64_t>(x.made_unix_s));
    put_key(x.key);
  }
  std::string result{static_cast<char>(ring_version)};
  result += from_hex(master.fingerprint());
  put_be(result, store_id_);
  result.resize(head_bytes + body.text().size() + aead_tag_bytes);
  auto* bytes = reinterpret_cast<unsigned char*>(result.data());
  fill_random({bytes + clear_bytes, aead_nonce_bytes});
  aead_seal(ring_key_of(master), bytes + clear_bytes,
            std::string_view{result}.substr(0, clear_bytes), body.text(),
            bytes + head_bytes);
  put_be(result, crc32c(result));
  return result;
}

expected<std::uint32_t, error> key_ring::add_data_key(std::int64_t now_unix_s) {
  if (keys_.size() == data_keys_max)
    return unexpected(
      error{errc::keys_full, "the store has " + std::to_string(data_keys_max)
                               + " data keys, and none was retired: let a rotation end "
                                 "before the next one begins"});
  keys_.push_back({next_id_, now_unix_s, secret_key::random()});
  return next_id_++;
}

expected<void, error> key_ring::retire(std::uint32_t key_id) {
  auto found = std::find_if(keys_.begin(), keys_.end(),
                            [&](const data_key& x) { return x.id == key_id; });
  if (found == keys_.end())
    return unexpected(
      error{errc::not_found, "there is no data key " + std::to_string(key_id)});
  if (key_id == current_key_id())
    return unexpected(
      error{errc::key_in_use, "data key " + std::to_string(key_id)
                                + " is the current one: begin a rotation "
                                  "first"});
  keys_.erase(found);
  return {};
}

sealer key_ring::make_sealer() const {
  return {keys_, current_key_id(), name_root_};
}

expected<std::string, error> rewrap(std::string_view bytes, const master_key& from,
                                    const master_key& to, std::uint64_t store_id) {
  auto ring = key_ring::open(bytes, from, store_id);
  if (!ring)
    return unexpected(ring.error());
  return ring->wrap(to);
}

} // namespace weir::storage
