#include "analytics/reorder_buffer.hpp"

#include <algorithm>

namespace weir::analytics {

void reorder_buffer::push(const keyed_event& event) {
  if (empty() || events_.back().time_ns <= event.time_ns) {
    events_.push_back(event);
    return;
  }
  auto before
    = [](std::int64_t time_ns, const keyed_event& x) { return time_ns < x.time_ns; };
  auto begin = events_.begin() + static_cast<std::ptrdiff_t>(head_);
  events_.insert(std::upper_bound(begin, events_.end(), event.time_ns, before), event);
}

void reorder_buffer::pop() {
  if (++head_ == events_.size()) {
    events_.clear();
    head_ = 0;
  } else if (head_ >= 32 && head_ * 2 >= events_.size()) {
    events_.erase(events_.begin(),
                  events_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void reorder_queue::save(byte_writer& out) const {
  out.put(released_until_ns_);
  out.put(static_cast<std::uint64_t>(pending_.size()));
  put_array(out.bytes(), pending_.begin(), pending_.size());
}

} // namespace weir::analytics
