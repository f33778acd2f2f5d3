#include "analytics/lookup_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace weir::analytics {

namespace {

/// Cells are addressed with 32 bits.
constexpr std::size_t bytes_max = std::numeric_limits<std::uint32_t>::max();

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<double> to_number(std::string_view text) {
  text = trimmed(text);
  // from_chars takes no plus, but would take the minus behind one.
  if (text.size() > 1 && text[0] == '+' && text[1] != '-')
    text.remove_prefix(1);
  double value = 0.0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()
      || !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// Short enough for a message, whatever stands in the file.
std::string quoted(std::string_view text) {
  constexpr std::size_t shown_max = 64;
  auto shown = text.substr(0, shown_max);
  return "\"" + std::string{shown} + (shown.size() < text.size() ? "...\"" : "\"");
}

std::string place(std::size_t line, const std::string& column) {
  return "line " + std::to_string(line) + ", column " + quoted(column) + ": ";
}

/// The first few, so that a message stays one line.
std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t names_shown_max = 8;
  std::string result;
  for (std::size_t i = 0; i < std::min(names.size(), names_shown_max); ++i)
    result += (i == 0 ? "" : ", ") + quoted(names[i]);
  return result + (names.size() > names_shown_max ? ", ..." : "");
}

} // namespace

std::string_view lookup_table::stored(std::size_t cell) const {
  std::size_t begin = cell == 0 ? 0 : end_[cell - 1];
  return {bytes_.data() + begin, end_[cell] - begin};
}

std::optional<std::size_t> lookup_table::find(std::string_view key) const {
  auto pos = index_.find(key);
  return pos == index_.end() ? std::nullopt : std::optional<std::size_t>{pos->second};
}

std::optional<std::size_t> lookup_table::find_column(std::string_view name) const {
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (columns_[i].name == name)
      return i;
  return std::nullopt;
}

lookup_cell lookup_table::cell(std::size_t row, std::size_t column) const {
  auto written = text(row, column);
  if (written.empty())
    return {};
  if (columns_[column].type == column_type::text)
    return written;
  auto number = numbers_[row * columns_.size() + column];
  return std::isnan(number) ? lookup_cell{} : lookup_cell{number};
}

std::string_view lookup_table::text(std::size_t row, std::size_t column) const {
  if (row >= rows() || column >= columns_.size())
    return {};
  return stored(row * (columns_.size() + 1) + column + 1);
}

std::string_view lookup_table::key(std::size_t row) const {
  return stored(row * (columns_.size() + 1));
}

expected<lookup_table_builder, std::string>
lookup_table_builder::start(const std::vector<std::string>& names,
                            const std::string& key_name, const lookup_limits& limits) {
  lookup_table_builder result;
  result.limits_ = limits;
  auto key = std::find(names.begin(), names.end(), key_name);
  if (key == names.end())
    return unexpected("column " + quoted(key_name) + ", the key, is missing; found "
                      + joined(names));
  if (names.size() > limits.columns_max + 1)
    return unexpected("found " + std::to_string(names.size() - 1)
                      + " columns beside the key, accepted: at most "
                      + std::to_string(limits.columns_max));
  result.names_ = names;
  result.key_position_ = static_cast<std::size_t>(key - names.begin());
  result.table_.key_name_ = key_name;
  for (auto pos = names.begin(); pos != names.end(); ++pos) {
    if (pos->empty() || pos->size() > limits.cell_bytes_max)
      return unexpected("column " + std::to_string(pos - names.begin() + 1)
                        + ": found a name of " + std::to_string(pos->size())
                        + " bytes, accepted: 1 to "
                        + std::to_string(limits.cell_bytes_max));
    if (std::find(names.begin(), pos, *pos) != pos)
      return unexpected("column " + quoted(*pos)
                        + " occurs twice, accepted: each name once");
    if (pos != key)
      result.table_.columns_.push_back({*pos, column_type::number});
  }
  return result;
}

expected<void, std::string>
lookup_table_builder::add_row(std::size_t line, const std::vector<std::string>& cells) {
  if (cells.size() != names_.size())
    return unexpected("line " + std::to_string(line) + ": found "
                      + std::to_string(cells.size()) + " cells, accepted: "
                      + std::to_string(names_.size()) + ", as the header has: "
                      + (cells.size() < names_.size()
                           ? "column " + quoted(names_[cells.size()]) + " is missing"
                           : "there is more behind column " + quoted(names_.back())));
  if (lines_.size() == limits_.rows_max)
    return unexpected(place(line, table_.key_name_)
                      + "found more rows, accepted: at most "
                      + std::to_string(limits_.rows_max));
  if (trimmed(cells[key_position_]).empty())
    return unexpected(place(line, table_.key_name_)
                      + "found an empty key, accepted: a text");
  if (auto added = add_cell(line, names_[key_position_], cells[key_position_]); !added)
    return added;
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (i != key_position_)
      if (auto added = add_cell(line, names_[i], cells[i]); !added)
        return added;
  lines_.push_back(line);
  return {};
}

expected<void, std::string> lookup_table_builder::add_cell(std::size_t line,
                                                           const std::string& name,
                                                           std::string_view text) {
  if (text.size() > limits_.cell_bytes_max)
    return unexpected(place(line, name) + "found " + std::to_string(text.size())
                      + " bytes, accepted: at most "
                      + std::to_string(limits_.cell_bytes_max));
  auto& bytes = table_.bytes_;
  if (text.size() > bytes_max - bytes.size())
    return unexpected(place(line, name)
                      + "all cells together have more than 4 GiB, accepted: less");
  bytes.insert(bytes.end(), text.begin(), text.end());
  table_.end_.push_back(static_cast<std::uint32_t>(bytes.size()));
  return {};
}

expected<lookup_table, std::string> lookup_table_builder::finish() {
  table_.bytes_.shrink_to_fit();
  table_.end_.shrink_to_fit();
  if (auto made = make_index(); !made)
    return unexpected(made.error());
  find_numbers();
  return std::move(table_);
}

expected<void, std::string> lookup_table_builder::make_index() {
  // Not before the last row: until then the bytes may move.
  table_.index_.reserve(lines_.size());
  for (std::size_t row = 0; row < lines_.size(); ++row) {
    auto key = table_.key(row);
    auto [pos, is_new] = table_.index_.emplace(key, static_cast<std::uint32_t>(row));
    if (!is_new)
      return unexpected(place(lines_[row], table_.key_name_) + "found " + quoted(key)
                        + " again (first on line " + std::to_string(lines_[pos->second])
                        + "), accepted: each key once");
  }
  return {};
}

void lookup_table_builder::find_numbers() {
  auto& columns = table_.columns_;
  table_.numbers_.assign(lines_.size() * columns.size(), no_number);
  for (std::size_t row = 0; row < lines_.size(); ++row)
    for (std::size_t i = 0; i < columns.size(); ++i) {
      auto text = trimmed(table_.text(row, i));
      if (columns[i].type == column_type::text || text.empty())
        continue;
      if (auto number = to_number(text))
        table_.numbers_[row * columns.size() + i] = *number;
      else
        columns[i].type = column_type::text;
    }
}

} // namespace weir::analytics
