// INTERNAL: a directory that one process has for itself, made with mode 0700.
#pragma once

#include <filesystem>

namespace weir::storage {

/// Makes new and renamed entries of a directory durable, if this user may read it.
void sync_directory(const std::filesystem::path& path);

/// Holds the lock as long as it lives. The lock is the kernel's: a killed process
/// leaves none behind. Errors are thrown as `failure`: read_only where nothing may
/// be written, disk_full where there is no space, else cannot_open.
class directory_lock {
public:
  explicit directory_lock(std::filesystem::path directory);
  ~directory_lock();
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;

  /// Without a slash at the end.
  const std::filesystem::path& path() const {
    return directory_;
  }

  /// Makes new and renamed entries durable, and the directory itself.
  void sync() const;

private:
  std::filesystem::path directory_;
  int fd_ = -1;
};

} // namespace weir::storage
