// Waiting for another thread or process: on a condition, with a deadline.
#pragma once

#include <chrono>
#include <thread>

namespace weir::test {

/// Whether `condition()` came true within `limit`. Looks every millisecond.
template <class Condition>
bool wait_until(Condition&& condition,
                std::chrono::milliseconds limit = std::chrono::seconds{10}) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline)
      return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

} // namespace weir::test
