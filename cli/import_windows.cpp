#include "cli/import_windows.hpp"

#include "transport/utf8.hpp"

#include <cmath>
#include <utility>

namespace weir::cli {

namespace {

// Of the store: the years 1897 to 2116, and a year for the width.
constexpr std::int64_t time_ns_min = -(std::int64_t{1} << 61);
constexpr std::int64_t time_ns_max = std::int64_t{1} << 62;
constexpr std::int64_t width_ns_max = std::int64_t{1} << 55;

std::optional<std::string> wrong_time(std::int64_t time_ns) {
  if (time_ns >= time_ns_min && time_ns <= time_ns_max)
    return std::nullopt;
  return "the time lies outside the years 1897 to 2116: is its unit right?";
}

std::optional<std::string> wrong_window(const analytics::summary& x) {
  if (auto wrong = wrong_time(x.start_ns))
    return wrong;
  if (x.width_ns <= 0 || x.width_ns > width_ns_max)
    return "a window's width is above 0 and at most a year, in nanoseconds";
  if (x.count == 0)
    return "a window has a count of at least 1";
  for (auto value : {x.sum, x.min, x.max, x.mean, x.m2, x.first, x.last})
    if (!std::isfinite(value))
      return "a window's values are finite numbers";
  if (x.min > x.max || x.m2 < 0.0)
    return "a window's min is at most its max, and its m2 is not negative";
  return std::nullopt;
}

analytics::summary window_of(std::int64_t start_ns, std::int64_t width_ns,
                             std::int64_t time_ns, double value) {
  analytics::summary x;
  x.start_ns = start_ns;
  x.width_ns = width_ns;
  x.count = 1;
  x.sum = x.min = x.max = x.mean = x.first = x.last = value;
  x.first_ns = x.last_ns = time_ns;
  return x;
}

} // namespace

import_windows::import_windows(const window_cut& cut, block_sink sink)
  : cut_(cut), sink_(std::move(sink)) {
}

expected<import_windows::known_series*, std::string>
import_windows::find(const std::string& canonical) {
  auto found = ids_.find(canonical);
  if (found != ids_.end())
    return &series_[found->second];
  if (canonical.size() > name_bytes_max)
    return unexpected(std::string{"the series' name has more than 4096 bytes"});
  if (!transport::is_utf8(canonical))
    return unexpected(std::string{"the series' name is not UTF-8"});
  if (series_.size() >= series_max)
    return unexpected(std::string{"there are more than 1,000,000 series: import the "
                                  "file in parts"});
  auto [place, is_new] = ids_.emplace(canonical, series_.size());
  series_.push_back({&place->first, {}, {}, 0, 0});
  return &series_.back();
}

std::int64_t import_windows::start_of(std::int64_t time_ns) const {
  if (cut_.for_each_sample)
    return time_ns;
  auto rest = time_ns % cut_.width_ns;
  return time_ns - (rest < 0 ? rest + cut_.width_ns : rest);
}

expected<void, std::string>
import_windows::add_sample(const analytics::series_view& series, std::int64_t time_ns,
                           double value) {
  if (stopped_)
    return {};
  if (series.metric.empty())
    return unexpected(std::string{"there is no metric"});
  if (!std::isfinite(value))
    return unexpected(std::string{"the value is not a finite number"});
  if (auto wrong = wrong_time(time_ns))
    return unexpected(std::move(*wrong));
  canonical_.clear();
  analytics::append_canonical(canonical_, series);
  auto known = find(canonical_);
  if (!known)
    return unexpected(std::move(known.error()));
  auto& x = **known;
  auto window = window_of(start_of(time_ns), cut_.width_ns, time_ns, value);
  if (x.open && x.open->start_ns == window.start_ns) {
    merge(*x.open, window);
    return {};
  }
  close(x);
  x.open = std::move(window);
  return {};
}

expected<void, std::string> import_windows::add_window(std::string_view series,
                                                       analytics::summary window) {
  if (stopped_)
    return {};
  if (auto wrong = wrong_window(window))
    return unexpected(std::move(*wrong));
  canonical_ = series;
  if (ids_.find(canonical_) == ids_.end()) {
    auto name = analytics::parse_series(series);
    if (!name || name->metric.empty())
      return unexpected("this is no name of a series, such as temperature{source=\"a\"}"
                        + (name ? std::string{} : ": " + name.error()));
    std::vector<analytics::dimension> dimensions;
    for (const auto& [key, value] : name->dimensions)
      dimensions.push_back({key, value});
    canonical_.clear();
    analytics::append_canonical(canonical_, {name->metric, name->source, dimensions});
  }
  auto known = find(canonical_);
  if (!known)
    return unexpected(std::move(known.error()));
  send(**known, std::move(window));
  return {};
}

void import_windows::close(known_series& series) {
  if (!series.open)
    return;
  auto window = std::move(*series.open);
  series.open.reset();
  auto& sent = series.sent_start_ns;
  window.correction = sent && window.start_ns <= *sent;
  if (!sent || window.start_ns > *sent)
    sent = window.start_ns;
  send(series, std::move(window));
}

void import_windows::send(known_series& series, analytics::summary window) {
  if (stopped_)
    return;
  if (series.in_block != block_number_) {
    series.in_block = block_number_;
    series.index = static_cast<analytics::series_id>(block_.series.size());
    block_.series.push_back(*series.text);
    name_bytes_ += series.text->size();
  }
  window.series = series.index;
  block_.summaries.push_back(std::move(window));
  if (block_.summaries.size() >= block_windows_max
      || name_bytes_ >= block_name_bytes_max)
    send_block();
}

void import_windows::send_block() {
  if (block_.summaries.empty() || stopped_)
    return;
  auto block = std::exchange(block_, {});
  name_bytes_ = 0;
  ++block_number_;
  auto first_seq = next_seq_;
  next_seq_ += block.summaries.size();
  stopped_ = !sink_(first_seq, block);
}

void import_windows::finish() {
  for (auto& x : series_)
    close(x);
  send_block();
}

} // namespace weir::cli
