#include "cli/export_format.hpp"

#include "cli/time_text.hpp"
#include "cli/window_columns.hpp"
#include "transport/influx_lines.hpp"

#include <nlohmann/json.hpp>

namespace weir::cli {

namespace {

constexpr std::int64_t ms_ns = 1'000'000;

void append_csv_text(std::string& out, std::string_view text) {
  out += '"';
  for (auto c : text) {
    if (c == '"')
      out += '"';
    out += c;
  }
  out += '"';
}

} // namespace

void append_rfc3339_ns(std::string& out, std::int64_t time_ns) {
  auto rest_ns = time_ns % ms_ns;
  if (rest_ns < 0)
    rest_ns += ms_ns;
  append_iso_ms(out, time_ns - rest_ns);
  out.pop_back(); // The Z.
  auto digits = std::to_string(rest_ns);
  out.append(6 - digits.size(), '0').append(digits);
  while (out.back() == '0')
    out.pop_back();
  if (out.back() == '.')
    out.pop_back();
  out += 'Z';
}

void export_format::append_header(std::string& out) const {
  if (options_.format != file_format::csv)
    return;
  out += "series,start,width_ns";
  for (const auto& x : options_.columns)
    out.append(",").append(x);
  out += '\n';
}

expected<void, std::string> export_format::begin(const std::string& canonical) {
  head_.clear();
  switch (options_.format) {
  case file_format::csv:
    append_csv_text(head_, canonical);
    head_ += ',';
    return {};
  case file_format::ndjson:
    head_ = R"({"series":)" + nlohmann::json(canonical).dump() + R"(,"start":)";
    return {};
  case file_format::influx:
    break;
  }
  auto name = analytics::parse_series(canonical);
  if (!name)
    return unexpected("the name of series " + canonical + " cannot be read");
  return begin_influx(*name);
}

expected<void, std::string>
export_format::begin_influx(const analytics::series_name& name) {
  auto is_lost = [](const std::string& text) {
    return text.find_first_of("\r\n") != text.npos
           || (!text.empty() && text.back() == '\\');
  };
  bool lost = is_lost(name.source) || name.metric.front() == '#';
  transport::append_influx_measurement(head_, name.metric);
  auto append_tag = [&](std::string_view key, const std::string& value) {
    if (value.empty())
      return; // As if it were not there: the protocol has no empty tags.
    lost = lost || is_lost(value);
    head_ += ',';
    transport::append_influx_tag(head_, key);
    head_ += '=';
    transport::append_influx_tag(head_, value);
  };
  append_tag(options_.source_tag, name.source);
  for (const auto& [key, value] : name.dimensions) {
    if (key == options_.source_tag)
      return unexpected("the series " + name.metric + " of " + name.source
                        + " has a dimension " + key
                        + ": name another tag for the source with --source-tag");
    append_tag(key, value);
  }
  if (lost)
    return unexpected(
      "the line protocol cannot hold the names of " + name.metric + " of " + name.source
      + " (a line break, or a backslash at the end): export it as CSV or "
        "ndjson");
  head_ += ' ';
  return {};
}

void export_format::append(std::string& out, const analytics::summary& window) const {
  out += head_;
  if (options_.format == file_format::influx) {
    out += "width_ns=" + std::to_string(window.width_ns) + "i";
    for (const auto& x : options_.columns) {
      auto value = column_of(window, x);
      out.append(",").append(x).append("=").append(to_text(value));
      if (std::holds_alternative<std::int64_t>(value))
        out += 'i';
    }
    out.append(" ").append(std::to_string(window.start_ns)).append("\n");
    return;
  }
  bool is_json = options_.format == file_format::ndjson;
  if (options_.unix_times) {
    out += std::to_string(window.start_ns);
  } else {
    out += is_json ? "\"" : "";
    append_rfc3339_ns(out, window.start_ns);
    out += is_json ? "\"" : "";
  }
  out += (is_json ? ",\"width_ns\":" : ",") + std::to_string(window.width_ns);
  for (const auto& x : options_.columns) {
    out += is_json ? ",\"" + x + "\":" : ",";
    out += to_text(column_of(window, x));
  }
  out += is_json ? "}\n" : "\n";
}

} // namespace weir::cli
