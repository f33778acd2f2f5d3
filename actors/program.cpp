#include "actors/program.hpp"

#include <malloc.h>
#include <pthread.h>

#include <csignal>
#include <ctime>

namespace weir::actors {

namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

} // namespace

signal_wait::signal_wait() {
  auto set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

std::string signal_wait::wait(const std::function<void(bool)>& upkeep) {
  auto set = stop_signals();
  for (;;) {
    timespec second{1, 0};
    auto signal = sigtimedwait(&set, nullptr, &second);
    if (signal == SIGTERM || signal == SIGINT)
      return signal == SIGTERM ? "SIGTERM" : "SIGINT";
    // -1: the second is over, or a debugger came between.
    if (upkeep)
      upkeep(signal == SIGHUP);
  }
}

void tune_memory() {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

} // namespace weir::actors
