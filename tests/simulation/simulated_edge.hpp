// SIMULATED EDGE: an edge over all its lives: its directory, its devices, its clock, its
// session with the centre, and at most one running process.
#pragma once

#include "tests/simulation/edge_process.hpp"
#include "tests/simulation/event_feed.hpp"
#include "tests/simulation/simulated_link.hpp"
#include "transport/uplink_session.hpp"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::simulation {

struct simulated_edge_config {
  std::string name;
  std::filesystem::path directory;
  std::size_t outbox_bytes_max = 4 << 20;
  bool journal = true;
  double delayed = 0.05;         ///< See event_feed.
  bool has_clockless = false;    ///< See event_feed.
  std::int64_t utc_start_ns = 0; ///< When virtual time is 0.
  std::int64_t clock_drift_ppm = 0;
  std::int64_t event_mean_ns = 20 * second_ns;
  double duplicates = 0.03;       ///< Of events, delivered a second time.
  double kills_on_delivery = 0.0; ///< Ends in the middle of what an event causes.
  link_config link;
};

struct edge_counters {
  std::uint64_t kills = 0;
  std::uint64_t stops = 0;
  std::uint64_t clock_jumps = 0;
  std::uint64_t lanes = 0; ///< Times that the centre told of a new one.
};

class simulated_edge {
public:
  simulated_edge(virtual_time& time, seeded random, simulated_edge_config config,
                 simulated_link::ends centre);
  ~simulated_edge();

  // -- its life ------------------------------------------------------------------

  void start();

  /// As kill -9, with actors in the middle of their work.
  void kill();

  /// In order; what comes from then on waits at the devices.
  void stop();
  bool is_running() const {
    return process_ != nullptr;
  }

  /// The wall clock is wrong by this from now on.
  void set_clock_error(std::int64_t error_ns);

  /// No more kills, duplicates and new events; what was planned still comes.
  void begin_calm();

  /// One more event of each device, so that held ones are released.
  void send_last_events();

  // -- the link --------------------------------------------------------------------

  simulated_link& link() {
    return link_;
  }

  // -- what is to be checked -------------------------------------------------------

  const std::string& name() const {
    return config_.name;
  }
  const event_feed& feed() const {
    return feed_;
  }
  edge_process& process() {
    return *process_;
  }
  const edge_counters& counters() const {
    return counters_;
  }
  bool is_drained() const;
  std::string state() const; ///< What waits where, for a person.
  std::vector<std::string> problems() const;

private:
  using time_point = transport::uplink_session::time_point;

  std::int64_t wall_ns() const;
  std::int64_t steady_ns() const;
  std::filesystem::path directory() const;

  void plan_event();
  void offer(const feed_event& x);
  void pump();
  void plan_sync();

  simulated_link::ends make_ends(simulated_link::ends centre);
  time_point session_now() const;
  void begin_session();
  void act();
  void perform(const transport::uplink_action& action);
  void plan_tick();
  void on_committed();
  void note_lane(const transport::uplink_position& position);
  void end_process();

  virtual_time& time_;
  seeded random_;
  simulated_edge_config config_;
  std::int64_t clock_error_ns_ = 0;
  bool is_calm_ = false;
  event_feed feed_;
  std::deque<feed_event> waiting_; // At the devices.
  simulated_link link_;
  std::uint64_t life_ = 0;
  std::unique_ptr<edge_process> process_;
  std::optional<transport::uplink_session> session_;
  std::int64_t tick_at_ns_ = 0; // True time; 0: none is planned.
  bool is_notified_ = false;
  std::uint64_t lane_first_ = 0;
  edge_counters counters_;
  std::vector<std::string> problems_;
};

} // namespace weir::simulation
