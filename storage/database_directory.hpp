// INTERNAL: the directory of one database: locked against a second user (another
// process, or this one by mistake), its damaged files set aside.
#pragma once

#include "storage/directory_lock.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace weir::storage {

/// Holds the directory's lock as long as it lives. Errors are thrown as `failure`: those
/// of directory_lock.
class database_directory {
public:
  explicit database_directory(std::filesystem::path directory);

  std::filesystem::path data_file() const {
    return path() / "data.mdb";
  }
  std::filesystem::path lock_file() const {
    return path() / "lock.mdb";
  }
  const std::filesystem::path& path() const {
    return lock_.path();
  }

  /// Moves the database files to `<directory>.damaged-<n>`, n being the time in
  /// seconds or the next free number; if that is on another file system, to
  /// `<directory>/damaged-<n>`. Call it while no environment is open.
  void set_aside(std::int64_t unix_ns) const;

  /// How many databases were set aside from `directory` and still lie there.
  static std::size_t set_aside_count(const std::filesystem::path& directory);

  /// Makes new directory entries durable.
  void sync() const {
    lock_.sync();
  }

private:
  directory_lock lock_;
};

} // namespace weir::storage
