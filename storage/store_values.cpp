#include "storage/store_values.hpp"

#include "storage/big_endian.hpp"
#include "storage/store_value_io.hpp"

#include <bit>

namespace weir::storage {

namespace {

// Version 1 had parts without `early` and `extended`; version 2 had no versions that
// wait for what comes before them.
constexpr std::uint8_t window_value_version = 3;
constexpr std::uint8_t has_parts = 1;
constexpr std::uint8_t has_earlier = 2;
constexpr std::uint8_t is_early = 1;
constexpr std::uint8_t is_correction = 2;

// revision, late, count, 7 doubles, 2 times, marks, size of `extended`.
constexpr std::size_t part_bytes = 4 + 4 + 8 + 7 * 8 + 2 * 8 + 1 + 4;

/// Appends big-endian numbers at a place that has room for them.
class number_writer {
public:
  explicit number_writer(char* to) : to_(to) {
  }
  template <class T>
  void put(T x) {
    store_be(to_, x);
    to_ += sizeof(T);
  }
  void put_time(std::int64_t x) {
    put(static_cast<std::uint64_t>(x));
  }
  void put_double(double x) {
    put(std::bit_cast<std::uint64_t>(x));
  }

private:
  char* to_;
};

/// One growth for all fields: this is most of what a commit encodes.
void put_summary(std::string& out, const analytics::summary& x) {
  auto size = out.size();
  out.resize(size + part_bytes);
  auto to = number_writer{out.data() + size};
  to.put(x.revision);
  to.put(x.late_count);
  to.put(x.count);
  for (double field : {x.sum, x.min, x.max, x.mean, x.m2, x.first, x.last})
    to.put_double(field);
  to.put_time(x.first_ns);
  to.put_time(x.last_ns);
  to.put(static_cast<std::uint8_t>((x.early ? is_early : 0)
                                   | (x.correction ? is_correction : 0)));
  to.put(static_cast<std::uint32_t>(x.extended.size()));
  out.append(x.extended);
}

analytics::summary take_summary(byte_reader& in, const window_key& key,
                                std::uint8_t version) {
  analytics::summary x;
  x.series = key.series;
  x.start_ns = key.start_ns;
  x.width_ns = key.width_ns;
  x.revision = in.take<std::uint32_t>();
  x.late_count = in.take<std::uint32_t>();
  x.count = in.take<std::uint64_t>();
  for (double* field : {&x.sum, &x.min, &x.max, &x.mean, &x.m2, &x.first, &x.last})
    *field = in.take_double();
  x.first_ns = in.take_time();
  x.last_ns = in.take_time();
  if (version == 1)
    return x;
  auto marks = in.take<std::uint8_t>();
  if (marks > (is_early | is_correction))
    malformed("a summary");
  x.early = (marks & is_early) != 0;
  x.correction = (marks & is_correction) != 0;
  x.extended = in.take_text();
  return x;
}

} // namespace

std::string to_key(const window_key& key) {
  auto out = std::string(window_key_bytes, '\0');
  write_key(out.data(), key);
  return out;
}

void write_key(char* to, const window_key& key) {
  store_be(to, key.series);
  store_be(to + 4, biased(key.width_ns));
  store_be(to + 12, biased(key.start_ns));
}

window_key to_window_key(std::string_view key) {
  auto in = read_key(key, window_key_bytes, "a summary's key");
  auto series = in.take<std::uint32_t>();
  auto width_ns = unbiased(in.take<std::uint64_t>());
  auto start_ns = unbiased(in.take<std::uint64_t>());
  if (width_ns <= 0 || width_ns > width_ns_max || start_ns < start_ns_min
      || start_ns > start_ns_max)
    malformed("a summary's key");
  return {series, width_ns, start_ns};
}

std::string to_value(const stored_window& window) {
  auto out = new_value(window_value_version);
  std::uint8_t holds = 0;
  if (window.parts)
    holds = window.parts->earlier ? has_parts | has_earlier : has_parts;
  put_be(out, holds);
  if (window.parts) {
    out.reserve(128 + window.parts->current.extended.size());
    put_be(out, window.parts->epoch);
    put_be(out, window.parts->run);
    put_summary(out, window.parts->current);
    if (window.parts->earlier)
      put_summary(out, *window.parts->earlier);
  }
  for (const auto& x : window.ahead) {
    put_be(out, x.epoch);
    put_be(out, x.run);
    put_be(out, x.seq);
    put_summary(out, x.value);
  }
  return out;
}

void write_first_version(std::string& out, const version_origin& origin,
                         const analytics::summary& x) {
  out.clear();
  put_be(out, window_value_version);
  put_be(out, origin.in_lane ? std::uint8_t{0} : has_parts);
  put_be(out, origin.epoch);
  put_be(out, origin.run);
  if (origin.in_lane)
    put_be(out, origin.seq);
  put_summary(out, x);
}

stored_window to_window(const window_key& key, std::string_view value) {
  auto in = byte_reader{value};
  auto version = take_version(in, "a summary", window_value_version);
  stored_window window;
  auto holds = version < 3 ? has_parts : in.take<std::uint8_t>();
  if (holds == has_earlier || holds > (has_parts | has_earlier))
    malformed("a summary");
  if ((holds & has_parts) != 0) {
    auto& parts = window.parts.emplace();
    parts.epoch = in.take<std::uint64_t>();
    parts.run = in.take<std::uint32_t>();
    parts.current = take_summary(in, key, version);
    if (version < 3 ? !in.rest().empty() : (holds & has_earlier) != 0)
      parts.earlier = take_summary(in, key, version);
  }
  while (version >= 3 && in.ok() && !in.rest().empty()) {
    auto& x = window.ahead.emplace_back();
    x.epoch = in.take<std::uint64_t>();
    x.run = in.take<std::uint32_t>();
    x.seq = in.take<std::uint64_t>();
    x.value = take_summary(in, key, version);
  }
  check_complete(in, "a summary");
  if (!window.parts && window.ahead.empty())
    malformed("a summary");
  return window;
}

std::string series_key(stored_series_id id) {
  std::string out;
  put_be(out, id);
  return out;
}

std::string to_value(const stored_series& series) {
  auto out = new_value();
  put_text(out, series.edge);
  put_text(out, series.text);
  return out;
}

std::string to_tail(const stored_series& series) {
  auto out = new_value();
  put_time(out, series.width_ns);
  put_time(out, series.last_start_ns);
  return out;
}

stored_series to_series(std::string_view key, std::string_view value) {
  stored_series series;
  series.id = read_key(key, 4, "a series' key").take<std::uint32_t>();
  auto in = read_value(value, "a series");
  series.edge = in.take_text();
  series.text = in.take_text();
  check_complete(in, "a series");
  return series;
}

void read_tail(stored_series& series, std::string_view value) {
  auto in = read_value(value, "a series' newest window");
  series.width_ns = in.take_time();
  series.last_start_ns = in.take_time();
  check_complete(in, "a series' newest window");
}

std::string to_key(const anomaly_key& key) {
  std::string out;
  put_be(out, biased(key.time_ns));
  put_be(out, key.series);
  put_be(out, key.number);
  return out;
}

std::string to_series_key(const anomaly_key& key) {
  std::string out;
  put_be(out, key.series);
  put_be(out, biased(key.time_ns));
  put_be(out, key.number);
  return out;
}

anomaly_key to_anomaly_key(std::string_view key) {
  auto in = read_key(key, 20, "an anomaly's key");
  auto time = in.take<std::uint64_t>();
  auto series = in.take<std::uint32_t>();
  return {unbiased(time), series, in.take<std::uint64_t>()};
}

anomaly_key to_anomaly_series_key(std::string_view key) {
  auto in = read_key(key, 20, "an anomaly's key by series");
  auto series = in.take<std::uint32_t>();
  auto time = in.take<std::uint64_t>();
  return {unbiased(time), series, in.take<std::uint64_t>()};
}

std::string to_value(const analytics::anomaly& x) {
  auto out = new_value();
  for (double field : {x.value, x.expected, x.deviation, x.score})
    put_double(out, field);
  put_enum(out, x.severity);
  put_text(out, x.model);
  return out;
}

analytics::anomaly to_anomaly(const anomaly_key& key, std::string_view value) {
  auto in = read_value(value, "an anomaly");
  analytics::anomaly x;
  x.series = key.series;
  x.time_ns = key.time_ns;
  for (double* field : {&x.value, &x.expected, &x.deviation, &x.score})
    *field = in.take_double();
  x.severity = take_enum(in, analytics::severity::critical, "an anomaly");
  x.model = in.take_text();
  check_complete(in, "an anomaly");
  return x;
}

std::string alert_key(std::string_view edge, std::string_view id) {
  std::string out;
  put_be(out, static_cast<std::uint8_t>(edge.size()));
  out.append(edge).append(id);
  return out;
}

std::string alert_time_key(std::int64_t updated_ns, std::string_view key) {
  std::string out;
  put_be(out, biased(updated_ns));
  out.append(key);
  return out;
}

std::string to_value(const stored_alert& alert) {
  const auto& x = alert.value;
  auto out = new_value();
  put_enum(out, x.state);
  put_enum(out, x.severity);
  put_time(out, x.start_ns);
  put_time(out, x.updated_ns);
  put_double(out, x.value);
  put_double(out, x.limit);
  for (const auto* text : {&alert.edge, &alert.series_text, &x.id, &x.rule, &x.message})
    put_text(out, *text);
  return out;
}

stored_alert to_alert(std::string_view value) {
  auto in = read_value(value, "an alert");
  stored_alert alert;
  auto& x = alert.value;
  x.state = take_enum(in, analytics::alert_state::resolved, "an alert");
  x.severity = take_enum(in, analytics::severity::critical, "an alert");
  x.start_ns = in.take_time();
  x.updated_ns = in.take_time();
  x.value = in.take_double();
  x.limit = in.take_double();
  for (auto* text : {&alert.edge, &alert.series_text, &x.id, &x.rule, &x.message})
    *text = in.take_text();
  check_complete(in, "an alert");
  return alert;
}

std::string number_key(std::uint64_t number) {
  std::string out;
  put_be(out, number);
  return out;
}

std::string to_value(const stored_rejection& rejection) {
  const auto& x = rejection.value;
  auto out = new_value();
  put_time(out, x.time_ns);
  put_enum(out, x.reason);
  for (const auto* text : {&rejection.edge, &x.source, &x.detail, &x.first_bytes})
    put_text(out, *text);
  return out;
}

stored_rejection to_rejection(std::string_view value) {
  auto in = read_value(value, "a rejection");
  stored_rejection rejection;
  auto& x = rejection.value;
  x.time_ns = in.take_time();
  x.reason = take_enum(in, analytics::reject_reason::late, "a rejection");
  for (auto* text : {&rejection.edge, &x.source, &x.detail, &x.first_bytes})
    *text = in.take_text();
  check_complete(in, "a rejection");
  return rejection;
}

} // namespace weir::storage
