// The aggregate of a sliding run of events, or of panes, at constant cost per step, by
// two stacks (Tangwongsan, Hirzel, Schneider: "In-order sliding-window aggregation",
// 2017): the older part as aggregates of its ends, the newer part as one running
// aggregate.
#pragma once

#include "analytics/open_window.hpp"
#include "analytics/window_operator.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace weir::analytics {

/// Folds the next item, in order of time, into a running aggregate.
inline void fold(open_window& into, const keyed_event& next) {
  into.begin_or_add(next.time_ns, next.value);
}
inline void fold(open_window& into, const open_window& next) {
  if (into.count == 0)
    into = next;
  else
    into.merge(next);
}

template <class Item>
class sliding_aggregate {
public:
  void push(const Item& item) {
    fold(newer_, item);
    items_.push_back(item);
  }

  /// Drops the oldest. @pre not empty
  void pop() {
    if (older_.empty())
      turn(size());
    older_.pop_back();
    ++head_;
  }

  /// @pre not empty
  open_window whole() const {
    if (older_.empty())
      return newer_;
    auto result = older_.back();
    if (newer_.count != 0)
      result.merge(newer_);
    return result;
  }

  void clear() {
    items_.clear();
    older_.clear();
    head_ = 0;
    newer_ = open_window{};
  }

  /// How many items are in the older part. Sums are rounded along the parts: who
  /// restores an aggregate gives this to split(), and gets the same bits.
  std::size_t older_size() const {
    return older_.size();
  }
  void split(std::size_t older) {
    turn(std::min(older, size()));
  }

  bool empty() const {
    return head_ == items_.size();
  }
  std::size_t size() const {
    return items_.size() - head_;
  }
  const Item& front() const {
    return items_[head_];
  }
  const Item& back() const {
    return items_.back();
  }
  const Item* begin() const {
    return items_.data() + head_;
  }
  const Item* end() const {
    return items_.data() + items_.size();
  }
  std::size_t size_bytes() const {
    return items_.capacity() * sizeof(Item) + older_.capacity() * sizeof(open_window);
  }

private:
  /// Makes the first `older` items the older part.
  void turn(std::size_t older) {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
    older_.clear();
    open_window sum;
    for (auto i = older; i-- > 0;) {
      open_window one;
      fold(one, items_[i]);
      // Older before newer, so that first and last of equal times come out right.
      if (sum.count != 0)
        one.merge(sum);
      sum = one;
      older_.push_back(sum);
    }
    newer_ = open_window{};
    for (auto i = older; i < items_.size(); ++i)
      fold(newer_, items_[i]);
  }

  std::vector<Item> items_;
  std::size_t head_ = 0;
  std::vector<open_window> older_; // Aggregates of [i, middle); the oldest is last.
  open_window newer_;              // Of [middle, end).
};

} // namespace weir::analytics
