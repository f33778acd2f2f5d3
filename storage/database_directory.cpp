#include "storage/database_directory.hpp"

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

constexpr off_t reader_table_bytes = 16384;

[[noreturn]] void cannot_open(const fs::path& path, const std::string& why) {
  throw failure(errc::cannot_open, path.string() + ": " + why);
}

std::string system_text(int code) {
  return std::generic_category().message(code);
}

/// What is told to the user differs from a directory that cannot be used as such: a node
/// may go on in memory.
[[noreturn]] void cannot_write(const fs::path& path, int code) {
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
    cannot_write(path, errno);
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
    cannot_write(file, errno);
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

/// LMDB maps its table of readers from a sparse file: on a full disk the first
/// touch would be a SIGBUS. So the blocks are taken before.
void reserve_reader_table(const fs::path& file) {
  int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    cannot_open(file, system_text(errno));
  struct stat info = {};
  int code = ::fstat(fd, &info) != 0 ? errno : 0;
  if (code == 0) {
    auto size = std::max<off_t>(info.st_size, reader_table_bytes);
    code = ::posix_fallocate(fd, 0, size);
  }
  ::close(fd);
  if (code == ENOSPC || code == EDQUOT)
    throw failure(errc::disk_full, file.string()
                                     + ": no space left for the table of readers; "
                                       "free some space on this file system.");
  if (code != 0 && code != EOPNOTSUPP && code != EINVAL)
    cannot_open(file, system_text(code));
}

void sync_directory(const fs::path& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return; // A parent that this user may not read: nothing to be done.
  static_cast<void>(::fsync(fd));
  ::close(fd);
}

bool move_files(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  if (::mkdir(to.c_str(), 0700) != 0)
    return false;
  fs::rename(from / "data.mdb", to / "data.mdb", failed);
  if (failed) {
    std::error_code ignored;
    fs::remove(to, ignored);
    return false;
  }
  fs::remove(from / "lock.mdb",
             failed); // Only a list of readers that are gone.
  sync_directory(to);
  return true;
}

} // namespace

database_directory::database_directory(fs::path directory)
  : directory_(std::move(directory)) {
  if (directory_.empty())
    throw failure(errc::cannot_open, "the database directory has no name.");
  if (!directory_.has_filename()) // "a/b/" and "a/b" are one name here.
    directory_ = directory_.parent_path();
  make_directory(directory_);
  lock_fd_ = take_lock(directory_);
  try {
    reserve_reader_table(lock_file());
  } catch (...) {
    ::close(lock_fd_);
    throw;
  }
}

database_directory::~database_directory() {
  ::close(lock_fd_);
}

void database_directory::set_aside(std::int64_t unix_ns) const {
  auto number = unix_ns / 1'000'000'000;
  for (const auto& base :
       {fs::path{directory_.string() + ".damaged-"}, directory_ / "damaged-"}) {
    for (int tries = 0; tries < 1000; ++tries) {
      auto target = base.string() + std::to_string(number + tries);
      std::error_code failed;
      if (fs::exists(target, failed))
        continue;
      if (move_files(directory_, target)) {
        sync();
        reserve_reader_table(lock_file());
        return;
      }
      break; // Not allowed there, or another file system: try inside.
    }
  }
  throw failure(errc::damaged,
                data_file().string()
                  + " is damaged and cannot be set aside: no new directory can "
                    "be made there. Move it away by hand.");
}

std::size_t database_directory::set_aside_count(const fs::path& directory) {
  auto path = directory.has_filename() ? directory : directory.parent_path();
  auto parent = path.has_parent_path() ? path.parent_path() : fs::path{"."};
  auto count = [](const fs::path& where, const std::string& prefix) {
    std::size_t result = 0;
    std::error_code failed;
    for (auto i = fs::directory_iterator{where, failed};
         !failed && i != fs::directory_iterator{}; i.increment(failed))
      result += i->path().filename().string().starts_with(prefix) ? 1 : 0;
    return result;
  };
  return count(parent, path.filename().string() + ".damaged-")
         + count(path, "damaged-");
}

void database_directory::sync() const {
  sync_directory(directory_);
  sync_directory(directory_.has_parent_path() ? directory_.parent_path()
                                              : fs::path{"."});
}

} // namespace weir::storage
