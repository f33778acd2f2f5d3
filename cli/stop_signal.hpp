// SIGINT and SIGTERM as something to wait for: they are blocked in all threads
// and taken by the one that waits, so no handler runs anywhere.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>

namespace weir::cli {

/// Make it before any thread is started; use it in one thread. Its end lets the
/// signals through again: what this program starts later must not inherit the
/// block.
class stop_signal {
public:
  stop_signal();
  stop_signal(const stop_signal&) = delete;
  stop_signal& operator=(const stop_signal&) = delete;
  ~stop_signal();

  /// Sleeps until the wall clock shows `time_ns`; true at once when asked to
  /// stop.
  bool wait_until(std::int64_t time_ns);
  bool wait_for(std::chrono::nanoseconds span);

  /// Looks without waiting.
  bool requested() {
    return wait_for(std::chrono::nanoseconds{0});
  }

private:
  sigset_t signals_;
  sigset_t before_;
  bool requested_ = false;
};

} // namespace weir::cli
