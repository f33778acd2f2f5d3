// A place in memory for the outbox of a node whose disk cannot be written.
#include "storage/outbox.hpp"

#include "storage/failure.hpp"

#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

namespace weir::storage {

namespace fs = std::filesystem;

namespace {

// linux/magic.h is not installed everywhere.
constexpr auto tmpfs_magic = 0x01021994L;
constexpr auto ramfs_magic = 0x858458f6L;

bool is_in_memory(const fs::path& path) {
  struct statfs info = {};
  if (::statfs(path.c_str(), &info) != 0)
    return false;
  auto type = static_cast<long>(info.f_type);
  return type == tmpfs_magic || type == ramfs_magic;
}

/// Others may write to the parent: what lies there already must be ours, no link, and
/// closed to them.
bool make_private(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0)
    return true;
  struct stat info = {};
  return errno == EEXIST && ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)
         && info.st_uid == ::geteuid() && (info.st_mode & 0077) == 0;
}

} // namespace

expected<fs::path, error> memory_directory(const std::string& name) {
  std::vector<fs::path> bases{"/dev/shm", "/run", "/tmp"};
  if (const char* own = std::getenv("XDG_RUNTIME_DIR"); own != nullptr && *own == '/')
    bases.insert(bases.begin(), own);
  for (const auto& base : bases) {
    if (!is_in_memory(base) || ::access(base.c_str(), W_OK) != 0)
      continue;
    for (int number = 0; number < 10; ++number) {
      auto path = base / (number == 0 ? name : name + "-" + std::to_string(number));
      if (make_private(path))
        return path;
    }
  }
  return unexpected(error{
    errc::cannot_open, "this system offers no directory in memory that this user may "
                       "write to (/dev/shm, /run or /tmp as tmpfs)."});
}

} // namespace weir::storage
