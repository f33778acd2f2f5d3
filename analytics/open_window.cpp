#include "analytics/open_window.hpp"

namespace weir::analytics {

summary open_window::close(std::int64_t width_ns) const {
  auto n = static_cast<double>(count);
  auto mean_shifted = sum_shifted / n;
  summary result;
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

} // namespace weir::analytics
