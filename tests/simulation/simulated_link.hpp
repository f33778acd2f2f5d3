// SIMULATED LINK: the way between one edge and the centre. Carries bytes and loses,
// delays, repeats and reorders them as the seed says; can be cut.
#pragma once

#include "tests/simulation/virtual_time.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>

namespace weir::simulation {

struct link_config {
  double loss = 0.01;
  double duplication = 0.01;
  double reordering = 0.02; ///< Messages that others overtake.
  std::int64_t latency_min_ns = 10 * ms_ns;
  std::int64_t latency_max_ns = 200 * ms_ns;
  std::int64_t overtaken_by_ns = 3 * second_ns;
};

struct link_counters {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t connections = 0;
};

class simulated_link {
public:
  /// A connection has a number; 0 is none.
  struct ends {
    std::function<void(std::uint64_t connection, const std::string& bytes)> to_centre;
    std::function<void(std::uint64_t connection, const std::string& bytes)> to_edge;
    std::function<void(std::uint64_t connection)> on_connected; ///< The edge.
    std::function<void(std::uint64_t connection)> on_lost;      ///< The edge.
    std::function<bool()> centre_listens;
  };

  simulated_link(virtual_time& time, seeded random, link_config config, ends to);

  /// The edge begins to connect. Nothing answers while the link is cut.
  std::uint64_t open();
  void close();
  std::uint64_t connection() const {
    return connection_;
  }

  void send_to_centre(std::string bytes);
  void send_to_edge(std::uint64_t connection, std::string bytes);

  /// From now on nothing passes. The edge may notice at once, or by the silence.
  void cut();
  void heal();
  bool is_cut() const {
    return is_cut_;
  }

  /// The other side has gone: as cut(), but the way is there.
  void break_connection();

  /// From now on nothing is lost, repeated or reordered.
  void calm() {
    config_.loss = config_.duplication = config_.reordering = 0.0;
  }
  const link_counters& counters() const {
    return counters_;
  }

private:
  enum direction : std::size_t { to_centre, to_edge };

  void send(direction where, std::uint64_t connection, std::string bytes);
  void deliver_later(direction where, std::uint64_t connection, std::string bytes);

  virtual_time& time_;
  seeded random_;
  link_config config_;
  const ends ends_;
  std::uint64_t opened_ = 0;
  std::uint64_t connection_ = 0;
  bool is_cut_ = false;
  std::array<std::int64_t, 2> last_arrival_ns_{};
  link_counters counters_;
};

} // namespace weir::simulation
