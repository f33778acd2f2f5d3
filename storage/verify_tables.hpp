// INTERNAL: what verify knows of the store's tables: where a key stands, and whether a
// value can be read. One row for each table of FORMAT.md; a table without a row is
// counted, and its pages are checked.
#pragma once

#include "storage/verify.hpp"

#include <string_view>

namespace weir::storage {

struct table_rule {
  std::string_view table;
  /// Of any bytes; what cannot be told is left empty.
  key_meaning (*meaning)(std::string_view key) = nullptr;
  /// Throws `failure` for what no reader of the table can read.
  void (*check)(std::string_view key, std::string_view value) = nullptr;
};

/// Null: no row.
const table_rule* find_table_rule(std::string_view table);

/// Tables that must have as many entries as others together: an index and what it
/// indexes.
struct table_balance {
  std::string_view table;
  std::vector<std::string_view> parts;
};
const std::vector<table_balance>& table_balances();

} // namespace weir::storage
