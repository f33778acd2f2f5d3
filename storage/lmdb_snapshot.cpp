#include "storage/lmdb_snapshot.hpp"

#include "storage/failure.hpp"

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

namespace weir::storage {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t piece_bytes = 64 << 10;
constexpr unsigned tables_max = 8; ///< Of those that get() asks for.
constexpr int open_attempts = 3;

/// Whether a database in `directory` is open in this process. Its lock file is only
/// touched if it names this process, so that no other one is disturbed.
bool is_open_here(const fs::path& directory) {
  auto file = directory / "owner.lock";
  int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return false;
  char text[32] = {};
  auto size = ::pread(fd, text, sizeof(text) - 1, 0);
  bool is_ours = size > 0 && std::strtol(text, nullptr, 10) == ::getpid();
  bool is_locked = is_ours && ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  ::close(fd);
  return is_locked;
}

/// LMDB makes its lock file where there is none. The database's owner must be able to
/// use it, also if root makes the copy.
void hand_over_lock_file(const fs::path& directory) {
  struct stat data = {};
  if (::stat((directory / "data.mdb").c_str(), &data) == 0
      && data.st_uid != ::geteuid())
    static_cast<void>(
      ::chown((directory / "lock.mdb").c_str(), data.st_uid, data.st_gid) == 0);
}

/// The ends of a pipe. What LMDB writes into one end comes out of the other.
struct pipe_ends {
  int out = -1;
  int in = -1;

  pipe_ends() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      throw failure(errc::io,
                    "cannot make a pipe: " + std::generic_category().message(errno));
    out = ends[0];
    in = ends[1];
  }
  ~pipe_ends() {
    close(out);
    close(in);
  }
  static void close(int& fd) {
    if (fd >= 0)
      ::close(std::exchange(fd, -1));
  }
};

/// Until the writer has closed its end.
void drain(int fd, const std::function<void(std::string_view)>& sink) {
  std::array<char, piece_bytes> piece{};
  for (;;) {
    auto got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      throw failure(errc::io,
                    "cannot read a pipe: " + std::generic_category().message(errno));
    if (got == 0)
      return;
    sink({piece.data(), static_cast<std::size_t>(got)});
  }
}

} // namespace

void lmdb_snapshot::closer::operator()(MDB_env* env) const {
  ::mdb_env_close(env);
}

void lmdb_snapshot::closer::operator()(MDB_txn* txn) const {
  ::mdb_txn_abort(txn);
}

void lmdb_snapshot::raise(int code, const char* doing) const {
  auto kind = code == EACCES || code == EPERM || code == ENOENT ? errc::cannot_open
              : code == MDB_INCOMPATIBLE || code == MDB_CORRUPTED || code == MDB_INVALID
                  || code == MDB_PAGE_NOTFOUND || code == MDB_VERSION_MISMATCH
                ? errc::damaged
                : errc::io;
  std::string advice;
  if (code == EACCES || code == EPERM)
    advice = " Run this as the user that the database belongs to.";
  if (code == MDB_READERS_FULL)
    advice = " Too many programs read it at once; try again later.";
  throw failure(kind, directory_.string() + ": cannot " + doing + ": "
                        + ::mdb_strerror(code) + "." + advice);
}

lmdb_snapshot::lmdb_snapshot(const fs::path& directory) : directory_(directory) {
  if (is_open_here(directory))
    throw failure(errc::cannot_open,
                  directory.string() + " is open in this very process.");
  std::error_code failed;
  if (!fs::exists(directory / "data.mdb", failed))
    throw failure(errc::cannot_open,
                  directory.string()
                    + (failed ? ": " + failed.message()
                                  + ". Run this as the user that "
                                    "the database belongs to."
                              : " holds no database (no data.mdb). Name the folder of "
                                "the store: `store` in weir-central's data_dir."));
  bool is_new_lock_file = !fs::exists(directory / "lock.mdb", failed);
  for (int attempt = 1;; ++attempt) {
    MDB_env* made = nullptr;
    if (int code = ::mdb_env_create(&made); code != 0)
      raise(code, "make an environment");
    env_.reset(made); // The size limit is the file's own.
    if (int code = ::mdb_env_set_maxdbs(made, tables_max); code != 0)
      raise(code, "set the number of tables");
    if (int code
        = ::mdb_env_open(made, directory.c_str(), MDB_RDONLY | MDB_NOTLS, 0600);
        code != 0)
      raise(code, "open the database");
    // A copy that was killed has left its place: that would hold pages for ever.
    int dead_readers = 0;
    ::mdb_reader_check(made, &dead_readers);
    MDB_txn* txn = nullptr;
    int code = ::mdb_txn_begin(made, nullptr, MDB_RDONLY, &txn);
    if (code == 0) {
      pin_.reset(txn);
      break;
    }
    if (code != MDB_MAP_RESIZED || attempt == open_attempts)
      raise(code, "begin to read"); // Else it grew meanwhile.
  }
  if (is_new_lock_file)
    hand_over_lock_file(directory);
}

lmdb_snapshot::~lmdb_snapshot() = default;

void lmdb_snapshot::renew() {
  ::mdb_txn_reset(pin_.get());
  if (int code = ::mdb_txn_renew(pin_.get()); code != 0)
    raise(code, "begin to read");
}

std::optional<std::string> lmdb_snapshot::get(const char* table,
                                              std::string_view key) const {
  MDB_dbi found = 0;
  int code = ::mdb_dbi_open(pin_.get(), table, 0, &found);
  if (code == MDB_NOTFOUND)
    return std::nullopt;
  if (code != 0)
    raise(code, "open a table");
  MDB_val wanted{key.size(), const_cast<char*>(key.data())};
  MDB_val value = {};
  code = ::mdb_get(pin_.get(), found, &wanted, &value);
  if (code == MDB_NOTFOUND)
    return std::nullopt;
  if (code != 0)
    raise(code, "read");
  return std::string{static_cast<const char*>(value.mv_data), value.mv_size};
}

void lmdb_snapshot::copy(copy_kind kind,
                         const std::function<void(std::string_view)>& sink) const {
  pipe_ends pipe;
  int code = 0;
  auto writer = std::thread{[&] {
    // When nobody reads any more, an error is wanted and not a signal.
    sigset_t broken_pipe;
    ::sigemptyset(&broken_pipe);
    ::sigaddset(&broken_pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    code
      = ::mdb_env_copyfd2(env_.get(), pipe.in,
                          kind == copy_kind::compacted ? unsigned{MDB_CP_COMPACT} : 0u);
    pipe_ends::close(pipe.in); // The reader sees the end.
  }};
  std::exception_ptr problem;
  try {
    drain(pipe.out, sink);
  } catch (...) {
    problem = std::current_exception();
    pipe_ends::close(pipe.out); // The writer sees that nobody reads.
  }
  writer.join();
  if (problem)
    std::rethrow_exception(problem);
  if (code != 0)
    raise(code, "copy");
}

} // namespace weir::storage
