// INTERNAL: the adapter of LMDB; no other file includes lmdb.h. An environment
// with its named tables, transactions and cursors as owners of their handles.
//
// Errors are thrown as `failure` (see there). Texts that get(), key() and
// value() return point into the map: valid until the transaction ends or
// writes.
#pragma once

#include "storage/database_directory.hpp"
#include "storage/failure.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <vector>

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace weir::storage {

/// A named table: index into lmdb_options::tables.
struct lmdb_table {
  std::size_t index = 0;
};

struct lmdb_options {
  std::filesystem::path directory;
  std::size_t map_size_bytes = 0; ///< A limit; the file grows with the data.
  std::vector<const char*> tables;

  /// Disk space to keep beyond the file's end, so that what frees pages also works on a
  /// full disk. Never more than an eighth of what is free.
  std::size_t reserve_bytes = 0;
};

class lmdb_env;
class lmdb_cursor;

/// A transaction; aborted unless commit() was called. Cursors on it must be
/// gone before commit().
class lmdb_txn {
public:
  lmdb_txn(const lmdb_env& env, bool writes);
  ~lmdb_txn();
  lmdb_txn(const lmdb_txn&) = delete;
  lmdb_txn& operator=(const lmdb_txn&) = delete;

  std::optional<std::string_view> get(lmdb_table table, std::string_view key) const;
  void put(lmdb_table table, std::string_view key, std::string_view value);

  /// As put(), for a key behind all others of the table: fills pages to the
  /// end.
  void append(lmdb_table table, std::string_view key, std::string_view value);

  /// Returns false if there was no such key.
  bool erase(lmdb_table table, std::string_view key);

  /// Erases all of a table; its pages are free for others after the commit.
  void clear(lmdb_table table);

  std::uint64_t entries(lmdb_table table) const;

  /// Durable when it returns.
  void commit();

private:
  friend class lmdb_cursor;
  friend class lmdb_env;
  void put_with(lmdb_table table, std::string_view key, std::string_view value,
                unsigned flags);

  const lmdb_env& env_;
  std::shared_lock<std::shared_mutex> map_lock_; // The map must not move now.
  MDB_txn* txn_ = nullptr;
};

/// A place in a table. The functions that move return false at the end.
class lmdb_cursor {
public:
  lmdb_cursor(const lmdb_txn& txn, lmdb_table table);
  ~lmdb_cursor();
  lmdb_cursor(const lmdb_cursor&) = delete;
  lmdb_cursor& operator=(const lmdb_cursor&) = delete;

  bool first();
  bool last();
  bool next();
  bool previous();
  bool seek(std::string_view key);        ///< To the first key >= `key`.
  bool seek_before(std::string_view key); ///< To the last key < `key`.

  /// Removes the entry; next() then goes to the one behind it.
  void erase();

  /// Puts a new entry and goes to it. If the key is there already, nothing is put and
  /// value() is what is there; returns false. Keys in order save most of the search.
  bool put_new(std::string_view key, std::string_view value);

  /// As lmdb_txn::put(), beginning the search where the cursor stands.
  void put(std::string_view key, std::string_view value);

  std::string_view key() const {
    return key_;
  }
  std::string_view value() const {
    return value_;
  }

private:
  bool move(unsigned operation, std::string_view target = {});

  const lmdb_env& env_;
  MDB_cursor* cursor_ = nullptr;
  std::string_view key_;
  std::string_view value_;
};

/// Thread-safe as LMDB is: any number of reading transactions on any threads,
/// one writing transaction at a time (others wait).
class lmdb_env {
public:
  /// Makes the directory (mode 0700), locks it against a second user, checks
  /// the data file, and opens it. A damaged one is set aside first. `unix_ns`
  /// names what is set aside.
  lmdb_env(const lmdb_options& options, std::int64_t unix_ns);
  ~lmdb_env();
  lmdb_env(const lmdb_env&) = delete;
  lmdb_env& operator=(const lmdb_env&) = delete;

  bool was_damaged() const {
    return was_damaged_;
  }

  /// Makes the map larger, until the environment is closed. Waits until no
  /// transaction is open: never call it inside one.
  void grow(std::size_t by_bytes);

  /// Bytes of the pages in use.
  std::uint64_t used_bytes() const;

  /// What can be written without touching the reserve, about: free pages inside the file
  /// and free space on its disk.
  std::uint64_t free_bytes() const;

  /// Takes the reserve again where it was used up and the disk has space. Cheap if there
  /// is nothing to do. Where the file system cannot reserve, there is no reserve.
  void top_up_reserve();

  std::uint64_t reserved_bytes() const;

  /// Takes the map's pages out of this process's memory; they stay in the kernel's cache
  /// and come back one by one when they are read.
  void give_back_pages() const;

private:
  friend class lmdb_txn;
  friend class lmdb_cursor;

  std::uint64_t file_bytes() const;
  void free_dead_readers() const;
  void open_env(const lmdb_options& options);
  void open_tables(const lmdb_options& options);
  [[noreturn]] void raise(int code, const char* doing) const;

  struct env_closer {
    void operator()(MDB_env* env) const;
  };

  std::unique_ptr<database_directory> directory_; // Outlives the environment.
  std::unique_ptr<MDB_env, env_closer> env_;
  std::vector<unsigned> tables_;
  std::size_t map_size_bytes_ = 0;
  std::size_t reserve_wanted_bytes_ = 0;
  std::uint64_t reserved_end_ = 0; ///< Offset up to which the file's space is ours.
  mutable std::shared_mutex map_mutex_;
  mutable std::atomic<unsigned> writes_begun_ = 0;
  bool was_damaged_ = false;
};

} // namespace weir::storage
