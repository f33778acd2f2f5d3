#include "storage/copy_folder.hpp"

#include "storage/failure.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace weir::storage {

namespace fs = std::filesystem;

namespace {

/// So that a copy does not fill the kernel's memory with what waits for the disk, and
/// its last sync is short.
constexpr std::uint64_t sync_every_bytes = 32 << 20;

/// Kept free beyond what is copied, for whoever else needs this disk.
constexpr std::uint64_t spare_bytes = 1 << 20;

[[noreturn]] void raise(const fs::path& path, const char* doing, int code) {
  auto full = code == ENOSPC || code == EDQUOT;
  auto denied = code == EACCES || code == EPERM || code == EROFS;
  throw failure(full     ? errc::disk_full
                : denied ? errc::cannot_open
                         : errc::io,
                path.string() + ": cannot " + doing + ": "
                  + std::generic_category().message(code) + "."
                  + (full     ? " Free some space, or name another disk."
                     : denied ? " It must be a place where this user may write."
                              : ""));
}

fs::path without_slash(const fs::path& path) {
  auto whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

void check_target(const fs::path& target, bool may_be_empty) {
  std::error_code failed;
  auto status = fs::symlink_status(target, failed);
  if (!fs::exists(status))
    return;
  if (!may_be_empty)
    throw failure(errc::cannot_open,
                  target.string() + " is there already. Name a new folder.");
  if (!fs::is_directory(status))
    throw failure(errc::cannot_open, target.string() + " is not a folder.");
  auto has_entries = fs::directory_iterator{target, failed} != fs::directory_iterator{};
  if (failed)
    raise(target, "look into it", failed.value());
  if (has_entries)
    throw failure(errc::cannot_open,
                  target.string()
                    + " is not empty. Name an empty folder, or move what is there away "
                      "(and stop the program that uses it).");
}

void check_space(const fs::path& parent, std::uint64_t need_bytes) {
  struct statvfs info = {};
  if (::statvfs(parent.c_str(), &info) != 0)
    raise(parent, "find it", errno);
  auto free_bytes = std::uint64_t{info.f_bavail} * info.f_frsize;
  if (free_bytes < need_bytes + spare_bytes)
    throw failure(errc::disk_full,
                  parent.string() + ": " + std::to_string(free_bytes >> 20)
                    + " MB are free, about "
                    + std::to_string(((need_bytes + spare_bytes) >> 20) + 1)
                    + " MB are needed. Free some space, or name another disk.");
}

} // namespace

// -- hashed_file --------------------------------------------------------------

hashed_file::hashed_file(fs::path path)
  : path_(std::move(path)),
    fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (fd_ < 0)
    raise(path_, "make it", errno);
}

hashed_file::~hashed_file() {
  ::close(fd_);
}

void hashed_file::write(std::string_view bytes) {
  hash_.add(bytes);
  size_bytes_ += bytes.size();
  while (!bytes.empty()) {
    auto written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR)
      raise(path_, "write", errno);
    if (written > 0)
      bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (size_bytes_ - synced_bytes_ >= sync_every_bytes)
    sync();
}

void hashed_file::begin_again() {
  if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0)
    raise(path_, "begin it again", errno);
  size_bytes_ = synced_bytes_ = 0;
  hash_ = blake2b{};
}

void hashed_file::sync() {
  if (::fsync(fd_) != 0)
    raise(path_, "write", errno);
  synced_bytes_ = size_bytes_;
}

// -- copy_folder --------------------------------------------------------------

copy_folder::copy_folder(const fs::path& target, bool may_be_empty,
                         std::uint64_t need_bytes)
  : target_(without_slash(target)), parent_(target_.parent_path()) {
  std::error_code failed;
  if (!fs::is_directory(parent_, failed))
    throw failure(errc::cannot_open,
                  parent_.string() + " is not a folder; make it first.");
  check_target(target_, may_be_empty);
  check_space(parent_, need_bytes);
  lock_.emplace(target_.string() + ".partial");
  clear();
}

copy_folder::~copy_folder() {
  if (!lock_)
    return;
  clear();
  std::error_code ignored;
  fs::remove(path() / "owner.lock", ignored);
  fs::remove(path(), ignored);
}

/// Only what a copy makes: a wrong name must not cost somebody's files.
void copy_folder::clear() const {
  std::error_code ignored;
  for (const auto* name : {"data.mdb", "manifest"})
    fs::remove(path() / name, ignored);
}

void copy_folder::hand_over() const {
  struct stat wanted = {};
  if (::stat(target_.c_str(), &wanted) != 0 && ::stat(parent_.c_str(), &wanted) != 0)
    raise(parent_, "find it", errno);
  if (wanted.st_uid == ::geteuid() || ::geteuid() != 0)
    return;
  for (const auto& file : {path() / "data.mdb", path() / "owner.lock", path()})
    if (::chown(file.c_str(), wanted.st_uid, wanted.st_gid) != 0)
      raise(file, "give it to its owner", errno);
}

void copy_folder::publish() {
  std::error_code failed;
  sync_directory(path());
  // An empty folder is replaced; anything else is not, also if it came meanwhile.
  bool is_there = fs::exists(fs::symlink_status(target_, failed));
  if (::renameat2(AT_FDCWD, path().c_str(), AT_FDCWD, target_.c_str(),
                  is_there ? 0u : unsigned{RENAME_NOREPLACE})
      != 0) {
    if (is_there || errno != EINVAL) // EINVAL: not known to this file system.
      raise(target_, "give the finished copy its name", errno);
    if (::rename(path().c_str(), target_.c_str()) != 0)
      raise(target_, "give the finished copy its name", errno);
  }
  // Not before: whoever else wants to make this copy must find it locked or gone.
  fs::remove(target_ / "owner.lock", failed);
  sync_directory(target_);
  sync_directory(parent_);
  lock_.reset();
}

} // namespace weir::storage
