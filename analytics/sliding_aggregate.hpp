// The aggregate of a sliding run of events at constant cost per event, by two stacks
// (Tangwongsan, Hirzel, Schneider: "In-order sliding-window aggregation", 2017): the
// older half as aggregates of its ends, the newer half as one running aggregate.
#pragma once

#include "analytics/open_window.hpp"
#include "analytics/window_operator.hpp"

#include <cstddef>
#include <vector>

namespace weir::analytics {

class sliding_aggregate {
public:
  void push(const keyed_event& event) {
    newer_.begin_or_add(event.time_ns, event.value);
    events_.push_back(event);
  }

  /// Drops the oldest. @pre not empty
  void pop();

  /// @pre not empty
  open_window whole() const;

  bool empty() const {
    return head_ == events_.size();
  }
  std::size_t size() const {
    return events_.size() - head_;
  }
  const keyed_event& front() const {
    return events_[head_];
  }
  const keyed_event& back() const {
    return events_.back();
  }
  const keyed_event* begin() const {
    return events_.data() + head_;
  }
  const keyed_event* end() const {
    return events_.data() + events_.size();
  }
  std::size_t size_bytes() const {
    return events_.capacity() * sizeof(keyed_event)
           + older_.capacity() * sizeof(open_window);
  }

private:
  void turn();

  std::vector<keyed_event> events_;
  std::size_t head_ = 0;
  std::vector<open_window> older_; // Aggregates of [i, middle); the oldest is last.
  open_window newer_;              // Of [middle, end).
};

} // namespace weir::analytics
