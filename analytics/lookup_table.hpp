// What is known of a device beside its events (place, customer, limits), by key: an
// immutable table of text and numbers. Pure data; configs/device_table reads it from
// files.
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace weir::analytics {

struct lookup_limits {
  std::size_t rows_max = 100'000;
  std::size_t columns_max = 64; ///< Beside the key.
  std::size_t cell_bytes_max = 1024;
};

/// A column of numbers is one whose every cell is empty or reads as a finite number
/// (blanks around it are passed over).
enum class column_type : std::uint8_t { number, text };

struct lookup_column {
  std::string name;
  column_type type = column_type::text;

  bool operator==(const lookup_column&) const = default;
};

/// An empty cell holds nothing, whatever the column.
using lookup_cell = std::variant<std::monostate, double, std::string_view>;

/// Made by lookup_table_builder. Any thread may ask; views live as long as the table.
class lookup_table {
public:
  lookup_table() = default;
  lookup_table(lookup_table&&) = default;
  lookup_table& operator=(lookup_table&&) = default;
  lookup_table(const lookup_table&) = delete; // The index points into the cells.
  lookup_table& operator=(const lookup_table&) = delete;

  /// The row of `key`, if there is one. Keys are compared byte by byte.
  std::optional<std::size_t> find(std::string_view key) const;

  /// The column of this name, if there is one. The key is not among the columns.
  std::optional<std::size_t> find_column(std::string_view name) const;

  /// Nothing, too, where there is no such row or column.
  lookup_cell cell(std::size_t row, std::size_t column) const;

  /// The cell as it was written, for labels: "007" stays "007" in a column of numbers.
  std::string_view text(std::size_t row, std::size_t column) const;

  /// @pre row < rows()
  std::string_view key(std::size_t row) const;

  std::size_t rows() const {
    return index_.size();
  }
  const std::string& key_name() const {
    return key_name_;
  }
  const std::vector<lookup_column>& columns() const {
    return columns_;
  }

private:
  friend class lookup_table_builder;

  std::string_view stored(std::size_t cell) const;

  std::string key_name_;
  std::vector<lookup_column> columns_;
  std::vector<char> bytes_;        // All cells, row by row, the key first in each.
  std::vector<std::uint32_t> end_; // Of each cell in bytes_.
  std::vector<double> numbers_;    // As the cells without keys; NaN: none.
  std::unordered_map<std::string_view, std::uint32_t> index_;
};

/// Takes the rows of a file one after another, then gives the table. Errors name the
/// line and the column. After an error the builder is of no more use.
class lookup_table_builder {
public:
  /// `names` are the columns in the order of the cells to come, the key among them.
  static expected<lookup_table_builder, std::string>
  start(const std::vector<std::string>& names, const std::string& key_name,
        const lookup_limits& limits = {});

  /// `line` is for messages: where the row stands.
  expected<void, std::string> add_row(std::size_t line,
                                      const std::vector<std::string>& cells);

  /// The table; the builder is empty then.
  expected<lookup_table, std::string> finish();

private:
  lookup_table_builder() = default;

  expected<void, std::string> add_cell(std::size_t line, const std::string& name,
                                       std::string_view text);
  expected<void, std::string> make_index();
  void find_numbers();

  lookup_limits limits_;
  std::vector<std::string> names_;
  std::size_t key_position_ = 0;
  std::vector<std::size_t> lines_; // Of the rows.
  lookup_table table_;
};

} // namespace weir::analytics
