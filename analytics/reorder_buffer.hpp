// Events of one key, put in order of time: they wait until no earlier one is expected.
#pragma once

#include "analytics/byte_io.hpp"
#include "analytics/snapshot_io.hpp"
#include "analytics/window_operator.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::analytics {

/// Events in order of time, first in, first out. At most `ordered_events_max` wait.
class reorder_buffer {
public:
  void push(const keyed_event& event);
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
  void pop();
  const keyed_event* begin() const {
    return events_.data() + head_;
  }
  const keyed_event* end() const {
    return events_.data() + events_.size();
  }
  std::size_t size_bytes() const {
    return events_.capacity() * sizeof(keyed_event);
  }
  [[gnu::always_inline]] void prefetch() const {
    __builtin_prefetch(events_.data() + head_, 0);
    __builtin_prefetch(events_.data() + events_.size(), 1);
  }

private:
  std::vector<keyed_event> events_;
  std::size_t head_ = 0;
};

/// A key's reorder buffer and each sliding window hold at most this many events; then
/// the oldest go on early, or leave the window, counted in window_counters::forced.
inline constexpr std::size_t ordered_events_max = 100'000;

/// A reorder buffer that knows how far it has let events through.
class reorder_queue {
public:
  enum class taken { yes, late, forced };

  /// Takes an event, unless an instant at or after it has been let through. `forced`:
  /// taken, but the buffer is full now and release(front) is due.
  taken push(const keyed_event& event) {
    if (event.time_ns < released_until_ns_)
      return taken::late;
    pending_.push(event);
    return pending_.size() > ordered_events_max ? taken::forced : taken::yes;
  }

  /// Lets everything before `until_ns` through, in order: calls f(event) for each.
  template <class F>
  void release(std::int64_t until_ns, F&& f) {
    if (until_ns <= released_until_ns_)
      return;
    released_until_ns_ = until_ns;
    while (!pending_.empty() && pending_.front().time_ns < until_ns) {
      auto event = pending_.front();
      pending_.pop();
      f(event);
    }
  }
  /// One more than the time of the oldest, or the newest. @pre not empty()
  std::int64_t past_oldest_ns() const {
    return pending_.front().time_ns + 1;
  }
  std::int64_t past_newest_ns() const {
    return pending_.back().time_ns + 1;
  }

  bool empty() const {
    return pending_.empty();
  }
  [[gnu::always_inline]] void prefetch() const {
    pending_.prefetch();
  }
  std::int64_t released_until_ns() const {
    return released_until_ns_;
  }
  std::size_t size_bytes() const {
    return pending_.size_bytes();
  }
  void save(byte_writer& out) const;
  /// `f` makes of each saved event the one to take.
  template <class F>
  void load(byte_reader& in, F&& f) {
    released_until_ns_ = in.get<std::int64_t>();
    auto events = get_counted<keyed_event>(in);
    for (std::size_t i = 0; i < events.size(); ++i)
      pending_.push(f(events[i]));
  }
  const reorder_buffer& pending() const {
    return pending_;
  }

private:
  reorder_buffer pending_;
  std::int64_t released_until_ns_ = time_never; // Earlier events are late.
};

} // namespace weir::analytics
