#include "tests/support/write_recorder.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace weir::test {

namespace {

namespace fs = std::filesystem;

using file_id = std::pair<dev_t, ino_t>;

struct recorder_state {
  std::mutex mutex;
  bool on = false;
  fs::path directory;
  std::map<file_id, std::size_t> files; ///< Index into recorded.files.
  recording recorded;
  write_fault writes;
  write_fault syncs;
};

recorder_state& state() {
  static recorder_state one;
  return one;
}

std::string read_all(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// With the mutex held.
const std::size_t* file_of(int fd) {
  auto& all = state();
  struct stat info = {};
  if (!all.on || ::fstat(fd, &info) != 0)
    return nullptr;
  auto found = all.files.find({info.st_dev, info.st_ino});
  return found == all.files.end() ? nullptr : &found->second;
}

/// True: fail now.
bool is_due(write_fault& fault) {
  if (fault.times == 0 || fault.code == 0)
    return false;
  if (fault.passes > 0) {
    --fault.passes;
    return false;
  }
  --fault.times;
  return true;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

ssize_t recorded_pwrite(int fd, const void* bytes, std::size_t size, off_t offset) {
  using function = ssize_t (*)(int, const void*, std::size_t, off_t);
  static const auto real = next<function>("pwrite64");
  auto lock = std::unique_lock{state().mutex};
  const auto* file = file_of(fd);
  if (file == nullptr) {
    lock.unlock();
    return real(fd, bytes, size, offset);
  }
  if (auto& fault = state().writes; is_due(fault)) {
    if (!std::exchange(fault.short_first, false)) {
      errno = fault.code;
      return -1;
    }
    size /= 2;
    ++fault.times; // The error itself comes with the next call.
  }
  auto done = real(fd, bytes, size, offset);
  if (done > 0) {
    file_event event;
    event.file = *file;
    event.offset = static_cast<std::size_t>(offset);
    event.bytes.assign(static_cast<const char*>(bytes), static_cast<std::size_t>(done));
    event.through = (::fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    state().recorded.events.push_back(std::move(event));
  }
  return done;
}

/// Writes at the descriptor's own place, as write() and writev() do.
ssize_t recorded_write(int fd, const iovec* parts, int count) {
  using function = ssize_t (*)(int, const iovec*, int);
  static const auto real = next<function>("writev");
  auto lock = std::unique_lock{state().mutex};
  const auto* file = file_of(fd);
  if (file == nullptr) {
    lock.unlock();
    return real(fd, parts, count);
  }
  if (auto& fault = state().writes; is_due(fault)) {
    errno = fault.code;
    return -1;
  }
  auto offset = ::lseek(fd, 0, SEEK_CUR);
  auto done = real(fd, parts, count);
  if (done > 0) {
    file_event event;
    event.file = *file;
    event.offset = static_cast<std::size_t>(offset);
    for (int i = 0; i < count; ++i)
      event.bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    event.bytes.resize(static_cast<std::size_t>(done));
    event.through = (::fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    state().recorded.events.push_back(std::move(event));
  }
  return done;
}

int recorded_sync(int fd, const char* name) {
  auto real = next<int (*)(int)>(name);
  auto lock = std::unique_lock{state().mutex};
  const auto* file = file_of(fd);
  if (file == nullptr) {
    lock.unlock();
    return real(fd);
  }
  if (is_due(state().syncs)) {
    errno = state().syncs.code;
    return -1;
  }
  auto result = real(fd);
  file_event event;
  event.what = file_event::kind::sync;
  event.file = *file;
  if (result == 0)
    state().recorded.events.push_back(std::move(event));
  return result;
}

} // namespace

write_recorder::write_recorder(const fs::path& directory) {
  auto& all = state();
  auto lock = std::unique_lock{all.mutex};
  all.directory = directory;
  all.files.clear();
  all.recorded = {};
  for (const auto& x : fs::recursive_directory_iterator{directory}) {
    struct stat info = {};
    if (!x.is_regular_file() || ::stat(x.path().c_str(), &info) != 0)
      continue;
    all.files.emplace(file_id{info.st_dev, info.st_ino}, all.recorded.files.size());
    all.recorded.files.push_back(
      {fs::relative(x.path(), directory), read_all(x.path())});
  }
  all.on = true;
}

write_recorder::~write_recorder() {
  auto lock = std::unique_lock{state().mutex};
  state().on = false;
  state().writes = {};
  state().syncs = {};
}

void write_recorder::note(std::uint64_t n) {
  auto lock = std::unique_lock{state().mutex};
  file_event event;
  event.what = file_event::kind::note;
  event.note = n;
  state().recorded.events.push_back(std::move(event));
}

recording write_recorder::stop() {
  auto& all = state();
  auto lock = std::unique_lock{all.mutex};
  all.on = false;
  std::size_t there = 0;
  for (const auto& x : fs::recursive_directory_iterator{all.directory})
    there += x.is_regular_file() ? 1u : 0u;
  for (const auto& x : all.recorded.files)
    if (there != all.recorded.files.size() || !fs::exists(all.directory / x.name))
      throw std::runtime_error("files came or went while they were recorded");
  return std::exchange(all.recorded, {});
}

void fail_writes(const write_fault& fault) {
  auto lock = std::unique_lock{state().mutex};
  state().writes = fault;
}

void fail_syncs(const write_fault& fault) {
  auto lock = std::unique_lock{state().mutex};
  state().syncs = fault;
}

} // namespace weir::test

// The C library's functions, for this program and the libraries it loads.
extern "C" {

ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t offset) {
  return weir::test::recorded_pwrite(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void* bytes, std::size_t size, off_t offset) {
  return weir::test::recorded_pwrite(fd, bytes, size, offset);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  ssize_t sum = 0;
  for (int i = 0; i < count; ++i) {
    auto done = weir::test::recorded_pwrite(fd, parts[i].iov_base, parts[i].iov_len,
                                            offset + sum);
    if (done < 0)
      return sum > 0 ? sum : done;
    sum += done;
    if (static_cast<std::size_t>(done) < parts[i].iov_len)
      break;
  }
  return sum;
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off_t offset) {
  return pwritev(fd, parts, count, offset);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  return weir::test::recorded_write(fd, parts, count);
}

int fdatasync(int fd) {
  return weir::test::recorded_sync(fd, "fdatasync");
}

int fsync(int fd) {
  return weir::test::recorded_sync(fd, "fsync");
}

} // extern "C"
