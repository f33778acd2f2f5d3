#include "storage/lmdb_env.hpp"

#include "storage/lmdb_check.hpp"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <span>
#include <string>
#include <utility>

namespace weir::storage {

namespace {

/// Checked at every start: 256 MB of 4 KB pages, a fraction of a second.
constexpr std::size_t pages_checked_max = 65'536;

/// So many writing transactions pass between two looks for dead readers.
constexpr unsigned writes_per_reader_check = 256;

/// A write that fails with this little free space failed because of it.
constexpr std::uint64_t full_below_bytes = 1 << 20;

MDB_val to_val(std::string_view text) {
  // LMDB takes no const, but does not write through keys and values.
  return {text.size(), const_cast<char*>(text.data())};
}

std::string_view to_text(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

/// Free space on the file system, or `otherwise` if it cannot be told.
std::uint64_t disk_free_bytes(const std::filesystem::path& directory,
                              std::uint64_t otherwise) {
  struct statvfs info = {};
  if (::statvfs(directory.c_str(), &info) != 0)
    return otherwise;
  return std::uint64_t{info.f_bavail} * info.f_frsize;
}

bool no_space_left(const std::filesystem::path& directory) {
  return disk_free_bytes(directory, full_below_bytes) < full_below_bytes;
}

/// The mapping of this process that holds `place`; empty if that cannot be told. (LMDB
/// does not say where its map is.)
std::span<char> mapping_around(const char* place) {
  auto wanted = reinterpret_cast<std::uintptr_t>(place);
  std::ifstream maps{"/proc/self/maps"};
  std::string line;
  while (std::getline(maps, line)) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR, &begin, &end) != 2)
      continue;
    if (begin <= wanted && wanted < end) // Never an anonymous one: its bytes would go.
      return line.find("data.mdb") == std::string::npos
               ? std::span<char>{}
               : std::span{reinterpret_cast<char*>(begin), end - begin};
  }
  return {};
}

errc classify(int code, const std::filesystem::path& directory) {
  switch (code) {
  case MDB_MAP_FULL:
    return errc::map_full;
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_INVALID:
  case MDB_VERSION_MISMATCH:
  case MDB_INCOMPATIBLE:
  case MDB_CURSOR_FULL:
    return errc::damaged;
  case ENOSPC:
  case EDQUOT:
    return errc::disk_full;
  case EIO: // What LMDB makes of a short write.
    return no_space_left(directory) ? errc::disk_full : errc::io;
  case EACCES:
  case EPERM:
    return errc::cannot_open;
  case EROFS:
    return errc::read_only;
  default:
    return errc::io;
  }
}

const char* advice(errc code) {
  switch (code) {
  case errc::map_full:
    return " Raise the configured size limit, or let older data go.";
  case errc::disk_full:
    return " Free some space on this file system; writing goes on then.";
  case errc::damaged:
    return " The files are damaged; a restart sets them aside.";
  case errc::cannot_open:
    return " The files must belong to the user that runs this program.";
  case errc::read_only:
    return " The file system is read-only.";
  default:
    return "";
  }
}

} // namespace

void lmdb_env::raise(int code, const char* doing) const {
  auto kind = classify(code, directory_->path());
  throw failure(kind, directory_->path().string() + ": cannot " + doing + ": "
                        + ::mdb_strerror(code) + "." + advice(kind));
}

void lmdb_env::env_closer::operator()(MDB_env* env) const {
  ::mdb_env_close(env);
}

lmdb_env::lmdb_env(const lmdb_options& options, std::int64_t unix_ns)
  : directory_(std::make_unique<database_directory>(options.directory)),
    reserve_wanted_bytes_(options.reserve_bytes) {
  auto verdict = check_lmdb_file(directory_->data_file(), pages_checked_max);
  if (verdict.condition == file_condition::damaged) {
    directory_->set_aside(unix_ns);
    was_damaged_ = true;
  } else if (verdict.condition == file_condition::sound) {
    std::error_code failed;
    auto size = std::filesystem::file_size(directory_->data_file(), failed);
    // A hole at the end: what lies there is free pages, and must be mappable.
    if (!failed && size < verdict.size_bytes_min
        && ::truncate(directory_->data_file().c_str(),
                      static_cast<off_t>(verdict.size_bytes_min))
             != 0)
      raise(errno, "extend the data file");
  }
  try {
    open_env(options);
  } catch (const failure& x) {
    if (was_damaged_ || x.what_happened.code != errc::damaged)
      throw;
    env_.reset(); // Damage that only LMDB saw.
    directory_->set_aside(unix_ns);
    was_damaged_ = true;
    open_env(options);
  }
  directory_->sync();
  top_up_reserve();
}

lmdb_env::~lmdb_env() = default;

