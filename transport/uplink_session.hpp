// The edge's side of the uplink without sockets, threads or clocks: what comes
// in are calls with the time, what is to be done comes out as a list. Tests
// lose, repeat and re-order its messages; uplink_client does what it says.
//
//   waiting --tick--> opening --connected--> greeting --welcome--> up
//      ^                 |                      |                  |
//      +----------- lost, refused, or nothing heard in time -------+
//
// Two lanes. The main lane sends what the centre misses behind position.through_seq, in
// order. An edge that comes back with a backlog (mode live_first) also opens the live
// lane: from the number that the next record gets, new records go there at once, and the
// main lane fills what they leave of the window, of which a quarter stays free for them.
// When the backlog has arrived the centre makes the two one, and so does the session.
// What the centre says about the lane always wins over what was meant here.
#pragma once

#include "transport/backoff.hpp"
#include "transport/state_reports.hpp"
#include "transport/uplink.hpp"
#include "transport/uplink_lane.hpp"
#include "transport/uplink_messages.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace weir::transport {

struct uplink_session_config {
  std::string peer; ///< For messages to people: the centre's end point.
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::size_t window_bytes_max = 1 << 20; ///< The centre's credit may be less.
  std::size_t window_entries_max = 16'384;
  backlog_mode backlog = backlog_mode::live_first;
  std::size_t backlog_bytes_per_s_max = 0; ///< 0: no limit.
  std::chrono::milliseconds heartbeat_interval{1000};
  std::chrono::milliseconds silence_max{5000};
  std::chrono::milliseconds resend_after{30'000};
  std::chrono::milliseconds backoff_min{200};
  std::chrono::milliseconds backoff_max{10'000};
  std::uint64_t seed = 0; ///< Of the times between attempts.
};

// What is to be done, in order.
struct open_link {};
struct close_link {};
struct send_message {
  uplink_message message;
};
struct report_acked {
  uplink_position position;
};
struct report_contact {};
struct report_missing {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
};
struct report_state {
  link_state state = link_state::connecting;
  std::string why;
};
using uplink_action = std::variant<open_link, close_link, send_message, report_acked,
                                   report_contact, report_missing, report_state>;

class uplink_session {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// What the session asks of the node; see uplink_client_callbacks.
  struct sources {
    std::function<std::vector<uplink_entry>(std::uint64_t, std::size_t)> read_after;
    std::function<edge_status()> status;
    std::function<std::uint64_t()> next_seq; ///< May be empty, and so may the others.
    std::function<std::uint64_t(const uplink_position&)> on_behind{};
    std::function<std::uint64_t()> unsent_seq{};
  };

  uplink_session(uplink_session_config config, sources from);

  // -- what happens ----------------------------------------------------------

  void start(time_point now);
  void connected(time_point now);
  void lost(time_point now, const std::string& why, bool refused);
  void received(time_point now, const uplink_message& message);
  void received_unreadable(time_point now, const std::string& why);
  void new_data(time_point now);
  void tick(time_point now);

  // -- what is to be done ----------------------------------------------------

  /// In order; the list is empty afterwards.
  std::vector<uplink_action> take_actions();

  /// tick() has something to do then, not before.
  time_point next_tick() const;

  /// Up, and the centre has everything that the outbox holds.
  bool all_acknowledged() const;

  const uplink_position& position() const {
    return position_;
  }

  /// Of both lanes; see window_cost().
  std::size_t in_flight_bytes() const {
    return main_.in_flight_bytes() + live_.in_flight_bytes();
  }

private:
  enum class phase { idle, waiting, opening, greeting, up };

  /// A batch that is being made.
  struct draft {
    uplink_lane* lane = nullptr;
    batch_message message;
    std::uint64_t through_seq = 0; ///< Its last number, or the one before it.
    std::size_t cost = 0;          ///< In the window.
    std::size_t estimate = 0;      ///< On the link.
    std::size_t plain_bytes = 0;
  };

  enum class take_result { taken, full, end, failed };

  void greet(time_point now);
  void fail(time_point now, const std::string& why, bool refused);
  void on_welcome(time_point now, const welcome_message& x);
  bool is_behind(time_point now, const uplink_position& position);
  std::uint64_t unsent_seq() const;
  void begin_lanes();
  bool has_large_backlog(std::uint64_t next_seq) const;
  void on_ack(time_point now, const uplink_position& position);
  void adopt(const uplink_position& position);
  void on_resend(time_point now, std::uint64_t from_seq);

  void fill_window(time_point now);
  bool fill_lane(uplink_lane& lane, time_point now);
  take_result take(draft& x, uplink_entry& entry, time_point now);
  void append(draft& x, uplink_entry entry);
  void send(draft& x, time_point now);
  bool fits(const draft& x, std::size_t cost) const;
  std::size_t room(const draft& x) const;
  std::size_t window_bytes() const;
  bool must_pause(const draft& x, time_point now);
  bool is_main(const draft& x) const {
    return x.lane == &main_;
  }

  void send_status(time_point now);
  void report(time_point now, link_state state, const std::string& why);
  void push(uplink_action action) {
    actions_.push_back(std::move(action));
  }

  uplink_session_config config_;
  sources from_;
  backoff backoff_;
  state_reports<link_state> reports_;
  std::vector<uplink_action> actions_;

  phase phase_ = phase::idle;
  time_point attempt_at_{};   // waiting: when to open.
  time_point give_up_at_{};   // opening, greeting.
  time_point heartbeat_at_{}; // greeting: next hello; up: next status.
  time_point heard_at_{};     // up: of the centre's last message.
  time_point progress_at_{};  // up: of the last step forward of position_.
  std::chrono::milliseconds heartbeat_;
  bool renewed_ = false; // The epoch, on this connection.

  uplink_position position_;     // The centre has this on disk.
  std::uint64_t credit_ = 0;     // The centre's limit of the window.
  uplink_lane main_;             // Behind position_.through_seq, below lane_first_.
  uplink_lane live_;             // From lane_first_.
  std::uint64_t lane_first_ = 0; // 0: all goes through the main lane.
  bool main_needs_all_ = false;  // Its next entry needs the window for itself.

  std::uint64_t backlog_end_ = 0; // Numbers below it were there at the welcome.
  time_point backlog_at_{};       // No more of it before, for the rate's sake.
  bool backlog_waits_ = false;
};

} // namespace weir::transport
