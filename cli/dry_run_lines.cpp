#include "cli/dry_run_lines.hpp"

#include "cli/event_encoder.hpp"
#include "cli/time_text.hpp"
#include "transport/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace weir::cli {

namespace {

using analytics::aggregate_kind;
using analytics::extended_aggregates;

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::size_t bytes_shown = 80;

/// Empty where it is undefined.
std::string number(double x, bool exact) {
  if (!std::isfinite(x))
    return {};
  std::array<char, 32> text{};
  if (!exact) {
    auto size = std::snprintf(text.data(), text.size(), "%.6g", x);
    return {text.data(), static_cast<std::size_t>(size)};
  }
  auto end = std::to_chars(text.data(), text.data() + text.size(), x).ptr;
  return {text.data(), end};
}

std::optional<extended_aggregates> decode(const analytics::summary& x) {
  if (x.extended.empty())
    return std::nullopt;
  auto decoded = extended_aggregates::decode(x.extended);
  return decoded ? std::optional{std::move(*decoded)} : std::nullopt;
}

std::vector<analytics::top_value> top_of(const std::optional<extended_aggregates>& from,
                                         const analytics::aggregate_spec& spec) {
  const auto* values = from ? from->top(spec.name) : nullptr;
  return values == nullptr ? std::vector<analytics::top_value>{} : values->top(spec.k);
}

/// Why this is not the one result of its window.
std::string note_of(const analytics::summary& x) {
  std::string result;
  if (x.early)
    result += "early  ";
  if (x.correction)
    result += "correction  ";
  if (x.late_count > 0)
    result += std::to_string(x.late_count) + " late  ";
  return result;
}

// -- JSON ----------------------------------------------------------------------------

class json_line {
public:
  explicit json_line(std::string& out, std::string_view kind) : out_(out) {
    out_ += R"({"kind":)";
    append_json_text(out_, kind);
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    append_json_text(out_, value);
  }
  void time(std::string_view name, std::int64_t time_ns) {
    text(name, report_time(time_ns));
  }
  void real(std::string_view name, double value) {
    key(name);
    auto shown = number(value, true);
    out_ += shown.empty() ? "null" : shown;
  }
  void whole(std::string_view name, std::uint64_t value) {
    key(name);
    out_ += std::to_string(value);
  }
  void span_ms(std::string_view name, std::int64_t span_ns) {
    if (span_ns % ms_ns == 0) {
      key(name);
      out_ += std::to_string(span_ns / ms_ns);
    } else {
      real(name, static_cast<double>(span_ns) / 1e6);
    }
  }
  void flag(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
  }
  void key(std::string_view name) {
    out_ += ',';
    append_json_text(out_, name);
    out_ += ':';
  }
  void end() {
    out_ += "}\n";
  }

private:
  std::string& out_;
};

void append_top_json(std::string& out, const std::vector<analytics::top_value>& top) {
  out += '[';
  for (const auto& x : top) {
    out += out.back() == '[' ? R"({"value":)" : R"(,{"value":)";
    append_json_text(out, x.text);
    out += R"(,"count":)" + number(x.weight, true);
    if (x.error > 0.0)
      out += R"(,"at_least":)" + number(x.weight - x.error, true);
    out += '}';
  }
  out += ']';
}

void append_aggregates_json(std::string& out, const analytics::summary& x,
                            const analytics::view_config& view) {
  auto extended = decode(x);
  out += '{';
  for (const auto& spec : view.aggregates.specs) {
    out += out.back() == '{' ? "" : ",";
    append_json_text(out, spec.text);
    out += ':';
    if (spec.kind == aggregate_kind::top) {
      append_top_json(out, top_of(extended, spec));
      continue;
    }
    auto shown = number(value_of(x, extended ? &*extended : nullptr, spec), true);
    out += shown.empty() ? "null" : shown;
  }
  out += '}';
}

/// Any bytes as text that JSON can hold.
std::string printable(std::string_view bytes) {
  std::string result;
  transport::append_quoted(result, bytes, bytes_shown);
  return result.substr(1, result.size() - 2);
}

std::string aggregates_text(const analytics::summary& x,
                            const analytics::view_config& view, bool exact) {
  std::string result;
  auto extended = decode(x);
  for (const auto& spec : view.aggregates.specs) {
    result += (result.empty() ? "" : "  ") + spec.text + "=";
    if (spec.kind != aggregate_kind::top) {
      auto shown = number(value_of(x, extended ? &*extended : nullptr, spec), exact);
      result += shown.empty() ? "-" : shown;
      continue;
    }
    auto top = top_of(extended, spec);
    for (const auto& one : top)
      result
        += (&one == top.data() ? "" : ",") + one.text + ":" + number(one.weight, exact);
    result += top.empty() ? "-" : "";
  }
  return result;
}

// -- columns -------------------------------------------------------------------------

void append_padded(std::string& out, std::string_view text, std::size_t width,
                   bool right) {
  std::string fill(width > text.size() ? width - text.size() : 0, ' ');
  out += right ? fill : std::string{};
  out += text;
  out += right ? std::string{} : fill;
  out += "  ";
}

/// Control characters, which could steer a terminal, as '?'.
void append_safe(std::string& out, std::string_view text) {
  for (auto c : text)
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
}

void append_csv_field(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (auto c : text) {
    out += c;
    if (c == '"')
      out += '"';
  }
  out += '"';
}

} // namespace

