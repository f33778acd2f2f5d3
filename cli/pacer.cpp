#include "cli/pacer.hpp"

#include <algorithm>
#include <cmath>

namespace weir::cli {

std::int64_t pacer::due_ns(std::int64_t time_ns) const {
  auto elapsed_ns = time_ns - start_ns_;
  auto wait_ns = elapsed_ns;
  if (speed_ == 0.0)
    wait_ns = 0;
  else if (speed_ != 1.0)
    wait_ns = std::llround(static_cast<double>(elapsed_ns) / speed_);
  auto due_ns = wall_start_ns_ + wait_ns;
  return join_present_ ? std::max(due_ns, time_ns) : due_ns;
}

} // namespace weir::cli
