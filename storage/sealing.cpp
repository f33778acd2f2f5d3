#include "storage/sealing.hpp"

#include "storage/big_endian.hpp"
#include "storage/failure.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace weir::storage {

namespace {

constexpr std::uint8_t sealed_version = 1;

/// Another sealed_version derives other keys: so the version byte is authenticated
/// without a copy of the associated data, and no value passes for one of another version.
secret_key value_key_of(const secret_key& key) {
  return key.derived(sealed_version, "weirseal");
}

unsigned char* unsigned_at(std::string& out, std::size_t from) {
  return reinterpret_cast<unsigned char*>(out.data() + from);
}

error no_sealed_value(std::string_view sealed) {
  if (!sealed.empty() && static_cast<std::uint8_t>(sealed[0]) > sealed_version)
    return {errc::unsupported, "an encrypted value has version "
                                 + std::to_string(static_cast<std::uint8_t>(sealed[0]))
                                 + "; this program knows versions up to "
                                 + std::to_string(sealed_version)
                                 + ": start the newer program again"};
  return {errc::malformed, "a value of " + std::to_string(sealed.size())
                             + " bytes is not an encrypted one: it is damaged, or was "
                               "written before encryption began"};
}

} // namespace

place::place(std::string_view table, std::string_view key,
             std::uint16_t schema_version) {
  if (table.size() > table_bytes_max || key.size() > key_bytes_max)
    throw failure{errc::malformed, "a table's name has at most 64 bytes and a key 511; "
                                   "these have "
                                     + std::to_string(table.size()) + " and "
                                     + std::to_string(key.size())};
  // The table's size says where the key begins; the key is all the rest.
  store_be(bytes_.data(), schema_version);
  bytes_[2] = static_cast<char>(table.size());
  auto* at = std::copy(table.begin(), table.end(), bytes_.data() + 3);
  at = std::copy(key.begin(), key.end(), at);
  size_ = static_cast<std::size_t>(at - bytes_.data());
}

sealer::sealer(const std::vector<data_key>& keys, std::uint32_t current_id,
               const secret_key& name_root)
  : name_key_(name_root.derived(1, "weirname")) {
  keys_.reserve(keys.size());
  for (const auto& x : keys)
    keys_.push_back({x.id, value_key_of(x.key)});
  current_ = find(current_id);
  assert(current_ != nullptr);
}

const sealer::value_key* sealer::find(std::uint32_t id) const {
  auto found = std::find_if(keys_.rbegin(), keys_.rend(),
                            [&](const value_key& x) { return x.id == id; });
  return found == keys_.rend() ? nullptr : &*found;
}

void sealer::seal(const place& at, std::string_view plain, std::string& out) const {
  auto from = out.size();
  out.resize(from + plain.size() + overhead_bytes);
  auto* to = out.data() + from;
  to[0] = static_cast<char>(sealed_version);
  store_be(to + 1, current_->id);
  auto* nonce = unsigned_at(out, from + 5);
  fill_random({nonce, aead_nonce_bytes});
  aead_seal(current_->key, nonce, at.bytes(), plain,
            unsigned_at(out, from + header_bytes));
}

expected<void, error> sealer::open(const place& at, std::string_view sealed,
                                   std::string& out) const {
  auto id = key_id_of(sealed);
  if (!id)
    return unexpected(no_sealed_value(sealed));
  const auto* key = find(*id);
  if (key == nullptr)
    return unexpected(error{errc::wrong_key, "a value is encrypted under data key "
                                               + std::to_string(*id)
                                               + ", which is not in the store's key "
                                                 "ring: the value is damaged, or the "
                                                 "ring is older than it"});
  auto from = out.size();
  out.resize(from + sealed.size() - overhead_bytes);
  if (aead_open(key->key, reinterpret_cast<const unsigned char*>(sealed.data()) + 5,
                at.bytes(), sealed.substr(header_bytes), unsigned_at(out, from)))
    return {};
  out.resize(from);
  return unexpected(error{errc::malformed,
                          "an encrypted value is damaged, or stands at a place that it "
                          "was not written to"});
}

std::optional<std::uint32_t> sealer::key_id_of(std::string_view sealed) {
  if (sealed.size() < overhead_bytes
      || static_cast<std::uint8_t>(sealed[0]) != sealed_version)
    return std::nullopt;
  return get_be<std::uint32_t>(sealed.data() + 1);
}

name_hash sealer::hash_name(std::string_view text) const {
  name_hash result;
  keyed_hash(name_key_, text, result);
  return result;
}

} // namespace weir::storage