void lmdb_env::open_env(const lmdb_options& options) {
  MDB_env* made = nullptr;
  if (int code = ::mdb_env_create(&made); code != 0)
    raise(code, "make an environment");
  env_.reset(made);
  auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  map_size_bytes_ = (options.map_size_bytes + page - 1) / page * page;
  if (int code = ::mdb_env_set_mapsize(made, map_size_bytes_); code != 0)
    raise(code, "set the size limit");
  auto tables = static_cast<unsigned>(options.tables.size());
  if (int code = ::mdb_env_set_maxdbs(made, tables); code != 0)
    raise(code, "set the number of tables");
  // Default sync: a commit is on disk when it returns. NOTLS: a reading
  // transaction belongs to its object, not to the thread.
  if (int code = ::mdb_env_open(made, directory_->path().c_str(), MDB_NOTLS, 0600);
      code != 0)
    raise(code, "open the database");
  int dead_readers = 0;
  if (int code = ::mdb_reader_check(made, &dead_readers); code != 0)
    raise(code, "check the table of readers");
  open_tables(options);
}

void lmdb_env::open_tables(const lmdb_options& options) {
  tables_.clear();
  MDB_txn* txn = nullptr;
  if (int code = ::mdb_txn_begin(env_.get(), nullptr, 0, &txn); code != 0)
    raise(code, "begin a transaction");
  for (const auto* name : options.tables) {
    MDB_dbi table = 0;
    if (int code = ::mdb_dbi_open(txn, name, MDB_CREATE, &table); code != 0) {
      ::mdb_txn_abort(txn);
      raise(code, "open a table");
    }
    tables_.push_back(table);
  }
  if (int code = ::mdb_txn_commit(txn); code != 0)
    raise(code, "make the tables");
}

void lmdb_env::grow(std::size_t by_bytes) {
  auto lock = std::unique_lock{map_mutex_};
  auto wanted = map_size_bytes_ + by_bytes;
  if (int code = ::mdb_env_set_mapsize(env_.get(), wanted); code != 0)
    raise(code, "raise the size limit");
  map_size_bytes_ = wanted;
}

std::uint64_t lmdb_env::used_bytes() const {
  auto lock = std::shared_lock{map_mutex_};
  MDB_stat sum = {};
  ::mdb_env_stat(env_.get(), &sum);
  auto pages = std::uint64_t{2} + sum.ms_branch_pages + sum.ms_leaf_pages;
  lock.unlock();
  auto txn = lmdb_txn{*this, false};
  for (auto table : tables_) {
    MDB_stat info = {};
    if (int code = ::mdb_stat(txn.txn_, table, &info); code != 0)
      raise(code, "read the size of a table");
    pages += info.ms_branch_pages + info.ms_leaf_pages + info.ms_overflow_pages;
  }
  return pages * sum.ms_psize;
}

std::uint64_t lmdb_env::file_bytes() const {
  int fd = -1;
  struct stat info = {};
  if (::mdb_env_get_fd(env_.get(), &fd) != 0 || ::fstat(fd, &info) != 0)
    return 0;
  return static_cast<std::uint64_t>(info.st_size);
}

std::uint64_t lmdb_env::free_bytes() const {
  MDB_envinfo info = {};
  MDB_stat sum = {};
  {
    auto lock = std::shared_lock{map_mutex_};
    ::mdb_env_info(env_.get(), &info);
    ::mdb_env_stat(env_.get(), &sum);
  }
  auto inside = (std::uint64_t{info.me_last_pgno} + 1) * sum.ms_psize;
  auto used = used_bytes();
  return (inside > used ? inside - used : 0)
         + disk_free_bytes(directory_->path(), ~std::uint64_t{0} >> 1);
}

std::uint64_t lmdb_env::reserved_bytes() const {
  auto size = file_bytes();
  return reserved_end_ > size ? reserved_end_ - size : 0;
}

void lmdb_env::top_up_reserve() {
  if (reserve_wanted_bytes_ == 0 || reserved_bytes() >= reserve_wanted_bytes_ / 2)
    return;
  auto wanted = std::min<std::uint64_t>(reserve_wanted_bytes_,
                                        disk_free_bytes(directory_->path(), 0) / 8);
  int fd = -1;
  if (wanted <= reserved_bytes() || ::mdb_env_get_fd(env_.get(), &fd) != 0)
    return;
  auto size = file_bytes();
  if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(size),
                  static_cast<off_t>(wanted))
      == 0)
    reserved_end_ = size + wanted;
  else if (errno == EOPNOTSUPP)
    reserve_wanted_bytes_ = 0;
}

void lmdb_env::give_back_pages() const {
  auto txn = lmdb_txn{*this, false}; // The map does not move meanwhile.
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    auto cursor = lmdb_cursor{txn, {i}};
    if (!cursor.first())
      continue;
    if (auto map = mapping_around(cursor.key().data()); !map.empty())
      // Shared and read-only: nothing is lost.
      ::madvise(map.data(), map.size(), MADV_DONTNEED);
    return;
  }
}

/// Another process that made a copy and was killed leaves its place in the table of
/// readers: pages freed since then would never be used again.
void lmdb_env::free_dead_readers() const {
  int dead_readers = 0;
  ::mdb_reader_check(env_.get(), &dead_readers);
}

