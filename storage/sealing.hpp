// SEALED VALUES: what encryption at rest makes of a value of the database. Keys of the
// database stay in clear, so a name in a key is hashed (hash_name) or a number.
//
// A sealed value is unreadable and cannot be changed without the data key, and opens at
// its own place only: a value that was moved to another key or table, or was written by
// another schema version, is refused. What it does not hide: how many values there are,
// their keys, their sizes, and that an older value of the same place was put back
// (FORMAT.md, "Encryption at rest").
//
//   seal(place{"blocks", key, 1}, plain, out);   // appends plain.size() + 45 bytes
//   open(place{"blocks", key, 1}, sealed, out);  // appends the plain bytes
//
// Where keys come from: key_ring.hpp.
#pragma once

#include "storage/errors.hpp"
#include "storage/sealing_sodium.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// Where a value stands: the data that it is sealed together with. Different places
/// never give the same bytes. Lives on the stack, allocates nothing.
class place {
public:
  static constexpr std::size_t table_bytes_max = 64;
  static constexpr std::size_t key_bytes_max = 511; ///< LMDB's own limit.

  /// `schema_version`: the version of what is inside the value, where the table says it;
  /// a value cannot pass for one of another version. Throws `failure` (malformed)
  /// beyond the limits above.
  place(std::string_view table, std::string_view key, std::uint16_t schema_version);

  std::string_view bytes() const {
    return {bytes_.data(), size_};
  }

private:
  std::array<char, 3 + table_bytes_max + key_bytes_max> bytes_;
  std::size_t size_ = 0;
};

/// A data key by its number. Numbers begin at 1 and are never used again.
struct data_key {
  std::uint32_t id = 0;
  std::int64_t made_unix_s = 0; ///< When the rotation to it began.
  secret_key key;
};

using name_hash = std::array<unsigned char, 16>;

/// Seals under the newest data key, opens under each of them. Never changes once made:
/// any number of threads may use one without a lock. A rotation makes a new one.
class sealer {
public:
  /// version:u8 key_id:u32 nonce:24, then the encrypted bytes, then tag:16.
  static constexpr std::size_t header_bytes = 1 + 4 + aead_nonce_bytes;
  static constexpr std::size_t overhead_bytes = header_bytes + aead_tag_bytes;
  static_assert(overhead_bytes == 45);

  /// `keys` is not empty; `current_id` is one of them. `name_root` stays the same as
  /// long as there are hashed names: a rotation does not change keys of the database.
  sealer(const std::vector<data_key>& keys, std::uint32_t current_id,
         const secret_key& name_root);

  /// Appends the sealed value. Allocates only to make `out` larger. `plain` is not part
  /// of `out`.
  void seal(const place& at, std::string_view plain, std::string& out) const;

  /// Appends the plain bytes; `out` is as it was on an error. `sealed` is not part of
  /// `out`. Errors: `unsupported` (a newer version), `wrong_key` (its data key is not
  /// in the ring), `malformed` (damaged, or not of this place).
  expected<void, error> open(const place& at, std::string_view sealed,
                             std::string& out) const;

  /// The number of the key that a value says it is under, without a check of the rest;
  /// nothing if it is no sealed value of a known version.
  static std::optional<std::uint32_t> key_id_of(std::string_view sealed);

  /// What seal() uses.
  std::uint32_t current_key_id() const {
    return current_->id;
  }

  /// To look a name up by: the same for the same text, different in each store, and
  /// tells nothing of the text to those who do not have the key (128 bits of keyed
  /// BLAKE2b).
  name_hash hash_name(std::string_view text) const;

private:
  struct value_key {
    std::uint32_t id;
    secret_key key;
  };

  const value_key* find(std::uint32_t id) const;

  std::vector<value_key> keys_; // Few: searched from the newest on.
  const value_key* current_ = nullptr;
  secret_key name_key_;
};

} // namespace weir::storage
