#include "tests/chaos/recovery.hpp"

#include "tests/support/wait_until.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <thread>

namespace weir::chaos {

namespace {

using namespace std::chrono_literals;

/// A broker's message is larger than what a connection says at its start.
constexpr std::uint64_t message_bytes = 1000;

/// What a dead program had acknowledged is taken in before anything new is looked for.
/// No program is ready sooner.
constexpr auto arm_after = 15ms;

std::uint64_t acknowledged(const std::vector<feed*>& of) {
  return std::accumulate(of.begin(), of.end(), std::uint64_t{0},
                         [](auto sum, auto* x) { return sum + x->acknowledged(); });
}

double since_ms(recovery_watch::steady::time_point then) {
  return std::chrono::duration<double, std::milli>(recovery_watch::steady::now() - then)
    .count();
}

} // namespace

void recovery_watch::restarted(program x, bool alone) {
  for (auto& other : pending_)
    if (other)
      other->disturbed = true;
  auto crowd = std::any_of(pending_.begin(), pending_.end(),
                           [](auto& other) { return other.has_value(); });
  auto& state = pending_[static_cast<std::size_t>(x)];
  state.emplace();
  state->since = steady::now();
  state->disturbed = crowd || !alone;
}

bool recovery_watch::wait(std::chrono::milliseconds limit) {
  auto deadline = steady::now() + limit;
  for (;;) {
    auto waiting = false;
    for (auto x : programs) {
      auto& state = pending_[static_cast<std::size_t>(x)];
      if (state && recovered(x, *state)) {
        note(x, *state);
        state.reset();
      }
      waiting = waiting || state.has_value();
    }
    if (!waiting)
      return true;
    if (steady::now() >= deadline) {
      pending_ = {};
      return false;
    }
    std::this_thread::sleep_for(1ms);
  }
}

bool recovery_watch::wait_for_edge(std::chrono::milliseconds limit) const {
  auto before = acknowledged(feeds_.zmq);
  return test::wait_until([&] { return acknowledged(feeds_.zmq) > before; }, limit);
}

bool recovery_watch::recovered(program x, pending& state) {
  if (!state.armed) {
    if (steady::now() - state.since < arm_after)
      return false;
    state.armed = true;
    state.first_mark = acknowledged(x == program::broker ? feeds_.mqtt : feeds_.zmq);
    state.second_mark = world_.broker_proxy().to_client_bytes();
  }
  switch (x) {
  case program::edge:
    return edge_recovered(state);
  case program::centre:
    return centre_recovered(state);
  case program::broker:
    return broker_recovered(state);
  }
  return true;
}

bool recovery_watch::edge_recovered(pending& state) {
  if (!state.first_ms && acknowledged(feeds_.zmq) > state.first_mark)
    state.first_ms = since_ms(state.since);
  return state.first_ms
         && world_.broker_proxy().to_client_bytes() > state.second_mark + message_bytes;
}

bool recovery_watch::centre_recovered(pending& state) {
  auto now = world_.centre_progress();
  if (!now)
    return false;
  if (!state.centre_mark)
    state.centre_mark = *now;
  return *now > *state.centre_mark;
}

bool recovery_watch::broker_recovered(pending& state) {
  return acknowledged(feeds_.mqtt) > state.first_mark
         && world_.broker_proxy().to_client_bytes() > state.second_mark + message_bytes;
}

void recovery_watch::note(program x, const pending& state) {
  if (state.disturbed)
    return;
  times_ms_[static_cast<std::size_t>(x)].push_back(
    state.first_ms.value_or(since_ms(state.since)));
  if (x == program::edge)
    edge_mqtt_ms_.push_back(since_ms(state.since));
}

double percentile(std::vector<double> times, double p) {
  if (times.empty())
    return 0;
  std::sort(times.begin(), times.end());
  auto rank = std::ceil(p * static_cast<double>(times.size()));
  return times[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

} // namespace weir::chaos
