#include "transport/uplink_session.hpp"

#include <algorithm>
#include <utility>

namespace weir::transport {

namespace {

/// A backlog of more is worth a lane of its own.
constexpr std::uint64_t large_backlog_numbers = 1000;
constexpr std::size_t large_backlog_bytes = 64 << 10;

std::string in_ms(std::chrono::milliseconds x) {
  return std::to_string(x.count()) + " ms";
}

} // namespace

uplink_session::uplink_session(uplink_session_config config, sources from)
  : config_{std::move(config)}, from_{std::move(from)}, backoff_{config_.backoff_min,
                                                                 config_.backoff_max,
                                                                 config_.seed},
    heartbeat_{config_.heartbeat_interval} {
}

// -- what happens ------------------------------------------------------------

void uplink_session::start(time_point now) {
  phase_ = phase::waiting;
  attempt_at_ = now;
  report(now, link_state::connecting, "connecting to " + config_.peer);
  tick(now);
}

void uplink_session::connected(time_point now) {
  if (phase_ != phase::opening)
    return;
  phase_ = phase::greeting;
  give_up_at_ = now + config_.silence_max;
  renewed_ = false;
  greet(now);
}

void uplink_session::lost(time_point now, const std::string& why, bool refused) {
  if (phase_ == phase::opening || phase_ == phase::greeting || phase_ == phase::up)
    fail(now, why, refused);
}

void uplink_session::received(time_point now, const uplink_message& message) {
  if (phase_ != phase::greeting && phase_ != phase::up)
    return;
  heard_at_ = now;
  if (const auto* welcome = std::get_if<welcome_message>(&message)) {
    if (welcome->epoch == config_.epoch)
      on_welcome(now, *welcome);
  } else if (const auto* reject = std::get_if<reject_message>(&message)) {
    fail(now, config_.peer + " turned us away: " + reject->reason, true);
  } else if (phase_ != phase::up) {
    return; // From before the hello it has not answered yet.
  } else if (const auto* ack = std::get_if<ack_message>(&message)) {
    if (ack->epoch != config_.epoch)
      return;
    credit_ = ack->credit_bytes;
    on_ack(now, ack->position);
  } else if (const auto* resend = std::get_if<resend_message>(&message)) {
    if (resend->epoch == config_.epoch)
      on_resend(now, resend->from_seq);
  } else if (const auto* pong = std::get_if<pong_message>(&message)) {
    credit_ = pong->credit_bytes;
    fill_window(now);
  }
}

void uplink_session::received_unreadable(time_point now, const std::string& why) {
  lost(now, config_.peer + " sent what we cannot read: " + why, false);
}

void uplink_session::new_data(time_point now) {
  if (phase_ == phase::up)
    fill_window(now);
}

void uplink_session::tick(time_point now) {
  if (phase_ == phase::waiting && now >= attempt_at_) {
    phase_ = phase::opening;
    give_up_at_ = now + config_.silence_max;
    push(open_link{});
    return;
  }
  if ((phase_ == phase::opening || phase_ == phase::greeting) && now >= give_up_at_) {
    fail(now,
         "no answer from " + config_.peer + " within " + in_ms(config_.silence_max),
         false);
    return;
  }
  if (phase_ == phase::greeting && now >= heartbeat_at_)
    greet(now);
  if (phase_ != phase::up)
    return;
  if (now - heard_at_ >= config_.silence_max) {
    fail(now,
         "nothing heard from " + config_.peer + " for " + in_ms(config_.silence_max),
         false);
    return;
  }
  if (now >= heartbeat_at_)
    send_status(now);
  for (auto* lane : {&main_, &live_})
    if (lane->resend_waits() && now - lane->resent_at() >= heartbeat_)
      on_resend(now, lane->resent_from());
  if (window_bytes() == 0) // The centre cannot store: it need not hear it again.
    progress_at_ = now;
  if (in_flight_bytes() > 0 && now - progress_at_ >= config_.resend_after) {
    progress_at_ = now;
    main_.rewind(0); // As far as the centre has it.
    live_.rewind(0);
  }
  fill_window(now);
}

// -- what is to be done ------------------------------------------------------

std::vector<uplink_action> uplink_session::take_actions() {
  return std::exchange(actions_, {});
}

uplink_session::time_point uplink_session::next_tick() const {
  switch (phase_) {
  case phase::idle:
    return time_point::max();
  case phase::waiting:
    return attempt_at_;
  case phase::opening:
    return give_up_at_;
  case phase::greeting:
    return std::min(give_up_at_, heartbeat_at_);
  case phase::up:
    break;
  }
  auto result = std::min(heartbeat_at_, heard_at_ + config_.silence_max);
  for (const auto* lane : {&main_, &live_})
    if (lane->resend_waits())
      result = std::min(result, lane->resent_at() + heartbeat_);
  if (in_flight_bytes() > 0)
    result = std::min(result, progress_at_ + config_.resend_after);
  if (backlog_waits_)
    result = std::min(result, backlog_at_);
  return result;
}

bool uplink_session::all_acknowledged() const {
  return phase_ == phase::up && in_flight_bytes() == 0 && lane_first_ == 0
         && from_.read_after(main_.sent(), 1).empty();
}

// -- inner steps -------------------------------------------------------------

void uplink_session::greet(time_point now) {
  heartbeat_at_ = now + heartbeat_;
  auto hello = hello_message{};
  hello.epoch = config_.epoch;
  hello.run = config_.run;
  if (from_.next_seq) {
    hello.unsent_seq = unsent_seq();
    hello.next_seq = from_.next_seq(); // After it: it may grow meanwhile.
  }
  hello.software_version = from_.status().version;
  push(send_message{std::move(hello)});
}

void uplink_session::fail(time_point now, const std::string& why, bool refused) {
  if (refused)
    backoff_.slow_down();
  phase_ = phase::waiting;
  attempt_at_ = now + backoff_.next();
  main_.begin_after(position_.through_seq);
  live_.begin_after(0);
  lane_first_ = 0;
  backlog_waits_ = false;
  push(close_link{});
  report(now, refused ? link_state::refused : link_state::down, why);
}

void uplink_session::on_welcome(time_point now, const welcome_message& x) {
  if (phase_ == phase::up) { // The answer to a repeated hello.
    credit_ = x.credit_bytes;
    on_ack(now, x.position);
    return;
  }
  auto position = merged(x.position);
  if (is_behind(now, position))
    return;
  phase_ = phase::up;
  backoff_.reset();
  if (x.heartbeat_ms != 0)
    heartbeat_ = std::clamp(
      std::chrono::milliseconds{x.heartbeat_ms}, std::chrono::milliseconds{10},
      std::max(config_.silence_max / 3, std::chrono::milliseconds{10}));
  credit_ = x.credit_bytes;
  progress_at_ = now;
  position_ = position;
  begin_lanes();
  report(now, link_state::up,
         config_.peer + " continues after record "
           + std::to_string(position.through_seq));
  push(report_contact{});
  push(report_acked{position_});
  send_status(now);
  fill_window(now);
}

std::uint64_t uplink_session::unsent_seq() const {
  auto next_seq = from_.next_seq();
  return from_.unsent_seq ? std::min(from_.unsent_seq(), next_seq) : next_seq;
}

/// Whether the centre has seen more of this epoch than we have sent: then this is not
/// the database that it has seen. Goes on under a new epoch, or gives up.
bool uplink_session::is_behind(time_point now, const uplink_position& position) {
  if (!from_.next_seq || position.highest() < unsent_seq())
    return false;
  auto unsent = unsent_seq();
  auto epoch
    = from_.on_behind && !std::exchange(renewed_, true) ? from_.on_behind(position) : 0;
  if (epoch != 0) {
    config_.epoch = epoch;
    position_ = {};
    give_up_at_ = now + config_.silence_max;
    greet(now);
    return true;
  }
  fail(now,
       config_.peer + " has records up to " + std::to_string(position.highest())
         + " of this epoch, but none was sent from here from number "
         + std::to_string(unsent)
         + " on: this edge's database was set back; start it with a new epoch",
       true);
  return true;
}

void uplink_session::begin_lanes() {
  auto next_seq = from_.next_seq ? from_.next_seq() : 0;
  backlog_end_ = next_seq;
  main_.begin_after(position_.through_seq);
  live_.begin_after(position_.lane_through);
  lane_first_ = position_.lane_first;
  if (lane_first_ == 0 && config_.backlog == backlog_mode::live_first
      && has_large_backlog(next_seq)) {
    lane_first_ = next_seq; // The centre hears of it with the first new record.
    live_.begin_after(next_seq - 1);
  }
}

bool uplink_session::has_large_backlog(std::uint64_t next_seq) const {
  auto through_seq = position_.through_seq;
  if (next_seq <= through_seq + 1)
    return false;
  if (next_seq - 1 - through_seq > large_backlog_numbers)
    return true;
  std::size_t size = 0;
  for (const auto& x : from_.read_after(through_seq, large_backlog_bytes + 1))
    size += window_cost(x);
  return size > large_backlog_bytes;
}

void uplink_session::on_ack(time_point now, const uplink_position& x) {
  auto position = merged(x);
  // Repeated, or overtaken by a newer one.
  if (position != position_ && covers(position, position_)) {
    progress_at_ = now;
    adopt(position);
    push(report_acked{position_});
  }
  fill_window(now); // There may be more credit.
}

void uplink_session::adopt(const uplink_position& x) {
  position_ = x;
  main_.acknowledged(x.through_seq);
  if (x.lane_first == 0) {
    if (lane_first_ != 0 && x.through_seq >= lane_first_ - 1) {
      live_.align(x.through_seq);
      main_.continue_with(live_);
      lane_first_ = 0;
    }
    return; // Or the centre has not heard of our lane yet.
  }
  if (x.lane_first != lane_first_) {
    // One that an earlier connection has opened, or that begins later than ours because
    // its first batch was lost.
    main_.rewind(x.lane_first - 1);
    lane_first_ = x.lane_first;
  }
  live_.align(x.lane_through);
}

/// The number says which lane is meant: the centre may have merged them since.
void uplink_session::on_resend(time_point now, std::uint64_t from_seq) {
  auto in_lane = lane_first_ != 0 && from_seq >= lane_first_;
  auto& lane = in_lane ? live_ : main_;
  auto acknowledged = in_lane ? position_.lane_through : position_.through_seq;
  if (from_seq <= acknowledged || from_seq > lane.sent())
    return; // Overtaken by an acknowledgement, or never sent.
  if (!lane.may_resend(from_seq, now, heartbeat_))
    return;
  lane.rewind(from_seq - 1);
  fill_window(now);
}

void uplink_session::send_status(time_point now) {
  heartbeat_at_ = now + heartbeat_;
  push(send_message{status_message{from_.status()}});
}

void uplink_session::report(time_point now, link_state state, const std::string& why) {
  if (reports_.worth_telling(state, why, now))
    push(report_state{state, why});
}

} // namespace weir::transport
