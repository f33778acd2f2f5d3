// INTERNAL: the directory of one database: made with mode 0700, locked against
// a second user (another process, or this one by mistake), its damaged files
// set aside.
#pragma once

#include "storage/failure.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace weir::storage {

/// Holds the lock as long as it lives. The lock is the kernel's: a killed
/// process leaves none behind. Errors are thrown as `failure`.
class database_directory {
public:
  explicit database_directory(std::filesystem::path directory);
  ~database_directory();
  database_directory(const database_directory&) = delete;
  database_directory& operator=(const database_directory&) = delete;

  std::filesystem::path data_file() const {
    return directory_ / "data.mdb";
  }
  std::filesystem::path lock_file() const {
    return directory_ / "lock.mdb";
  }
  const std::filesystem::path& path() const {
    return directory_;
  }

  /// Moves the database files to `<directory>.damaged-<n>`, n being the time in
  /// seconds or the next free number; if that is on another file system, to
  /// `<directory>/damaged-<n>`. Call it while no environment is open.
  void set_aside(std::int64_t unix_ns) const;

  /// How many databases were set aside from `directory` and still lie there.
  static std::size_t set_aside_count(const std::filesystem::path& directory);

  /// Makes new directory entries durable.
  void sync() const;

private:
  std::filesystem::path directory_;
  int lock_fd_ = -1;
};

} // namespace weir::storage
