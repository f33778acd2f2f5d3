// The KEY RING of one store: its data keys, as bytes that only the master key opens. The
// store keeps these bytes in its table `meta` and gives the ring's sealer to whatever
// reads and writes values.
//
//   auto ring = key_ring::create(store_id, now_unix_s);
//   meta.put("key_ring", ring.wrap(master));
//   auto seal = ring.make_sealer();
//
// Changing the master key is cheap (rewrap): values stay as they are. Changing the data
// key begins with add_data_key(): new values are under the new key at once, old ones are
// sealed anew by sealing_rotation.hpp, and retire() then forgets the old key. All three
// are done by wrap() and a commit of `meta`, in one transaction with what depends on it.
//
// Pure bytes in and out; no file, no clock. Not thread-safe: it belongs to the writer of
// the store. Format: FORMAT.md, "Encryption at rest".
#pragma once

#include "storage/key_ring_master.hpp"
#include "storage/sealing.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

class key_ring {
public:
  /// More are made only by rotations that never end.
  static constexpr std::size_t data_keys_max = 64;

  /// A new ring with data key 1. `store_id`: the random number of the store; the ring
  /// opens for this store alone.
  static key_ring create(std::uint64_t store_id, std::int64_t now_unix_s);

  /// Errors: `wrong_key` (made for another master key; says which one it wants),
  /// `malformed` (damaged, or of another store), `unsupported` (of a newer version).
  static expected<key_ring, error>
  open(std::string_view bytes, const master_key& master, std::uint64_t store_id);

  /// The fingerprint of the master key that the bytes want; empty if they are no ring.
  static std::string master_fingerprint_of(std::string_view bytes);

  /// The bytes to keep; other ones at each call. Only `master` opens them.
  std::string wrap(const master_key& master) const;

  /// Begins a rotation: makes a data key, for all values from now on. Returns its
  /// number. `keys_full` with data_keys_max keys.
  expected<std::uint32_t, error> add_data_key(std::int64_t now_unix_s);

  /// Forgets a key that no value is under any more: what still is can never be read
  /// again. `not_found` if there is none; `key_in_use` for the current one.
  expected<void, error> retire(std::uint32_t key_id);

  /// For values from now on; independent of the ring's life.
  sealer make_sealer() const;

  std::uint32_t current_key_id() const {
    return keys_.back().id;
  }
  std::uint64_t store_id() const {
    return store_id_;
  }

  /// Oldest first; for people: number and age.
  const std::vector<data_key>& keys() const {
    return keys_;
  }

private:
  key_ring(std::uint64_t store_id, secret_key name_root);
  static expected<key_ring, error> decode_body(std::string_view body,
                                               std::uint64_t store_id);

  std::uint64_t store_id_ = 0;
  secret_key name_root_;
  std::vector<data_key> keys_; ///< By number; the last one is the current one.
  std::uint32_t next_id_ = 1;
};

/// Opens with one master key and closes with another: values are not touched. Errors:
/// as open().
expected<std::string, error> rewrap(std::string_view bytes, const master_key& from,
                                    const master_key& to, std::uint64_t store_id);

} // namespace weir::storage
