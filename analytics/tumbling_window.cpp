#include "analytics/tumbling_window.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics {

std::int64_t floor_to_multiple(std::int64_t time_ns, std::int64_t width_ns) {
  auto remainder = time_ns % width_ns;
  return time_ns - (remainder < 0 ? remainder + width_ns : remainder);
}

void open_window::add(std::int64_t time_ns, double value) {
  if (count == 0) {
    shift = min = max = first = last = value;
    first_ns = last_ns = time_ns;
    count = 1;
    return;
  }
  ++count;
  auto shifted = value - shift;
  sum_shifted += shifted;
  sum_shifted_squares += shifted * shifted;
  min = std::min(min, value);
  max = std::max(max, value);
  if (time_ns >= last_ns) {
    last_ns = time_ns;
    last = value;
  } else if (time_ns < first_ns) {
    first_ns = time_ns;
    first = value;
  }
}

summary open_window::close(series_id series, std::int64_t width_ns) const {
  auto n = static_cast<double>(count);
  auto mean_shifted = sum_shifted / n;
  summary result;
  result.series = series;
  result.start_ns = start_ns;
  result.width_ns = width_ns;
  result.count = count;
  result.sum = shift * n + sum_shifted;
  result.min = min;
  result.max = max;
  // Rounding must not carry the mean outside of what was seen.
  result.mean = std::clamp(shift + mean_shifted, min, max);
  result.m2 = std::max(0.0, sum_shifted_squares - mean_shifted * sum_shifted);
  result.first = first;
  result.last = last;
  result.first_ns = first_ns;
  result.last_ns = last_ns;
  return result;
}

bool tumbling_window::add(const window_config& config, series_id series,
                          std::int64_t time_ns, double value,
                          std::vector<summary>& closed) {
  auto offset_ns = time_ns - newest_.start_ns;
  if (newest_.count > 0 && offset_ns >= 0 && offset_ns < config.width_ns) {
    newest_.add(time_ns, value);
    time_max_ns_ = std::max(time_max_ns_, time_ns);
    if (older_)
      close_older(config, series, time_max_ns_ - config.out_of_orderness_ns, closed);
    return true;
  }
  auto start_ns = floor_to_multiple(time_ns, config.width_ns);
  if (closed_until_ns_ != never && start_ns < closed_until_ns_) {
    ++late_count_;
    return false;
  }
  if (newest_.count > 0 && start_ns < newest_.start_ns)
    return add_older(config, start_ns, time_ns, value);
  time_max_ns_ = std::max(time_max_ns_, time_ns);
  if (newest_.count > 0) {
    auto watermark_ns = time_max_ns_ - config.out_of_orderness_ns;
    if (older_)
      close_older(config, series, watermark_ns, closed);
    if (newest_.start_ns + config.width_ns <= watermark_ns) {
      emit(config, series, newest_, closed);
    } else {
      if (!older_)
        older_ = std::make_unique<std::vector<open_window>>();
      older_->push_back(newest_);
    }
  }
  newest_ = open_window{};
  newest_.start_ns = start_ns;
  newest_.add(time_ns, value);
  return true;
}

bool tumbling_window::add_older(const window_config& config, std::int64_t start_ns,
                                std::int64_t time_ns, double value) {
  // Not closed yet, but behind the watermark: it would be closed at once.
  if (start_ns + config.width_ns <= time_max_ns_ - config.out_of_orderness_ns) {
    ++late_count_;
    return false;
  }
  if (!older_)
    older_ = std::make_unique<std::vector<open_window>>();
  auto by_start
    = [](const open_window& x, std::int64_t start) { return x.start_ns < start; };
  auto pos = std::lower_bound(older_->begin(), older_->end(), start_ns, by_start);
  if (pos == older_->end() || pos->start_ns != start_ns) {
    pos = older_->insert(pos, open_window{});
    pos->start_ns = start_ns;
  }
  pos->add(time_ns, value);
  return true;
}

void tumbling_window::emit(const window_config& config, series_id series,
                           const open_window& window, std::vector<summary>& closed) {
  auto result = window.close(series, config.width_ns);
  result.late_count = std::exchange(late_count_, 0);
  closed.push_back(result);
  closed_until_ns_ = std::max(closed_until_ns_, window.start_ns + config.width_ns);
}

void tumbling_window::close_older(const window_config& config, series_id series,
                                  std::int64_t watermark_ns,
                                  std::vector<summary>& closed) {
  auto pos = older_->begin();
  for (; pos != older_->end() && pos->start_ns + config.width_ns <= watermark_ns; ++pos)
    emit(config, series, *pos, closed);
  older_->erase(older_->begin(), pos);
  if (older_->empty())
    older_.reset();
}

void tumbling_window::flush(const window_config& config, series_id series,
                            std::vector<summary>& closed) {
  if (older_)
    close_older(config, series, INT64_MAX, closed);
  if (newest_.count > 0)
    emit(config, series, newest_, closed);
  newest_ = open_window{};
}

tumbling_window::image tumbling_window::save() const {
  image result{{}, closed_until_ns_, time_max_ns_, late_count_};
  if (older_)
    result.open = *older_;
  if (newest_.count > 0)
    result.open.push_back(newest_);
  return result;
}

tumbling_window tumbling_window::load(const image& from) {
  tumbling_window result;
  result.closed_until_ns_ = from.closed_until_ns;
  result.time_max_ns_ = from.time_max_ns;
  result.late_count_ = from.late_count;
  if (from.open.empty())
    return result;
  result.newest_ = from.open.back();
  if (from.open.size() > 1)
    result.older_ = std::make_unique<std::vector<open_window>>(from.open.begin(),
                                                               from.open.end() - 1);
  return result;
}

} // namespace weir::analytics
