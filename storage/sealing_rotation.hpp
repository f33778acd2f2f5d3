// KEY ROTATION: sealing every value of a store anew under its newest data key, in small
// batches between the store's other writes, over any number of crashes.
//
//   1. In one transaction: key_ring::add_data_key(), put the ring, put
//      rotation::begin(...).encode(). The store's writers take the ring's new sealer.
//   2. Until finished: reseal_batch(), each in a transaction of its own that also puts
//      the progress. After a start: rotation::decode() and go on.
//   3. In one transaction: retire_old_keys(), put the ring, drop the progress.
//
// A pass goes over all tables once. A value that a writer still brought under an old key
// behind the rotation's back is found by the next pass; the pass that finds none is the
// last one. Values that are under the target already cost a look at their first bytes.
#pragma once

#include "storage/key_ring.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// How far a rotation has come: what the store keeps over a restart.
struct rotation {
  static constexpr std::size_t tables_max = 64;

  struct table {
    std::string name;
    std::string last_key;         ///< The last one done in this pass; empty: none yet.
    bool done = false;            ///< In this pass.
    std::uint64_t values = 0;     ///< Seen in this pass.
    std::uint64_t resealed = 0;   ///< In all passes.
    std::uint64_t unreadable = 0; ///< Left as they are, in this pass.

    bool operator==(const table&) const = default;
  };

  std::uint32_t target_key_id = 0;
  std::uint32_t pass = 1;
  std::uint64_t resealed_in_pass = 0;
  bool finished = false; ///< No readable value is under another key.
  std::vector<table> tables;

  /// `table_names`: every table with sealed values, at most tables_max.
  static rotation begin(std::uint32_t target_key_id,
                        const std::vector<std::string>& table_names);

  std::uint64_t resealed() const;
  std::uint64_t unreadable() const;

  /// Errors of decode(): `malformed`, `unsupported`.
  std::string encode() const;
  static expected<rotation, error> decode(std::string_view bytes);

  bool operator==(const rotation&) const = default;
};

/// What the rotation needs of a store: one writing transaction. Its functions throw
/// `failure`, as all of storage/ does inside.
class sealed_tables {
public:
  virtual ~sealed_tables() = default;

  /// What takes a value's place; nullptr: it stays. Valid until the next call.
  using visitor
    = std::function<const std::string*(std::string_view key, std::string_view value)>;

  /// Goes through the values whose keys are greater than `after` (empty: all), in the
  /// order of their keys, until they have had `bytes_max` bytes together; at least one.
  /// Returns true if there are no more behind.
  virtual bool visit_after(const std::string& table, std::string_view after,
                           std::size_t bytes_max, const visitor& visit)
    = 0;

  /// The place that the value was sealed for.
  virtual place place_of(const std::string& table, std::string_view key) const = 0;

  /// Puts the progress and commits; durable when it returns.
  virtual void commit(const std::string& progress) = 0;
};

/// A value that does not open under any key of the ring: damaged, and left as it is.
struct unreadable_value {
  std::string table;
  std::string key;
  error why;
};

struct batch_report {
  std::uint64_t values = 0;
  std::uint64_t resealed = 0;
  std::uint64_t unreadable = 0;
  std::vector<unreadable_value> first_unreadable; ///< At most 16 of them.
};

/// Seals up to about `bytes_max` bytes of values anew and commits. Call it until
/// progress.finished. `seals` is the newest sealer of the ring: if the ring has had
/// another key since, the rotation begins anew toward that one. What `store` throws goes
/// on to the caller, and `progress` is as it was.
batch_report reseal_batch(rotation& progress, const sealer& seals, sealed_tables& store,
                          std::size_t bytes_max);

/// Retires all keys but the target, of a rotation that is finished. With unreadable
/// values only if `despite_unreadable`: a damaged value may still be of use to somebody
/// who mends it, and needs its key for that. Returns how many keys were retired.
std::size_t retire_old_keys(const rotation& progress, key_ring& ring,
                            bool despite_unreadable = false);

} // namespace weir::storage
