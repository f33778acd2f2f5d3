#include "analytics/sliding_aggregate.hpp"

namespace weir::analytics {

void sliding_aggregate::turn() {
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
  open_window sum;
  for (auto i = events_.size(); i-- > 0;) {
    open_window one;
    one.begin(events_[i].time_ns, events_[i].value);
    // Older before newer, so that first and last of equal times come out right.
    if (sum.count != 0)
      one.merge(sum);
    sum = one;
    older_.push_back(sum);
  }
  newer_ = open_window{};
}

void sliding_aggregate::pop() {
  if (older_.empty())
    turn();
  older_.pop_back();
  ++head_;
}

open_window sliding_aggregate::whole() const {
  if (older_.empty())
    return newer_;
  auto result = older_.back();
  if (newer_.count != 0)
    result.merge(newer_);
  return result;
}

} // namespace weir::analytics