lmdb_txn::lmdb_txn(const lmdb_env& env, bool writes)
  : env_(env), map_lock_(env.map_mutex_) {
  if (writes && env.writes_begun_.fetch_add(1) % writes_per_reader_check == 0)
    env.free_dead_readers();
  unsigned flags = writes ? 0u : unsigned{MDB_RDONLY};
  if (int code = ::mdb_txn_begin(env.env_.get(), nullptr, flags, &txn_); code != 0)
    env.raise(code, "begin a transaction");
}

lmdb_txn::~lmdb_txn() {
  if (txn_ != nullptr)
    ::mdb_txn_abort(txn_);
}

std::optional<std::string_view> lmdb_txn::get(lmdb_table table,
                                              std::string_view key) const {
  auto wanted = to_val(key);
  MDB_val found = {};
  int code = ::mdb_get(txn_, env_.tables_[table.index], &wanted, &found);
  if (code == MDB_NOTFOUND)
    return std::nullopt;
  if (code != 0)
    env_.raise(code, "read");
  return to_text(found);
}

void lmdb_txn::put_with(lmdb_table table, std::string_view key, std::string_view value,
                        unsigned flags) {
  auto k = to_val(key);
  auto v = to_val(value);
  if (int code = ::mdb_put(txn_, env_.tables_[table.index], &k, &v, flags); code != 0)
    env_.raise(code, "write");
}

void lmdb_txn::put(lmdb_table table, std::string_view key, std::string_view value) {
  put_with(table, key, value, 0);
}

void lmdb_txn::append(lmdb_table table, std::string_view key, std::string_view value) {
  put_with(table, key, value, MDB_APPEND);
}

bool lmdb_txn::erase(lmdb_table table, std::string_view key) {
  auto k = to_val(key);
  int code = ::mdb_del(txn_, env_.tables_[table.index], &k, nullptr);
  if (code != 0 && code != MDB_NOTFOUND)
    env_.raise(code, "remove");
  return code == 0;
}

void lmdb_txn::clear(lmdb_table table) {
  if (auto code = mdb_drop(txn_, env_.tables_[table.index], 0); code != MDB_SUCCESS)
    env_.raise(code, "empty a table of");
}

std::uint64_t lmdb_txn::entries(lmdb_table table) const {
  MDB_stat info = {};
  if (int code = ::mdb_stat(txn_, env_.tables_[table.index], &info); code != 0)
    env_.raise(code, "count the entries of a table");
  return info.ms_entries;
}

void lmdb_txn::commit() {
  // LMDB frees the transaction whether this works or not.
  auto* ending = std::exchange(txn_, nullptr);
  if (int code = ::mdb_txn_commit(ending); code != 0)
    env_.raise(code, "commit");
}

lmdb_cursor::lmdb_cursor(const lmdb_txn& txn, lmdb_table table) : env_(txn.env_) {
  if (int code = ::mdb_cursor_open(txn.txn_, env_.tables_[table.index], &cursor_);
      code != 0)
    env_.raise(code, "open a cursor");
}

lmdb_cursor::~lmdb_cursor() {
  ::mdb_cursor_close(cursor_);
}

bool lmdb_cursor::move(unsigned operation, std::string_view target) {
  auto key = to_val(target);
  MDB_val value = {};
  int code
    = ::mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation));
  if (code == MDB_NOTFOUND)
    return false;
  if (code != 0)
    env_.raise(code, "read");
  key_ = to_text(key);
  value_ = to_text(value);
  return true;
}

bool lmdb_cursor::first() {
  return move(MDB_FIRST);
}
bool lmdb_cursor::last() {
  return move(MDB_LAST);
}
bool lmdb_cursor::next() {
  return move(MDB_NEXT);
}
bool lmdb_cursor::previous() {
  return move(MDB_PREV);
}
bool lmdb_cursor::seek(std::string_view key) {
  return move(MDB_SET_RANGE, key);
}
bool lmdb_cursor::seek_before(std::string_view key) {
  return seek(key) ? previous() : last();
}

void lmdb_cursor::erase() {
  if (int code = ::mdb_cursor_del(cursor_, 0); code != 0)
    env_.raise(code, "remove");
}

bool lmdb_cursor::put_new(std::string_view key, std::string_view value) {
  auto k = to_val(key);
  auto v = to_val(value);
  int code = ::mdb_cursor_put(cursor_, &k, &v, MDB_NOOVERWRITE);
  if (code != 0 && code != MDB_KEYEXIST)
    env_.raise(code, "write");
  value_ = to_text(v);
  return code == 0;
}

void lmdb_cursor::put(std::string_view key, std::string_view value) {
  auto k = to_val(key);
  auto v = to_val(value);
  if (int code = ::mdb_cursor_put(cursor_, &k, &v, 0); code != 0)
    env_.raise(code, "write");
}

} // namespace weir::storage
