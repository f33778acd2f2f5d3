#include "analytics/ewma_detector.hpp"

#include <algorithm>
#include <cmath>

namespace weir::analytics {

namespace {

constexpr double mad_to_sigma = 1.2533141373155;

severity severity_of(double multiple_of_threshold) {
  if (multiple_of_threshold >= 4.0)
    return severity::critical;
  if (multiple_of_threshold >= 2.0)
    return severity::high;
  if (multiple_of_threshold >= 1.4)
    return severity::medium;
  return severity::low;
}

} // namespace

ewma_detector::verdict ewma_detector::add(const ewma_config& config, double value) {
  verdict result;
  if (count_ == 0) {
    level_ = value;
    count_ = 1;
    return result;
  }
  auto residual = value - level_;
  auto floor
    = std::max(config.spread_min, config.spread_min_relative * std::abs(level_));
  auto sigma = std::max(mad_to_sigma * spread_, floor);
  auto weight = 2.0 / (config.memory_events + 1.0);
  if (count_ < config.warmup_events) {
    // A plain running mean at first: the level must not hang on the first value.
    weight = std::max(weight, 1.0 / static_cast<double>(count_ + 1));
    ++count_;
    // Clipping needs a spread to clip by; a few events make a first one.
    if (count_ > 10)
      residual
        = std::clamp(residual, -config.clip * 2.0 * sigma, config.clip * 2.0 * sigma);
    level_ += weight * residual;
    spread_ += weight * (std::abs(residual) - spread_);
    return result;
  }
  result.expected = level_;
  result.deviation = residual / sigma;
  auto clipped = std::clamp(residual, -config.clip * sigma, config.clip * sigma);
  level_ += weight * clipped;
  spread_ += weight * (std::abs(clipped) - spread_);

  auto multiple = std::abs(result.deviation) / config.threshold;
  if (multiple >= 1.0) {
    result.severity = severity_of(multiple);
    calm_ = 0;
    if (!in_excursion_)
      result.what = change::began;
    else if (result.severity > worst_)
      result.what = change::rose;
    if (result.what != change::none)
      worst_ = result.severity;
    in_excursion_ = true;
  } else if (in_excursion_ && multiple < 0.5) {
    if (++calm_ >= config.calm_events) {
      in_excursion_ = false;
      calm_ = 0;
      result.what = change::ended;
    }
  } else {
    calm_ = 0;
  }
  result.in_excursion = in_excursion_;
  if (in_excursion_)
    result.severity = std::max(result.severity, worst_);
  return result;
}

double ewma_detector::score(const ewma_config& config, double deviation) {
  return 1.0 - std::exp2(-std::abs(deviation) / config.threshold);
}

ewma_detector::image ewma_detector::save() const {
  return {level_,
          spread_,
          count_,
          calm_,
          static_cast<std::uint8_t>(in_excursion_),
          static_cast<std::uint8_t>(worst_)};
}

ewma_detector ewma_detector::load(const image& from) {
  ewma_detector result;
  result.level_ = from.level;
  result.spread_ = from.spread;
  result.count_ = from.count;
  result.calm_ = from.calm;
  result.in_excursion_ = from.in_excursion != 0;
  result.worst_ = static_cast<severity>(std::min<std::uint8_t>(from.worst, 3));
  return result;
}

} // namespace weir::analytics
