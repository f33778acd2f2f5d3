#include "storage/directory_lock.hpp"

#include "storage/failure.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace weir::storage {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void cannot_open(const fs::path& path, const std::string& why) {
  throw failure(errc::cannot_open, path.string() + ": " + why);
}

std::string system_text(int code) {
  return std::generic_category().message(code);
}

/// What is told to the user differs from a directory that cannot be used as such: a node
/// may go on in memory, or when there is space.
[[noreturn]] void cannot_make(const fs::path& path, int code) {
  if (code == ENOSPC || code == EDQUOT)
    throw failure(errc::disk_full, path.string()
                                     + ": no space left; free some space on this file "
                                       "system.");
  if (code != EROFS && code != EACCES && code != EPERM)
    cannot_open(path, system_text(code));
  throw failure(errc::read_only,
                path.string() + ": cannot be written: " + system_text(code)
                  + ". It must be on a local disk that is mounted for writing, in a "
                    "directory that belongs to the user that runs this program.");
}

void make_directory(const fs::path& path) {
  std::error_code failed;
  if (fs::is_directory(path, failed))
    return;
  if (path.has_parent_path())
    fs::create_directories(path.parent_path(), failed);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    cannot_make(path, errno);
  if (!fs::is_directory(path, failed))
    cannot_open(path, "is not a directory; name one that is, or that does not "
                      "exist yet.");
}

/// Who holds the lock, as it wrote into the file.
std::string holder(int fd) {
  char text[32] = {};
  auto size = ::pread(fd, text, sizeof(text) - 1, 0);
  return size > 0 ? "process " + std::string(text, std::strcspn(text, "\n"))
                  : std::string{"another process"};
}

int take_lock(const fs::path& directory) {
  auto file = directory / "owner.lock";
  int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    cannot_make(file, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    auto who = holder(fd);
    ::close(fd);
    cannot_open(directory, "is in use by " + who
                             + ". Each node needs a directory of its own: end "
                               "that process, or name another directory.");
  }
  auto pid = std::to_string(::getpid()) + "\n";
  // Only for the message above: a full disk must not stop the start here.
  if (::ftruncate(fd, 0) == 0)
    static_cast<void>(::pwrite(fd, pid.data(), pid.size(), 0) == 0);
  return fd;
}

} // namespace

void sync_directory(const fs::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return; // A parent that this user may not read: nothing to be done.
  static_cast<void>(::fsync(fd));
  ::close(fd);
}

directory_lock::directory_lock(fs::path directory) : directory_(std::move(directory)) {
  if (directory_.empty())
    throw failure(errc::cannot_open, "the directory has no name.");
  if (!directory_.has_filename()) // "a/b/" and "a/b" are one name here.
    directory_ = directory_.parent_path();
  make_directory(directory_);
  fd_ = take_lock(directory_);
}

directory_lock::~directory_lock() {
  ::close(fd_);
}

void directory_lock::sync() const {
  sync_directory(directory_);
  sync_directory(directory_.has_parent_path() ? directory_.parent_path()
                                              : fs::path{"."});
}

} // namespace weir::storage
