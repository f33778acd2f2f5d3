// INTERNAL: a folder that is filled under another name and appears under its own when
// all of it is on disk; and the files in it.
#pragma once

#include "storage/blake2b.hpp"
#include "storage/directory_lock.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace weir::storage {

/// A new file that is written from begin to end and hashed on the way. Errors are thrown
/// as `failure`.
class hashed_file {
public:
  explicit hashed_file(std::filesystem::path path);
  ~hashed_file();
  hashed_file(const hashed_file&) = delete;
  hashed_file& operator=(const hashed_file&) = delete;

  void write(std::string_view bytes);
  /// Forgets what was written.
  void begin_again();
  void sync();

  std::uint64_t size_bytes() const {
    return size_bytes_;
  }
  /// Call it once, at the end.
  std::string blake2b_hex() {
    return hash_.hex();
  }

private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t synced_bytes_ = 0;
  blake2b hash_;
};

/// `TARGET.partial`, locked against another one who makes it; what an earlier one left
/// there is removed. Removed with all that is in it unless publish() was called.
class copy_folder {
public:
  /// Throws `failure`: cannot_open if the target is there (an empty folder is allowed if
  /// `may_be_empty`) or its parent is not; disk_full if fewer than `need_bytes` are free.
  copy_folder(const std::filesystem::path& target, bool may_be_empty,
              std::uint64_t need_bytes);
  ~copy_folder();
  copy_folder(const copy_folder&) = delete;
  copy_folder& operator=(const copy_folder&) = delete;

  const std::filesystem::path& path() const {
    return lock_->path();
  }

  /// Gives all to the user that the target, or its parent, belongs to.
  void hand_over() const;

  /// Durable under the target's name when it returns.
  void publish();

private:
  void clear() const;

  std::filesystem::path target_;
  std::filesystem::path parent_;
  std::optional<directory_lock> lock_;
};

} // namespace weir::storage
