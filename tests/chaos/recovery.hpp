// How long each program takes from its restart after SIGKILL until its work goes on:
// the edge until it acknowledges a new message, the centre until it has stored new
// data, the broker until it takes new messages and the edge receives some.
#pragma once

#include "tests/chaos/feed.hpp"
#include "tests/chaos/world.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace weir::chaos {

class recovery_watch {
public:
  using steady = std::chrono::steady_clock;

  recovery_watch(world& system, const feeds& sources)
    : world_(system), feeds_(sources) {
  }

  /// `x` was killed, is dead, and starts at this moment. `alone`: nothing else is
  /// wrong, so the time it takes is its own.
  void restarted(program x, bool alone);

  /// Waits until all that was restarted works again; false after `limit`.
  bool wait(std::chrono::milliseconds limit);

  /// Waits until the edge, which was not restarted, acknowledges something new.
  bool wait_for_edge(std::chrono::milliseconds limit) const;

  /// Milliseconds, of restarts that were not disturbed by another fault.
  const std::vector<double>& times_ms(program x) const {
    return times_ms_[static_cast<std::size_t>(x)];
  }
  /// Until the edge got messages of the broker again after its own restart.
  const std::vector<double>& edge_mqtt_ms() const {
    return edge_mqtt_ms_;
  }

private:
  struct pending {
    steady::time_point since;
    std::uint64_t first_mark = 0;
    std::uint64_t second_mark = 0;
    std::optional<std::uint64_t> centre_mark;
    bool armed = false;
    bool disturbed = false;
    std::optional<double> first_ms;
  };

  bool recovered(program x, pending& state);
  bool edge_recovered(pending& state);
  bool centre_recovered(pending& state);
  bool broker_recovered(pending& state);
  void note(program x, const pending& state);

  world& world_;
  const feeds& feeds_;
  std::array<std::optional<pending>, 3> pending_;
  std::array<std::vector<double>, 3> times_ms_;
  std::vector<double> edge_mqtt_ms_;
};

/// The p-th part of sorted `times`, nearest rank; 0 of none.
double percentile(std::vector<double> times, double p);

} // namespace weir::chaos
