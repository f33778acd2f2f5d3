#include "actors/process_info.hpp"

#include "analytics/series.hpp"

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>

namespace weir::actors {

namespace {

template <class Clock>
std::int64_t now_of() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           Clock::now().time_since_epoch())
    .count();
}

} // namespace

std::int64_t wall_clock_ns() {
  return now_of<std::chrono::system_clock>();
}

std::int64_t steady_now_ns() {
  return now_of<std::chrono::steady_clock>();
}

std::uint64_t boot_id() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string text;
  file >> text;
  return analytics::stable_hash(text) | 1;
}

std::uint64_t process_rss_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t size_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> size_pages >> resident_pages))
    return 0;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void give_back_free_memory() {
  ::malloc_trim(0);
}

} // namespace weir::actors
