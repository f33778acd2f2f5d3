#include "storage/journal_file.hpp"

#include "storage/failure.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace weir::storage {

namespace {

constexpr std::size_t page_bytes = 4096;

/// A file that is larger was not made by a journal.
constexpr std::size_t size_bytes_limit = 1ull << 30;

int open_retrying(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/// Without it a disk that fills up later would stop the journal. Not all file systems
/// can (then the writes themselves take the space).
int preallocate(int fd, std::size_t size_bytes) {
  auto size = static_cast<off_t>(size_bytes);
  int code = ::fallocate(fd, 0, 0, size) == 0 ? 0 : errno;
  if (code == EOPNOTSUPP || code == EINVAL || code == ENOSYS)
    code = ::ftruncate(fd, size) == 0 ? 0 : errno;
  return code;
}

/// Bytes read; 0 at the end, and a negative errno.
ssize_t read_some(int fd, char* into, std::size_t size, std::size_t offset) {
  for (;;) {
    auto got = ::pread(fd, into, size, static_cast<off_t>(offset));
    if (got >= 0 || errno != EINTR)
      return got >= 0 ? got : -errno;
  }
}

} // namespace

void fail_in(const std::filesystem::path& path, const char* doing, int code) {
  auto text = path.string() + ": cannot " + doing + ": "
              + std::generic_category().message(code) + ".";
  switch (code) {
  case ENOSPC:
  case EDQUOT:
    throw failure(errc::disk_full,
                  text + " Free some space on this file system; writing goes on then.");
  case EACCES:
  case EPERM:
  case EROFS:
  case ELOOP:
    throw failure(errc::read_only,
                  text
                    + " The files must belong to the user that runs this program, "
                      "on a disk that is mounted for writing.");
  default:
    throw failure(errc::io, text);
  }
}

journal_file::journal_file(std::filesystem::path path, std::size_t size_bytes)
  : path_(std::move(path)), size_bytes_(size_bytes), fd_(open_retrying(path_)) {
  if (fd_ < 0)
    fail_in(path_, "open", errno);
  struct stat info = {};
  int code = ::fstat(fd_, &info) == 0 ? 0 : errno;
  if (code == 0 && info.st_size > 0) {
    size_bytes_ = std::min(static_cast<std::size_t>(info.st_size), size_bytes_limit);
    return;
  }
  if (code == 0)
    code = preallocate(fd_, size_bytes_);
  if (code == 0)
    return;
  ::unlink(path_.c_str()); // Empty: nobody misses it.
  close();
  fail_in(path_, "make", code);
}

journal_file::~journal_file() {
  close();
}

journal_file::journal_file(journal_file&& other) noexcept
  : path_(std::move(other.path_)), size_bytes_(other.size_bytes_),
    fd_(std::exchange(other.fd_, -1)) {
}

journal_file& journal_file::operator=(journal_file&& other) noexcept {
  close();
  path_ = std::move(other.path_);
  size_bytes_ = other.size_bytes_;
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

void journal_file::close() noexcept {
  if (fd_ >= 0)
    ::close(std::exchange(fd_, -1));
}

void journal_file::read(std::string& into) const {
  into.assign(size_bytes_, '\0');
  std::size_t done = 0;
  while (done < size_bytes_) {
    auto got = read_some(fd_, into.data() + done, size_bytes_ - done, done);
    if (got == 0)
      return; // Shorter than it was: zeros.
    if (got > 0) {
      done += static_cast<std::size_t>(got);
      continue;
    }
    // A page that the disk does not give any more: its neighbours may be fine.
    auto next_page = std::min((done / page_bytes + 1) * page_bytes, size_bytes_);
    while (done < next_page
           && (got = read_some(fd_, into.data() + done, next_page - done, done)) > 0)
      done += static_cast<std::size_t>(got);
    done = next_page;
  }
}

std::string journal_file::read_head(std::size_t size) const {
  std::string head(size, '\0');
  auto got = read_some(fd_, head.data(), size, 0);
  if (got < 0)
    fail_in(path_, "read", static_cast<int>(-got));
  head.resize(static_cast<std::size_t>(got));
  return head;
}

void journal_file::write(std::string_view bytes, std::size_t offset) {
  while (!bytes.empty()) {
    auto done = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      fail_in(path_, "write", done < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<std::size_t>(done));
    offset += static_cast<std::size_t>(done);
  }
}

void journal_file::sync() const {
  if (::fdatasync(fd_) != 0)
    fail_in(path_, "sync", errno);
}

} // namespace weir::storage
