// What one lane of the uplink has on its way: a run of entries in ascending order, up to
// `sent()`, of which the centre has acknowledged the front. Private to uplink_session.
#pragma once

#include "transport/uplink_entry.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace weir::transport {

class uplink_lane {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Sent up to here; what follows has to be read from the outbox.
  std::uint64_t sent() const {
    return sent_;
  }
  std::size_t in_flight_bytes() const {
    return bytes_;
  }
  std::size_t in_flight_entries() const {
    return on_their_way_.size();
  }
  bool empty() const {
    return on_their_way_.empty();
  }

  void begin_after(std::uint64_t seq) {
    *this = {};
    sent_ = seq;
    acknowledged_ = seq;
  }

  void add(const uplink_entry& x) {
    on_their_way_.push_back({x.first_seq, x.last_seq(), window_cost(x)});
    bytes_ += window_cost(x);
    sent_ = x.last_seq();
  }

  /// May be ahead of what was sent: the centre was still storing what an earlier
  /// connection had sent.
  void acknowledged(std::uint64_t through_seq) {
    while (!empty() && on_their_way_.front().last_seq <= through_seq) {
      bytes_ -= on_their_way_.front().cost;
      on_their_way_.pop_front();
    }
    sent_ = std::max(sent_, through_seq);
    acknowledged_ = std::max(acknowledged_, through_seq);
    if (through_seq >= resent_from_)
      resend_again_ = false;
  }

  /// Forgets what was sent behind `seq`. Cuts an entry in two only where the centre has
  /// its first part: then it was a hole, grown from one that had been sent before.
  void rewind(std::uint64_t seq) {
    if (sent_ <= seq)
      return;
    sent_ = seq;
    while (!empty() && on_their_way_.back().last_seq > seq) {
      sent_ = std::min(sent_, on_their_way_.back().first_seq - 1);
      bytes_ -= on_their_way_.back().cost;
      on_their_way_.pop_back();
    }
    sent_ = std::max(sent_, acknowledged_);
  }

  /// The centre's lane is not the one that we meant, or not all of it: it has up to
  /// `through_seq`. What was sent counts as far as it continues that.
  void align(std::uint64_t through_seq) {
    acknowledged(through_seq);
    if (empty() || on_their_way_.front().first_seq > through_seq + 1)
      begin_after(through_seq);
  }

  /// Becomes `other`, which lies behind this one and has no gap to it.
  void continue_with(uplink_lane& other) {
    *this = std::exchange(other, {});
  }

  // A centre that misses an entry asks once per batch behind it; one answer per round
  // trip is enough, and a repeated question waits for `pause`.

  /// Whether to go back to `from_seq` now.
  bool may_resend(std::uint64_t from_seq, time_point now,
                  std::chrono::milliseconds pause) {
    if (from_seq == resent_from_ && now - resent_at_ < pause) {
      resend_again_ = true;
      return false;
    }
    resent_from_ = from_seq;
    resent_at_ = now;
    resend_again_ = false;
    return true;
  }

  bool resend_waits() const {
    return resend_again_;
  }
  std::uint64_t resent_from() const {
    return resent_from_;
  }
  time_point resent_at() const {
    return resent_at_;
  }

private:
  struct sent_entry {
    std::uint64_t first_seq;
    std::uint64_t last_seq;
    std::size_t cost;
  };

  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::deque<sent_entry> on_their_way_;
  std::size_t bytes_ = 0;
  std::uint64_t resent_from_ = 0;
  time_point resent_at_{};
  bool resend_again_ = false;
};

} // namespace weir::transport