std::string report_time(std::int64_t time_ns) {
  if (time_ns % ms_ns == 0)
    return iso_ms(time_ns);
  auto result = iso_ms(time_ns);
  auto below_ms = time_ns % ms_ns;
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%06d",
                static_cast<int>(below_ms < 0 ? below_ms + ms_ns : below_ms));
  result.insert(result.size() - 1, digits.data());
  return result;
}

std::string report_span(std::int64_t span_ns) {
  constexpr std::array<std::pair<std::int64_t, const char*>, 3> units{
    {{86'400'000 * ms_ns, "d"}, {3'600'000 * ms_ns, "h"}, {60'000 * ms_ns, "m"}}};
  std::string result;
  auto rest = span_ns;
  for (const auto& [unit_ns, name] : units) {
    if (rest >= unit_ns)
      result += std::to_string(rest / unit_ns) + name;
    rest %= unit_ns;
  }
  if (rest != 0 || result.empty())
    result += number(static_cast<double>(rest) / 1e9, false) + "s";
  return result;
}

void append_table_title(std::string& out) {
  append_table_row(out, {"KIND", "TIME", "WIDTH", "COUNT", "MEAN", "MIN", "MAX", "LAST",
                         "SERIES", ""});
}

void append_table_row(std::string& out, const report_row& row) {
  constexpr std::size_t kind_width = 8;
  constexpr std::size_t time_width = 24;
  constexpr std::size_t span_width = 6;
  constexpr std::size_t number_width = 10;
  append_padded(out, row.kind, kind_width, false);
  if (row.time.empty()) { // A rejection has none of the columns.
    append_safe(out, row.more);
    out += '\n';
    return;
  }
  append_padded(out, row.time, time_width, false);
  append_padded(out, row.width, span_width, true);
  append_padded(out, row.count, kind_width, true);
  for (const auto* x : {&row.mean, &row.min, &row.max, &row.last})
    append_padded(out, *x, number_width, true);
  append_safe(out, row.series);
  out += row.more.empty() || row.series.empty() ? "" : "  ";
  append_safe(out, row.more);
  out.erase(out.find_last_not_of(' ') + 1);
  out += '\n';
}

void append_csv_title(std::string& out) {
  out += "kind,time,width,count,mean,min,max,last,series,more\n";
}

void append_csv_row(std::string& out, const report_row& row) {
  out += row.kind;
  for (const auto* x :
       {&row.time, &row.width, &row.count, &row.mean, &row.min, &row.max, &row.last}) {
    out += ',';
    out += *x;
  }
  out += ',';
  append_csv_field(out, row.series);
  out += ',';
  append_csv_field(out, row.more);
  out += '\n';
}

report_row window_row(const analytics::summary& x, std::string_view series,
                      const analytics::view_config* view, bool exact) {
  auto more = note_of(x) + (view == nullptr ? "" : aggregates_text(x, *view, exact));
  return {"window",
          report_time(x.start_ns),
          exact ? number(static_cast<double>(x.width_ns) / 1e9, true)
                : report_span(x.width_ns),
          std::to_string(x.count),
          number(x.mean, exact),
          number(x.min, exact),
          number(x.max, exact),
          number(x.last, exact),
          series,
          more.substr(0, more.find_last_not_of(' ') + 1)};
}

report_row late_row(const analytics::late_events& x, std::string_view series,
                    bool exact) {
  return {"late", report_time(x.time_ns),
          {},     std::to_string(x.count),
          {},     {},
          {},     number(x.value, exact),
          series, report_span(x.behind_ns) + " behind the watermark"};
}

report_row anomaly_row(const analytics::anomaly& x, std::string_view series,
                       bool exact) {
  return {"anomaly",
          report_time(x.time_ns),
          {},
          {},
          {},
          {},
          {},
          number(x.value, exact),
          series,
          std::string{to_string(x.severity)} + "  expected " + number(x.expected, exact)
            + "  score " + number(x.score, exact)};
}

report_row alert_row(const analytics::alert& x, std::string_view series, bool exact) {
  return {"alert",
          report_time(x.updated_ns),
          {},
          {},
          {},
          {},
          {},
          number(x.value, exact),
          series,
          x.rule + "  " + std::string{to_string(x.state)} + "  "
            + std::string{to_string(x.severity)} + "  " + x.message};
}

report_row rejected_row(analytics::reject_reason reason, std::string_view detail,
                        std::string_view bytes) {
  auto more = std::string{to_string(reason)} + "  " + std::string{detail};
  if (!bytes.empty()) {
    more += "  ";
    transport::append_quoted(more, bytes, bytes_shown);
  }
  return {"rejected", {}, {}, {}, {}, {}, {}, {}, {}, std::move(more)};
}

void append_window_json(std::string& out, const analytics::summary& x,
                        std::string_view series, const analytics::view_config* view) {
  json_line line{out, "window"};
  line.time("start", x.start_ns);
  line.time("end", x.start_ns + x.width_ns);
  line.span_ms("width_ms", x.width_ns);
  line.text("series", series);
  if (view != nullptr && !view->name.empty())
    line.text("view", view->name);
  line.whole("count", x.count);
  line.real("sum", x.sum);
  line.real("mean", x.mean);
  line.real("min", x.min);
  line.real("max", x.max);
  line.real("first", x.first);
  line.real("last", x.last);
  line.real("stddev", std::sqrt(x.variance()));
  line.whole("late", x.late_count);
  line.whole("revision", x.revision);
  line.flag("early", x.early);
  line.flag("correction", x.correction);
  if (view != nullptr && !view->aggregates.specs.empty()) {
    line.key("aggregates");
    append_aggregates_json(out, x, *view);
  }
  line.end();
}

void append_late_json(std::string& out, const analytics::late_events& x,
                      std::string_view series) {
  json_line line{out, "late"};
  line.time("time", x.time_ns);
  line.text("series", series);
  line.real("value", x.value);
  line.span_ms("behind_ms", x.behind_ns);
  line.whole("count", x.count);
  line.end();
}

void append_anomaly_json(std::string& out, const analytics::anomaly& x,
                         std::string_view series) {
  json_line line{out, "anomaly"};
  line.time("time", x.time_ns);
  line.text("series", series);
  line.real("value", x.value);
  line.real("expected", x.expected);
  line.real("deviation", x.deviation);
  line.real("score", x.score);
  line.text("severity", to_string(x.severity));
  line.text("model", x.model);
  line.end();
}

void append_alert_json(std::string& out, const analytics::alert& x,
                       std::string_view series) {
  json_line line{out, "alert"};
  line.time("time", x.updated_ns);
  line.time("since", x.start_ns);
  line.text("series", series);
  line.text("rule", x.rule);
  line.text("id", x.id);
  line.text("state", to_string(x.state));
  line.text("severity", to_string(x.severity));
  line.real("value", x.value);
  line.real("limit", x.limit);
  line.text("message", x.message);
  line.end();
}

void append_rejected_json(std::string& out, analytics::reject_reason reason,
                          std::string_view detail, std::string_view bytes) {
  json_line line{out, "rejected"};
  line.text("reason", to_string(reason));
  line.text("detail", detail);
  line.text("first_bytes", printable(bytes));
  line.end();
}

} // namespace weir::cli
