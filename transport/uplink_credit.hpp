// How the centre's memory for what is not yet on disk is shared by its edges: each edge
// is told how many bytes it may have on their way. Pure; time is a parameter. Private to
// uplink_server.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

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
    x.told_bytes = std::clamp<std::uint64_t>(std::min<std::uint64_t>(share, free),
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

} // namespace weir::transport
