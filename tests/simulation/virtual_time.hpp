// VIRTUAL TIME: everything that happens in a simulation, on the test's own thread and in
// an order that the seed decides: what was planned for a time, the timers of actors, and
// between them the actors' messages, one by one.
#pragma once

#include "tests/simulation/seeded.hpp"
#include "tests/support/actor_fixture.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <string_view>

namespace weir::simulation {

inline constexpr std::int64_t ms_ns = 1'000'000;
inline constexpr std::int64_t second_ns = 1'000 * ms_ns;
inline constexpr std::int64_t minute_ns = 60 * second_ns;
inline constexpr std::int64_t hour_ns = 60 * minute_ns;
inline constexpr std::int64_t day_ns = 24 * hour_ns;

class virtual_time : public test::actor_fixture {
public:
  using action = std::function<void()>;

  explicit virtual_time(seeded random);

  /// Since some start long ago; never goes back.
  std::int64_t now_ns() const {
    return now_ns_;
  }

  /// Plans an action; those of one time run in the order in which they were planned.
  void at(std::int64_t time_ns, action what);
  void after(std::int64_t delay_ns, action what) {
    at(now_ns_ + delay_ns, std::move(what));
  }

  /// Lets everything happen up to that time.
  void run_until(std::int64_t end_ns);

  /// Delivers messages of actors until none is left, each time of any one actor that
  /// has some.
  void settle();

  /// Delivers a few, so that what comes next meets the actors in the middle of it.
  void stir();

  // -- trace -----------------------------------------------------------------------

  /// Something happened. Equal seeds must give equal traces.
  void note(std::string_view what, std::initializer_list<std::uint64_t> facts);
  std::uint64_t trace() const {
    return trace_;
  }
  std::uint64_t steps() const {
    return steps_;
  }

private:
  std::int64_t next_ns();
  void advance_to(std::int64_t time_ns);
  void deliver_one();
  void mix(std::uint64_t x);

  seeded random_;
  std::int64_t now_ns_ = 0;
  std::multimap<std::int64_t, action> planned_;
  std::uint64_t trace_ = 0;
  std::uint64_t steps_ = 0;
};

} // namespace weir::simulation
