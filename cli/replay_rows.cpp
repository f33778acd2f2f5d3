#include "cli/replay_rows.hpp"

#include "transport/timestamp.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weir::cli {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

std::optional<double> to_number(std::string_view text) {
  if (text.starts_with('+'))
    text.remove_prefix(1);
  double value = 0.0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()
      || !std::isfinite(value))
    return std::nullopt;
  return value;
}

} // namespace

expected<replay_rows, std::string>
replay_rows::open(std::istream& in, const replay_columns& columns, char separator) {
  replay_rows result{transport::csv_reader{in, separator}, columns};
  auto how = result.reader_.next(result.header_);
  if (how == transport::csv_reader::result::error)
    return unexpected(result.reader_.error());
  if (how == transport::csv_reader::result::end)
    return unexpected(std::string{"the file is empty; a header line is needed"});
  auto time = result.index_of(columns.time);
  if (!time)
    return unexpected(time.error());
  result.time_ = *time;
  if (!columns.source_column.empty()) {
    auto source = result.index_of(columns.source_column);
    if (!source)
      return unexpected(source.error());
    result.source_ = *source;
  }
  if (!columns.arrival.empty()) {
    auto arrival = result.index_of(columns.arrival);
    if (!arrival)
      return unexpected(arrival.error());
    result.arrival_ = *arrival;
  }
  auto find_all = [&](const std::vector<std::string>& names,
                      std::vector<std::size_t>& out) -> std::string {
    for (const auto& name : names) {
      auto index = result.index_of(name);
      if (!index)
        return index.error();
      out.push_back(*index);
    }
    return {};
  };
  if (auto error = find_all(columns.values, result.values_); !error.empty())
    return unexpected(error);
  if (auto error = find_all(columns.dimensions, result.dimensions_); !error.empty())
    return unexpected(error);
  return result;
}

expected<std::size_t, std::string>
replay_rows::index_of(const std::string& name) const {
  auto found = std::find(header_.begin(), header_.end(), name);
  if (found != header_.end())
    return static_cast<std::size_t>(found - header_.begin());
  std::string all;
  for (const auto& one : header_)
    all += (all.empty() ? "" : ", ") + one;
  return unexpected("there is no column \"" + name + "\"; the header has " + all);
}

expected<std::optional<replay_row>, std::string> replay_rows::next() {
  replay_row row;
  auto is_there = next(row);
  if (!is_there)
    return unexpected(std::move(is_there.error()));
  return *is_there ? std::optional{std::move(row)} : std::nullopt;
}

expected<bool, std::string> replay_rows::next(replay_row& row) {
  bad_row_ = false;
  auto how = reader_.next(fields_);
  if (how == transport::csv_reader::result::end)
    return false;
  if (how == transport::csv_reader::result::error)
    return unexpected(reader_.error());
  return read_row(row);
}

tl::unexpected<std::string> replay_rows::row_error(const std::string& column,
                                                   const std::string& what) {
  bad_row_ = true;
  return unexpected("line " + std::to_string(reader_.line())
                    + (column.empty() ? "" : ", column " + column) + ": " + what);
}

expected<std::int64_t, std::string> replay_rows::read_time(std::size_t index,
                                                           const std::string& column) {
  auto time = transport::time_from_text(trimmed(fields_[index]),
                                        transport::time_unit::automatic);
  if (!time)
    return row_error(column,
                     "\"" + fields_[index] + "\" is no time (ISO 8601 or a Unix time)");
  return *time;
}

expected<bool, std::string> replay_rows::read_row(replay_row& row) {
  if (fields_.size() != header_.size())
    return row_error({}, std::to_string(fields_.size()) + " fields, but the header has "
                           + std::to_string(header_.size()));
  auto time = read_time(time_, columns_.time);
  if (!time)
    return unexpected(std::move(time.error()));
  row.time_ns = *time;
  if (arrival_) {
    auto arrival = read_time(*arrival_, columns_.arrival);
    if (!arrival)
      return unexpected(std::move(arrival.error()));
    row.arrival_ns = *arrival;
  }
  row.source = source_ ? fields_[*source_] : columns_.source;
  if (row.source.empty())
    return row_error(columns_.source_column, "the source is empty");
  row.dimensions.resize(dimensions_.size());
  for (std::size_t i = 0; i < dimensions_.size(); ++i)
    row.dimensions[i] = fields_[dimensions_[i]];
  row.values.clear();
  for (std::size_t i = 0; i < values_.size(); ++i) {
    auto text = trimmed(fields_[values_[i]]);
    if (text.empty()) {
      empty_values_ += 1;
      continue;
    }
    auto value = to_number(text);
    if (!value)
      return row_error(columns_.values[i],
                       "\"" + std::string{text} + "\" is no finite number");
    row.values.push_back({i, *value});
  }
  return true;
}

} // namespace weir::cli
