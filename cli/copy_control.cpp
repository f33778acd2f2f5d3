#include "cli/copy_control.hpp"

#include <chrono>
#include <cstdio>

namespace weir::cli {

namespace {

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::steady_clock::now().time_since_epoch())
    .count();
}

} // namespace

copy_control::copy_control(const copy_limits& limits)
  : limits_(limits), start_ns_(steady_ns()) {
}

storage::copy_pace copy_control::pace() {
  return [this](std::uint64_t done_bytes, std::uint64_t) { return go_on(done_bytes); };
}

bool copy_control::go_on(std::uint64_t done_bytes) {
  auto elapsed_s = static_cast<double>(steady_ns() - start_ns_) / 1e9;
  if (limits_.seconds_max > 0 && elapsed_s > limits_.seconds_max) {
    char text[128];
    std::snprintf(text, sizeof text,
                  "it took longer than --seconds-max %g; nothing was made",
                  limits_.seconds_max);
    why_ended_ = text;
    return false;
  }
  auto due_s = limits_.megabytes_per_s > 0
                 ? static_cast<double>(done_bytes) / (limits_.megabytes_per_s * 1e6)
                 : 0.0;
  auto wait = std::chrono::duration<double>{due_s - elapsed_s};
  // Short sleeps between many pieces would add up to more than was asked for.
  bool ended
    = wait.count() > 0.01
        ? stop_.wait_for(std::chrono::duration_cast<std::chrono::nanoseconds>(wait))
        : stop_.requested();
  if (ended)
    why_ended_ = "interrupted; nothing was made";
  return !ended;
}

} // namespace weir::cli
