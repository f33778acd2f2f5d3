#include "tests/chaos/lmdb_reader.hpp"

#include <bit>
#include <stdexcept>

#include <lmdb.h>

namespace weir::chaos {

namespace {

void check(int code, const char* what) {
  if (code != 0)
    throw std::runtime_error(std::string{what} + ": " + ::mdb_strerror(code));
}

} // namespace

std::uint64_t fields::number(std::size_t bytes) {
  std::uint64_t result = 0;
  for (auto c : take(bytes))
    result = result << 8 | static_cast<unsigned char>(c);
  return result;
}

double fields::real() {
  return std::bit_cast<double>(number(8));
}

std::string_view fields::take(std::size_t bytes) {
  if (bytes > left_.size())
    throw std::runtime_error(std::string{"too short: "} + what_);
  auto result = left_.substr(0, bytes);
  left_.remove_prefix(bytes);
  return result;
}

void fields::end() const {
  if (!left_.empty())
    throw std::runtime_error(std::string{"bytes left over: "} + what_);
}

lmdb_reader::lmdb_reader(const std::filesystem::path& directory) {
  check(::mdb_env_create(&env_), "mdb_env_create");
  ::mdb_env_set_maxdbs(env_, 64);
  check(::mdb_env_open(env_, directory.c_str(), MDB_RDONLY | MDB_NOLOCK, 0),
        directory.c_str());
  check(::mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn_), "mdb_txn_begin");
}

lmdb_reader::~lmdb_reader() {
  if (txn_ != nullptr)
    ::mdb_txn_abort(txn_);
  ::mdb_env_close(env_);
}

void lmdb_reader::for_each(const char* table, const use_record& use) {
  MDB_dbi dbi = 0;
  check(::mdb_dbi_open(txn_, table, 0, &dbi), table);
  MDB_cursor* cursor = nullptr;
  check(::mdb_cursor_open(txn_, dbi, &cursor), table);
  MDB_val key{};
  MDB_val value{};
  auto code = ::mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  for (; code == 0; code = ::mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
    use({static_cast<const char*>(key.mv_data), key.mv_size},
        {static_cast<const char*>(value.mv_data), value.mv_size});
  ::mdb_cursor_close(cursor);
  if (code != MDB_NOTFOUND)
    check(code, table);
}

std::uint64_t lmdb_reader::entries(const char* table) {
  MDB_dbi dbi = 0;
  MDB_stat stat{};
  check(::mdb_dbi_open(txn_, table, 0, &dbi), table);
  check(::mdb_stat(txn_, dbi, &stat), table);
  return stat.ms_entries;
}

} // namespace weir::chaos
