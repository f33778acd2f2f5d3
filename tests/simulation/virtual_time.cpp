#include "tests/simulation/virtual_time.hpp"

#include "analytics/series.hpp"

#include <algorithm>
#include <utility>

namespace weir::simulation {

namespace {

constexpr std::uint64_t stirred_max = 12; // Messages.

} // namespace

virtual_time::virtual_time(seeded random) : random_(random) {
  sched.advance_time(std::chrono::hours{24});
  now_ns_ = std::chrono::nanoseconds{sched.clock().now().time_since_epoch()}.count();
}

void virtual_time::at(std::int64_t time_ns, action what) {
  planned_.emplace(std::max(time_ns, now_ns_), std::move(what));
}

std::int64_t virtual_time::next_ns() {
  auto result = std::numeric_limits<std::int64_t>::max();
  if (!planned_.empty())
    result = planned_.begin()->first;
  const auto& timers = sched.clock().schedule();
  if (!timers.empty())
    result = std::min(
      result,
      std::chrono::nanoseconds{timers.begin()->first.time_since_epoch()}.count());
  return std::max(result, now_ns_);
}

void virtual_time::advance_to(std::int64_t time_ns) {
  sched.advance_time(std::chrono::nanoseconds{time_ns - now_ns_});
  now_ns_ = time_ns;
}

void virtual_time::run_until(std::int64_t end_ns) {
  settle();
  for (auto next = next_ns(); next <= end_ns; next = next_ns()) {
    advance_to(next);
    while (!planned_.empty() && planned_.begin()->first <= now_ns_) {
      stir();
      auto first = planned_.extract(planned_.begin());
      first.mapped()();
    }
    settle();
  }
  advance_to(end_ns);
}

void virtual_time::deliver_one() {
  auto& jobs = sched.jobs;
  if (jobs.size() > 1)
    std::swap(jobs.front(), jobs[random_.below(jobs.size())]);
  sched.run_once();
  ++steps_;
}

void virtual_time::settle() {
  while (sched.has_job())
    deliver_one();
}

void virtual_time::stir() {
  for (auto left = random_.below(stirred_max); left > 0 && sched.has_job(); --left)
    deliver_one();
}

void virtual_time::mix(std::uint64_t x) {
  trace_ = seeded{trace_ ^ x}.next();
}

void virtual_time::note(std::string_view what,
                        std::initializer_list<std::uint64_t> facts) {
  mix(analytics::stable_hash(what));
  mix(static_cast<std::uint64_t>(now_ns_));
  mix(steps_);
  for (auto x : facts)
    mix(x);
}

} // namespace weir::simulation
