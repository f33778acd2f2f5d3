#include "tests/chaos/store_reader.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <stdexcept>
#include <string_view>

#include <lmdb.h>

namespace weir::chaos {

namespace {

void check(int code, const char* what) {
  if (code != 0)
    throw std::runtime_error(std::string{what} + ": " + ::mdb_strerror(code));
}

/// Big-endian fields from the front of some bytes.
class fields {
public:
  fields(std::string_view bytes, const char* what) : left_(bytes), what_(what) {
  }

  std::uint64_t number(std::size_t bytes) {
    std::uint64_t result = 0;
    for (auto c : take(bytes))
      result = result << 8 | static_cast<unsigned char>(c);
    return result;
  }
  std::int64_t time() {
    return static_cast<std::int64_t>(number(8));
  }
  std::int64_t biased() {
    return static_cast<std::int64_t>(number(8) ^ std::uint64_t{1} << 63);
  }
  double real() {
    return std::bit_cast<double>(number(8));
  }
  std::string text() {
    return std::string{take(number(4))};
  }
  std::string_view take(std::size_t bytes) {
    if (bytes > left_.size())
      throw std::runtime_error(std::string{"too short: "} + what_);
    auto result = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return result;
  }
  std::size_t left() const {
    return left_.size();
  }
  void end() const {
    if (!left_.empty())
      throw std::runtime_error(std::string{"bytes left over: "} + what_);
  }

private:
  std::string_view left_;
  const char* what_;
};

class database {
public:
  explicit database(const std::filesystem::path& directory) {
    check(::mdb_env_create(&env_), "mdb_env_create");
    ::mdb_env_set_maxdbs(env_, 64);
    check(::mdb_env_open(env_, directory.c_str(), MDB_RDONLY | MDB_NOLOCK, 0),
          directory.c_str());
    check(::mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn_), "mdb_txn_begin");
  }
  ~database() {
    if (txn_ != nullptr)
      ::mdb_txn_abort(txn_);
    ::mdb_env_close(env_);
  }
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  using use_record = std::function<void(std::string_view key, std::string_view value)>;

  void for_each(const char* table, const use_record& use) {
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

  std::uint64_t entries(const char* table) {
    MDB_dbi dbi = 0;
    MDB_stat stat{};
    check(::mdb_dbi_open(txn_, table, 0, &dbi), table);
    check(::mdb_stat(txn_, dbi, &stat), table);
    return stat.ms_entries;
  }

private:
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
};

struct part {
  std::uint64_t count;
  double sum;
  double min;
  double max;
  bool early;
};

part take_part(fields& in, std::uint64_t version) {
  part result{};
  in.number(4); // revision
  in.number(4); // late_count
  result.count = in.number(8);
  result.sum = in.real();
  result.min = in.real();
  result.max = in.real();
  in.take(4 * 8); // mean, m2, first, last
  in.take(2 * 8); // first_time, last_time
  if (version >= 2) {
    result.early = in.number(1) != 0;
    in.text(); // extended
  }
  return result;
}

read_window take_window(std::string_view key, std::string_view value) {
  fields id{key, "key of a summary"};
  read_window result;
  result.series = static_cast<std::uint32_t>(id.number(4));
  result.width_ns = id.biased();
  result.start_ns = id.biased();
  id.end();
  fields in{value, "a summary"};
  auto version = in.number(1);
  if (version < 1 || version > 2)
    throw std::runtime_error("a summary of version " + std::to_string(version));
  in.take(8 + 4); // epoch, run
  auto first = take_part(in, version);
  result.count = first.count;
  result.sum = first.sum;
  result.min = first.min;
  result.max = first.max;
  result.early = first.early;
  if (in.left() > 0) {
    auto rest = take_part(in, version);
    result.count += rest.count;
    result.sum += rest.sum;
    result.min = std::min(result.min, rest.min);
    result.max = std::max(result.max, rest.max);
  }
  in.end();
  return result;
}

read_position take_position(std::string_view key, std::string_view value) {
  fields id{key, "key of a position"};
  read_position result;
  result.edge = id.take(key.size() - std::min<std::size_t>(8, key.size()));
  result.epoch = id.number(8);
  fields in{value, "a position"};
  in.number(1);
  result.through_seq = in.number(8);
  return result;
}

} // namespace

read_store read_whole_store(const std::filesystem::path& directory) {
  database from{directory};
  read_store result;
  from.for_each("series", [&](auto key, auto value) {
    fields id{key, "key of a series"};
    fields in{value, "a series"};
    in.number(1);
    auto& x = result.series[static_cast<std::uint32_t>(id.number(4))];
    x.edge = in.text();
    x.canonical = in.text();
    in.end();
  });
  from.for_each("summaries", [&](auto key, auto value) {
    result.windows.push_back(take_window(key, value));
  });
  from.for_each("positions", [&](auto key, auto value) {
    result.positions.push_back(take_position(key, value));
  });
  result.quarantined = from.entries("quarantine");
  return result;
}

std::uint64_t count_outbox_blocks(const std::filesystem::path& directory) {
  return database{directory}.entries("blocks");
}

} // namespace weir::chaos
