// How the centre's memory for what is not yet on disk is shared by its edges: each edge
// is told how many bytes it may have on their way, and what it sends beyond that is not
// taken. Pure; time is a parameter. Private to uplink_server.
#pragma once

#include "transport/uplink_entry.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace weir::transport {

/// What has been told never adds up to more than the total and 64 KiB for each active
/// edge: a newcomer gets what is free, the others give way when they are told next.
class uplink_credit {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::uint64_t share_min = 64 << 10;
  static constexpr std::uint64_t share_max = 1 << 20;
  static constexpr auto active_for = std::chrono::seconds{10};

  /// An edge's part; lives in its session.
  struct account {
    std::uint64_t told_bytes = 0;
    time_point heard_at{};
    bool is_active = false;
  };

  explicit uplink_credit(std::size_t bytes_total) : bytes_total_{bytes_total} {
  }

  /// 0: nobody may send, until it is changed again.
  void set_total(std::size_t bytes) {
    bytes_total_ = bytes;
  }

  void heard(account& x, time_point now) {
    x.heard_at = now;
    active_ += x.is_active ? 0 : 1;
    x.is_active = true;
  }

  /// What to tell the edge now.
  std::uint64_t grant(account& x) {
    auto share = bytes_total_ / std::max<std::size_t>(active_, 1);
    auto others = told_bytes_ - x.told_bytes;
    auto free = bytes_total_ > others ? bytes_total_ - others : 0;
    told_bytes_ = others;
    x.told_bytes = bytes_total_ == 0
                     ? 0
                     : std::clamp<std::uint64_t>(std::min<std::uint64_t>(share, free),
                                                 share_min, share_max);
    told_bytes_ += x.told_bytes;
    return x.told_bytes;
  }

  /// The edge is gone, or was silent for long.
  void leave(account& x) {
    active_ -= x.is_active ? 1 : 0;
    told_bytes_ -= x.told_bytes;
    x.is_active = false;
    x.told_bytes = 0;
  }

  /// Lets it leave if it was silent for long.
  void check(account& x, time_point now) {
    if (x.is_active && now - x.heard_at > active_for)
      leave(x);
  }

  std::size_t active() const {
    return active_;
  }
  std::uint64_t told_bytes() const {
    return told_bytes_;
  }

private:
  std::size_t bytes_total_;
  std::size_t active_ = 0;
  std::uint64_t told_bytes_ = 0;
};

/// What one edge has sent and the store has not answered: a net for an edge that does
/// not keep to its credit. One that does never comes near it, though it may send its
/// window again.
class unanswered_batches {
public:
  using time_point = uplink_credit::time_point;

  static constexpr std::size_t bytes_max = 4 * uplink_credit::share_max;
  static constexpr std::size_t batches_max = 4096;
  /// What the store has lost without a word is not held against the edge for ever.
  static constexpr auto forget_after = std::chrono::seconds{30};

  /// False: too much, the batch is not to be taken.
  bool take(std::uint64_t last_seq, std::size_t size_bytes, time_point now) {
    while (!waiting_.empty() && now - waiting_.front().at > forget_after)
      pop();
    if (bytes_ + size_bytes > bytes_max || waiting_.size() >= batches_max)
      return false;
    waiting_.push_back({last_seq, size_bytes, now});
    bytes_ += size_bytes;
    return true;
  }

  void acknowledged(const uplink_position& x) {
    drop_if([&](const batch& y) {
      return y.last_seq <= x.through_seq
             || (x.lane_first != 0 && y.last_seq >= x.lane_first
                 && y.last_seq <= x.lane_through);
    });
  }

  /// The store has refused what lies behind a gap.
  void asked_again(std::uint64_t from_seq) {
    drop_if([&](const batch& y) { return y.last_seq >= from_seq; });
  }

  std::size_t bytes() const {
    return bytes_;
  }

private:
  struct batch {
    std::uint64_t last_seq;
    std::size_t size_bytes;
    time_point at;
  };

  void pop() {
    bytes_ -= waiting_.front().size_bytes;
    waiting_.pop_front();
  }

  template <class Condition>
  void drop_if(Condition condition) {
    std::erase_if(waiting_, [&](const batch& x) {
      if (!condition(x))
        return false;
      bytes_ -= x.size_bytes;
      return true;
    });
  }

  std::deque<batch> waiting_;
  std::size_t bytes_ = 0;
};

} // namespace weir::transport
