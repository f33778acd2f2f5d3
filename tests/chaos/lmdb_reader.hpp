// LMDB tables and big-endian fields, read with lmdb.h and none of the product's code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

struct MDB_env;
struct MDB_txn;

namespace weir::chaos {

/// Big-endian fields from the front of some bytes; see "Notation" in storage/FORMAT.md.
/// Throws std::runtime_error with `what` where bytes are missing or left over.
class fields {
public:
  fields(std::string_view bytes, const char* what) : left_(bytes), what_(what) {
  }

  std::uint64_t number(std::size_t bytes);
  std::int64_t time() {
    return static_cast<std::int64_t>(number(8));
  }
  std::int64_t biased() {
    return static_cast<std::int64_t>(number(8) ^ std::uint64_t{1} << 63);
  }
  double real();
  std::string text() {
    return std::string{take(number(4))};
  }
  std::string_view take(std::size_t bytes);
  std::size_t left() const {
    return left_.size();
  }
  void end() const;

private:
  std::string_view left_;
  const char* what_;
};

/// One transaction that sees the database as it was at the start. Nothing may write
/// meanwhile. Throws std::runtime_error.
class lmdb_reader {
public:
  explicit lmdb_reader(const std::filesystem::path& directory);
  ~lmdb_reader();
  lmdb_reader(const lmdb_reader&) = delete;
  lmdb_reader& operator=(const lmdb_reader&) = delete;

  using use_record = std::function<void(std::string_view key, std::string_view value)>;
  /// In order of the keys.
  void for_each(const char* table, const use_record& use);
  std::uint64_t entries(const char* table);

private:
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
};

} // namespace weir::chaos
