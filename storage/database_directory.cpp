#include "storage/database_directory.hpp"

#include "storage/failure.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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
  : lock_(std::move(directory)) {
  reserve_reader_table(lock_file());
}

void database_directory::set_aside(std::int64_t unix_ns) const {
  auto number = unix_ns / 1'000'000'000;
  for (const auto& base :
       {fs::path{path().string() + ".damaged-"}, path() / "damaged-"}) {
    for (int tries = 0; tries < 1000; ++tries) {
      auto target = base.string() + std::to_string(number + tries);
      std::error_code failed;
      if (fs::exists(target, failed))
        continue;
      if (move_files(path(), target)) {
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

} // namespace weir::storage
