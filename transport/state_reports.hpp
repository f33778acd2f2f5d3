// Which changes of a connection's state are worth a line in the log: a peer
// that is away for a night must not fill the disk with one line per attempt.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

/// `State` is whatever tells states apart. Time is a parameter.
template <class State>
class state_reports {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr auto repeat_after = std::chrono::minutes{1};
  static constexpr std::size_t reasons_max = 16;

  /// Whether to report `state` with `why` now. A change of state is always
  /// reported; a new reason for the same state is, unless it was within a
  /// minute.
  bool worth_telling(State state, std::string_view why, time_point now) {
    if (!told_.empty() && state == state_) {
      if (why == told_.back().why)
        return false;
      auto same = std::find_if(told_.begin(), told_.end(),
                               [&](const auto& x) { return x.why == why; });
      if (same != told_.end()) {
        if (now - same->at < repeat_after)
          return false;
        told_.erase(same);
      }
    } else {
      told_.clear();
    }
    state_ = state;
    if (told_.size() >= reasons_max)
      told_.erase(told_.begin());
    told_.push_back({std::string{why}, now});
    return true;
  }

private:
  struct report {
    std::string why;
    time_point at;
  };

  State state_{};
  std::vector<report> told_; // Of this state, newest last.
};

} // namespace weir::transport
