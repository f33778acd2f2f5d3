#include "transport/uplink_session.hpp"

#include "transport/block_codec.hpp"

#include <algorithm>
#include <utility>

namespace weir::transport {

namespace {

/// A backlog of more is worth a lane of its own.
constexpr std::uint64_t large_backlog_numbers = 1000;
constexpr std::size_t large_backlog_bytes = 64 << 10;

constexpr auto rate_slack = std::chrono::milliseconds{100};

/// One less than allowed: a hole may come before an entry.
constexpr auto batch_entries_most = batch_entries_max - 1;

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
  if (from_.next_seq)
    hello.next_seq = from_.next_seq();
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

/// Whether the centre has seen more of this epoch than we have made: then this is not
/// the database that it has seen. Goes on under a new epoch, or gives up.
bool uplink_session::is_behind(time_point now, const uplink_position& position) {
  if (!from_.next_seq || position.highest() < from_.next_seq())
    return false;
  auto next_seq = from_.next_seq();
  auto epoch = from_.on_behind && !std::exchange(renewed_, true)
                 ? from_.on_behind(position.highest())
                 : 0;
  if (epoch != 0) {
    config_.epoch = epoch;
    position_ = {};
    give_up_at_ = now + config_.silence_max;
    greet(now);
    return true;
  }
  fail(now,
       config_.peer + " has records up to " + std::to_string(position.highest())
         + " of this epoch, but the next one here would get number "
         + std::to_string(next_seq)
         + ": this edge's database was set back; start it with a new epoch",
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

// -- the window ----------------------------------------------------------------

void uplink_session::fill_window(time_point now) {
  backlog_waits_ = false;
  if (window_bytes() == 0)
    return;
  auto live_goes_first
    = lane_first_ != 0 && config_.backlog == backlog_mode::live_first;
  if (live_goes_first && !main_needs_all_ && !fill_lane(live_, now))
    return;
  fill_lane(main_, now);
}

/// Sends what the window has room for; false if the link had to be given up.
bool uplink_session::fill_lane(uplink_lane& lane, time_point now) {
  auto x = draft{};
  x.lane = &lane;
  x.through_seq = lane.sent();
  auto result = take_result::taken;
  while (result == take_result::taken) {
    if (is_main(x) && lane_first_ != 0 && x.through_seq >= lane_first_ - 1) {
      result = take_result::end;
      break;
    }
    if (must_pause(x, now) || room(x) == 0) {
      result = take_result::full;
      break;
    }
    auto before = x.through_seq;
    for (auto& entry : from_.read_after(x.through_seq, room(x))) {
      result = take(x, entry, now);
      if (result != take_result::taken)
        break;
    }
    if (result == take_result::failed)
      return false;
    if (result == take_result::taken && x.through_seq == before)
      result = take_result::end;
  }
  if (is_main(x))
    main_needs_all_ = result == take_result::full && main_.empty()
                      && x.message.entries.empty() && !backlog_waits_;
  // While others are on their way a small batch waits for more, unless that is all.
  if (result == take_result::end || in_flight_bytes() == 0
      || x.estimate >= batch_bytes_min || x.cost >= window_bytes() / 4)
    send(x, now);
  return true;
}

uplink_session::take_result uplink_session::take(draft& x, uplink_entry& entry,
                                                 time_point now) {
  if (entry.seq_span == 0 || entry.first_seq <= x.through_seq)
    return take_result::taken; // Not what was asked for.
  auto in_lane = is_main(x) && lane_first_ != 0 && entry.first_seq >= lane_first_;
  auto first_seq = in_lane ? lane_first_ : entry.first_seq;
  auto hole = uplink_entry{entry_kind::expired, config_.run, x.through_seq + 1,
                           first_seq - x.through_seq - 1};
  auto cost
    = (hole.seq_span > 0 ? window_cost(hole) : 0) + (in_lane ? 0 : window_cost(entry));
  if (!in_lane && entry.bytes.size() > block_bytes_max) {
    fail(now,
         "block " + std::to_string(entry.first_seq) + " of the outbox has "
           + std::to_string(entry.bytes.size()) + " bytes, the link takes "
           + std::to_string(block_bytes_max),
         true);
    return take_result::failed;
  }
  if (!fits(x, cost))
    return take_result::full;
  if (hole.seq_span > 0) { // Neither here nor at the centre: nobody has them.
    push(report_missing{hole.first_seq, hole.last_seq()});
    append(x, std::move(hole));
  }
  if (in_lane)
    return take_result::end;
  if (x.plain_bytes + entry.bytes.size() > batch_plain_bytes_max) {
    send(x, now);
    if (must_pause(x, now))
      return take_result::full;
  }
  append(x, std::move(entry));
  if (x.estimate < batch_bytes_target && x.message.entries.size() < batch_entries_most)
    return take_result::taken;
  send(x, now);
  return must_pause(x, now) ? take_result::full : take_result::taken;
}

void uplink_session::append(draft& x, uplink_entry entry) {
  x.cost += window_cost(entry);
  x.estimate += batch_size_estimate(entry);
  x.plain_bytes += entry.bytes.size();
  x.through_seq = entry.last_seq();
  x.message.entries.push_back(std::move(entry));
}

/// Leaves an empty draft that goes on behind it.
void uplink_session::send(draft& x, time_point now) {
  if (x.message.entries.empty())
    return;
  if (in_flight_bytes() == 0)
    progress_at_ = now;
  auto rate = config_.backlog_bytes_per_s_max;
  if (rate != 0 && x.message.entries.front().first_seq < backlog_end_) {
    auto duration = std::chrono::duration<double>{static_cast<double>(x.cost)
                                                  / static_cast<double>(rate)};
    // A tick may come late: what was missed may be made up for, but not for long.
    backlog_at_ = std::max(backlog_at_, now - rate_slack)
                  + std::chrono::duration_cast<time_point::duration>(duration);
  }
  for (const auto& entry : x.message.entries)
    x.lane->add(entry);
  auto next = draft{};
  next.lane = x.lane;
  next.through_seq = x.through_seq;
  x.message.epoch = config_.epoch;
  x.message.live_lane = !is_main(x);
  push(send_message{std::move(x.message)});
  x = std::move(next);
}

std::size_t uplink_session::window_bytes() const {
  return static_cast<std::size_t>(
    std::min<std::uint64_t>(config_.window_bytes_max, credit_));
}

/// How much may still be added to `x`; 0: nothing. One entry always fits into a window
/// that is empty.
std::size_t uplink_session::room(const draft& x) const {
  auto used = in_flight_bytes() + x.cost;
  if (used == 0)
    return window_bytes();
  auto left = [](std::size_t limit, std::size_t taken) {
    return limit > taken ? limit - taken : 0;
  };
  auto entries
    = main_.in_flight_entries() + live_.in_flight_entries() + x.message.entries.size();
  if (entries >= config_.window_entries_max)
    return 0;
  auto result = left(window_bytes(), used);
  // Of the window a quarter is for what is new.
  if (is_main(x) && lane_first_ != 0 && config_.backlog == backlog_mode::live_first)
    result = std::min(result, left(window_bytes() - window_bytes() / 4,
                                   main_.in_flight_bytes() + x.cost));
  return result;
}

bool uplink_session::fits(const draft& x, std::size_t cost) const {
  return cost <= room(x) || in_flight_bytes() + x.cost == 0;
}

/// For the sake of the backlog's rate.
bool uplink_session::must_pause(const draft& x, time_point now) {
  if (config_.backlog_bytes_per_s_max == 0 || x.through_seq + 1 >= backlog_end_
      || now >= backlog_at_ || !x.message.entries.empty())
    return false;
  backlog_waits_ = true;
  return true;
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
