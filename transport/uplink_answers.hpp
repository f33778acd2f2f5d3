// What the centre still has to say to its edges: other threads put it here, the server's
// thread takes it out. Of each edge only the newest of a kind is kept, so the memory is
// bounded by the number of edges. Private to uplink_server.
#pragma once

#include "transport/uplink_entry.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace weir::transport {

struct uplink_answer {
  std::uint64_t epoch = 0;
  std::optional<uplink_position> position{};
  std::array<std::optional<std::uint64_t>, 2> resend_from{}; ///< By lane.

  /// Takes over what `x` says and this does not; of two positions the newer stands.
  void add_older(const uplink_answer& x) {
    if (x.epoch != epoch)
      return;
    if (x.position && (!position || covers(*x.position, *position)))
      position = x.position;
    for (std::size_t lane = 0; lane < resend_from.size(); ++lane)
      if (!resend_from[lane])
        resend_from[lane] = x.resend_from[lane];
  }
};

class uplink_answers {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using by_edge = std::unordered_map<std::string, uplink_answer>;

  static constexpr auto retry_interval = std::chrono::milliseconds{100};

  /// Any thread.
  void put(const std::string& edge, uplink_answer x) {
    auto guard = std::lock_guard{mutex_};
    auto& newest = pending_[edge];
    x.add_older(newest);
    newest = x;
  }

  // -- the server's thread -----------------------------------------------------

  /// What is to be said now: what is new, and in intervals what could not be sent.
  by_edge take(time_point now) {
    auto result = by_edge{};
    {
      auto guard = std::lock_guard{mutex_};
      result.swap(pending_);
    }
    if (now < retry_at_)
      return result;
    retry_at_ = now + retry_interval;
    for (auto& [edge, older] : std::exchange(unsent_, {}))
      result.try_emplace(edge, uplink_answer{older.epoch})
        .first->second.add_older(older);
    return result;
  }

  /// The edge does not read at the moment.
  void keep_unsent(const std::string& edge, uplink_answer x) {
    auto& newest = unsent_[edge];
    x.add_older(newest);
    newest = x;
  }

  bool has_unsent(const std::string& edge) const {
    return unsent_.contains(edge);
  }
  bool has_unsent() const {
    return !unsent_.empty();
  }

private:
  std::mutex mutex_;
  by_edge pending_; // Under the mutex.
  by_edge unsent_;
  time_point retry_at_{};
};

} // namespace weir::transport
