// INTERNAL: the checkpoint in the outbox's database: a header in `meta`, the bytes of the
// parts in chunks in a table of their own. Chunks that did not change are not written
// again: on flash, what is not written does not wear it.
#pragma once

#include "storage/lmdb_env.hpp"
#include "storage/outbox.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

class checkpoint_table {
public:
  checkpoint_table(lmdb_table meta, lmdb_table chunks) : meta_(meta), chunks_(chunks) {
  }

  /// What write() did, for adopt().
  struct staged {
    std::map<std::string, std::vector<std::uint64_t>, std::less<>> hashes;
    std::uint32_t generation = 0;
    std::size_t size_bytes = 0;
    std::size_t written_bytes = 0;
  };

  /// Reads what the database has, so that the next write() can compare. Chunks that are
  /// missing or damaged are simply written anew.
  void load(const lmdb_txn& txn);

  /// Replaces the checkpoint in this transaction.
  staged write(lmdb_txn& txn, const packed_checkpoint& x) const;

  /// The transaction of write() is durable.
  void adopt(staged&& written);

  /// Bytes that write() would have to put, at most, in whole pages.
  std::size_t changed_bytes(const packed_checkpoint& x) const;

  /// Throws `malformed` for what is damaged.
  std::optional<checkpoint> read(const lmdb_txn& txn) const;

  /// The next checkpoint begins anew; this one stays under another key.
  void set_aside(lmdb_txn& txn) const;

  std::size_t size_bytes() const {
    return now_.size_bytes;
  }

private:
  const std::vector<std::uint64_t>& hashes_before(std::string_view name) const;

  lmdb_table meta_;
  lmdb_table chunks_;
  staged now_;
};

} // namespace weir::storage
