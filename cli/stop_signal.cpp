#include "cli/stop_signal.hpp"

#include "cli/time_text.hpp"

#include <algorithm>

#include <pthread.h>

namespace weir::cli {

stop_signal::stop_signal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
}

stop_signal::~stop_signal() {
  // One that came while we were finishing has been obeyed already.
  constexpr timespec now{};
  while (sigtimedwait(&signals_, nullptr, &now) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool stop_signal::wait_for(std::chrono::nanoseconds span) {
  if (requested_)
    return true;
  auto left_ns = std::max<std::int64_t>(span.count(), 0);
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(left_ns / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(left_ns % 1'000'000'000);
  requested_ = sigtimedwait(&signals_, nullptr, &timeout) > 0;
  return requested_;
}

bool stop_signal::wait_until(std::int64_t time_ns) {
  // At most a second at once: the wall clock may be set while we sleep.
  constexpr std::int64_t nap_ns = 1'000'000'000;
  for (;;) {
    auto left_ns = time_ns - wall_clock_ns();
    if (left_ns <= 0)
      return requested();
    if (wait_for(std::chrono::nanoseconds{std::min(left_ns, nap_ns)}))
      return true;
  }
}

} // namespace weir::cli
