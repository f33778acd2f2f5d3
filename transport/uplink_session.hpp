// The edge's side of the uplink without sockets, threads or clocks: what comes
// in are calls with the time, what is to be done comes out as a list. Tests
// lose, repeat and re-order its messages; uplink_client does what it says.
//
//   waiting --tick--> opening --connected--> greeting --welcome--> up
//      ^                 |                      |                  |
//      +----------- lost, refused, or nothing heard in time -------+
#pragma once

#include "transport/backoff.hpp"
#include "transport/state_reports.hpp"
#include "transport/uplink.hpp"
#include "transport/uplink_messages.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace weir::transport {

struct uplink_session_config {
  std::string peer; ///< For messages to people: the centre's end point.
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::size_t window_bytes_max = 1 << 20;
  std::size_t window_blocks_max = 4096;
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
  std::uint64_t through_seq = 0;
};
struct report_state {
  link_state state = link_state::connecting;
  std::string why;
};
using uplink_action
  = std::variant<open_link, close_link, send_message, report_acked, report_state>;

class uplink_session {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// What the session asks of the node; see uplink_client_callbacks.
  struct sources {
    std::function<std::vector<uplink_block>(std::uint64_t, std::size_t)> read_after;
    std::function<edge_status()> status;
    std::function<std::uint64_t()> next_seq; ///< May be empty.
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

  std::uint64_t acknowledged_seq() const {
    return acked_;
  }

  std::size_t in_flight_bytes() const {
    return in_flight_bytes_;
  }

private:
  enum class phase { idle, waiting, opening, greeting, up };

  struct sent_block {
    std::uint64_t first_seq;
    std::uint64_t last_seq;
    std::size_t size_bytes;
  };

  void greet(time_point now);
  void fail(time_point now, const std::string& why, bool refused);
  void on_welcome(time_point now, const welcome_message& x);
  void on_ack(time_point now, std::uint64_t through_seq);
  void on_resend(time_point now, std::uint64_t from_seq);
  void rewind(std::uint64_t to_seq);
  void fill_window(time_point now);
  bool send_block(uplink_block& block);
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
  time_point progress_at_{};  // up: of the last step forward of acked_.
  std::chrono::milliseconds heartbeat_;

  std::uint64_t acked_ = 0; // The centre has everything up to here.
  std::uint64_t sent_ = 0;  // Sent or skipped up to here on this connection.
  std::deque<sent_block> in_flight_;
  std::size_t in_flight_bytes_ = 0;

  // A centre that misses a block asks once per block behind it; one answer per
  // round trip is enough, and a repeated question waits a heartbeat.
  std::uint64_t resent_from_ = 0;
  time_point resent_at_{};
  bool resend_again_ = false;
};

} // namespace weir::transport
