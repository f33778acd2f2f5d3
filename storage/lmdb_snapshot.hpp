// INTERNAL: a database as it stood at one commit, seen by a process that is not the one
// that writes it. The second adapter of LMDB.
//
// LMDB lets any number of processes read while one writes; its lock file tells the
// writer which pages are still looked at. What this means for the writer: nothing waits,
// but the pages of the snapshot are not used again while it lives, so that the file
// grows by what is committed meanwhile. Keep it short.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct MDB_env;
struct MDB_txn;

namespace weir::storage {

enum class copy_kind : std::uint8_t {
  compacted, ///< Pages in use only, in order of keys.
  as_it_is,  ///< Free pages, too: for a file whose free list LMDB does not accept.
};

/// Not thread-safe. Errors are thrown as `failure`.
class lmdb_snapshot {
public:
  /// Of the database in `directory`, which must have a data file. @pre the file passed
  /// check_lmdb_file() or the caller can afford to crash: LMDB trusts it. Writes nothing
  /// but a place in LMDB's table of readers. Refuses a directory that this very process
  /// has open: LMDB must not be opened twice.
  explicit lmdb_snapshot(const std::filesystem::path& directory);
  ~lmdb_snapshot();
  lmdb_snapshot(const lmdb_snapshot&) = delete;
  lmdb_snapshot& operator=(const lmdb_snapshot&) = delete;

  /// Goes on to the newest commit: pages of the older one may be used again.
  void renew();

  /// The value of a key in a table; nothing if there is no such table or key.
  std::optional<std::string> get(const char* table, std::string_view key) const;

  /// Gives the bytes of a database file to `sink`, piece by piece, at most 64 KB each.
  /// The state is that of a commit at or after the making of this object. What `sink`
  /// throws ends the copy and is thrown on. `failure` with errc::damaged if LMDB finds
  /// that it cannot make a compacted copy of this file; `sink` has got some bytes then.
  void copy(copy_kind kind, const std::function<void(std::string_view)>& sink) const;

private:
  [[noreturn]] void raise(int code, const char* doing) const;

  struct closer {
    void operator()(MDB_env* env) const;
    void operator()(MDB_txn* txn) const;
  };

  std::filesystem::path directory_;
  std::unique_ptr<MDB_env, closer> env_;
  std::unique_ptr<MDB_txn, closer> pin_; // Keeps the pages as they are.
};

} // namespace weir::storage
