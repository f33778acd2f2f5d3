// A config file as a tree of values that know their line, and a strict reader for it:
// every key is asked for with its kind and range, and what nobody asked for is an
// error. All errors of a file are collected, so that one look mends them all.
#pragma once

#include "analytics/expected.hpp"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::configs {

struct config_value;
using config_members = std::map<std::string, config_value>;
using config_items = std::vector<config_value>;

struct config_value {
  std::variant<std::monostate, bool, std::int64_t, double, std::string,
               std::shared_ptr<config_items>, std::shared_ptr<config_members>>
    data;
  int line = 0;
};

/// Reads TOML. The error is one line: file, line, column, what is wrong.
expected<config_value, std::string> parse_toml(const std::filesystem::path& file);
expected<config_value, std::string> parse_toml(std::string_view text,
                                               const std::string& name);

/// Whether both say the same; where they stand does not matter.
bool is_same(const config_value& a, const config_value& b);

/// What was wrong in one file; a line each, ready to print:
/// `edge.toml:12: window.width_ms: found "ten", accepted: a whole number from 1 ...`
using config_errors = std::vector<std::string>;

/// Reads one table. Every getter returns the default when the key is not there, and
/// notes an error (and returns the default) when it does not fit.
class table_reader {
public:
  /// `path` is the table's name in messages ("" for the root).
  table_reader(const config_value& table, std::string file, std::string path,
               config_errors& errors);

  std::string text(const std::string& key, std::string fallback);
  /// A text that must be there and not be empty.
  std::string required_text(const std::string& key);
  std::string one_of(const std::string& key, std::string fallback,
                     const std::vector<std::string>& accepted);
  bool boolean(const std::string& key, bool fallback);
  std::int64_t integer(const std::string& key, std::int64_t fallback, std::int64_t min,
                       std::int64_t max);
  double number(const std::string& key, double fallback, double min, double max);
  std::optional<double> optional_number(const std::string& key);
  std::vector<std::string> texts(const std::string& key,
                                 std::vector<std::string> fallback);

  /// A table inside; an empty one if the key is not there.
  table_reader table(const std::string& key);
  bool has(const std::string& key) const;

  /// [[key]]: the tables of an array.
  std::vector<table_reader> tables(const std::string& key);

  /// Notes an error at `key` (or at the table, where the key is not there).
  void fail(const std::string& key, const std::string& found,
            const std::string& accepted);

  /// Notes an error at `key` that is a sentence of its own.
  void complain(const std::string& key, const std::string& sentence);

  /// Of a key that earlier versions had: an error that names where it is now.
  void moved(const std::string& key, const std::string& new_place);

  /// Somebody else reads this key.
  void pass_over(const std::string& key);

  /// Notes every key that nobody asked for. Call once, at the end.
  void finish();

  /// Of the table, for errors that are found later; 0: there is none.
  int line() const {
    return table_->line;
  }
  const std::string& path() const {
    return path_;
  }

private:
  const config_value* find(const std::string& key);
  std::string full_name(const std::string& key) const;

  const config_value* table_;
  std::string file_;
  std::string path_;
  config_errors* errors_;
  std::set<std::string> known_;
};

} // namespace weir::configs
