#include "transport/uplink_session.hpp"

#include "transport/block_codec.hpp"

#include <algorithm>
#include <utility>

namespace weir::transport {

namespace {

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
    on_welcome(now, *welcome);
  } else if (const auto* reject = std::get_if<reject_message>(&message)) {
    fail(now, config_.peer + " turned us away: " + reject->reason, true);
  } else if (phase_ != phase::up) {
    return; // From before the hello it has not answered yet.
  } else if (const auto* ack = std::get_if<ack_message>(&message)) {
    if (ack->epoch == config_.epoch)
      on_ack(now, ack->through_seq);
  } else if (const auto* resend = std::get_if<resend_message>(&message)) {
    if (resend->epoch == config_.epoch)
      on_resend(now, resend->from_seq);
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
  if (resend_again_ && now - resent_at_ >= heartbeat_)
    on_resend(now, resent_from_);
  if (!in_flight_.empty() && now - progress_at_ >= config_.resend_after) {
    progress_at_ = now;
    rewind(acked_);
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
  if (resend_again_)
    result = std::min(result, resent_at_ + heartbeat_);
  if (!in_flight_.empty())
    result = std::min(result, progress_at_ + config_.resend_after);
  return result;
}

bool uplink_session::all_acknowledged() const {
  return phase_ == phase::up && in_flight_.empty()
         && from_.read_after(sent_, 1).empty();
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
  in_flight_.clear();
  in_flight_bytes_ = 0;
  push(close_link{});
  report(now, refused ? link_state::refused : link_state::down, why);
}

void uplink_session::on_welcome(time_point now, const welcome_message& x) {
  if (phase_ == phase::up) { // The answer to a repeated hello.
    on_ack(now, x.through_seq);
    return;
  }
  if (from_.next_seq && x.through_seq >= from_.next_seq()) {
    fail(now,
         config_.peer + " has records up to " + std::to_string(x.through_seq)
           + " of this epoch, but the " + "next one here would get number "
           + std::to_string(from_.next_seq())
           + ": this edge's database was set back; start it with a new "
             "epoch",
         true);
    return;
  }
  phase_ = phase::up;
  backoff_.reset();
  if (x.heartbeat_ms != 0)
    heartbeat_ = std::clamp(
      std::chrono::milliseconds{x.heartbeat_ms}, std::chrono::milliseconds{10},
      std::max(config_.silence_max / 3, std::chrono::milliseconds{10}));
  acked_ = x.through_seq;
  sent_ = x.through_seq;
  progress_at_ = now;
  resent_from_ = 0;
  resend_again_ = false;
  report(now, link_state::up,
         config_.peer + " continues after record " + std::to_string(x.through_seq));
  push(report_acked{acked_});
  send_status(now);
  fill_window(now);
}

void uplink_session::on_ack(time_point now, std::uint64_t through_seq) {
  if (through_seq <= acked_)
    return; // Repeated, or overtaken by a newer one.
  acked_ = through_seq;
  // It may be ahead of what this connection sent: the centre was still storing
  // what the connection before had sent.
  sent_ = std::max(sent_, acked_);
  progress_at_ = now;
  while (!in_flight_.empty() && in_flight_.front().last_seq <= acked_) {
    in_flight_bytes_ -= in_flight_.front().size_bytes;
    in_flight_.pop_front();
  }
  if (acked_ >= resent_from_)
    resend_again_ = false;
  push(report_acked{acked_});
  fill_window(now);
}

void uplink_session::on_resend(time_point now, std::uint64_t from_seq) {
  if (from_seq <= acked_ || from_seq > sent_)
    return; // Overtaken by an acknowledgement, or never sent.
  if (from_seq == resent_from_ && now - resent_at_ < heartbeat_) {
    resend_again_ = true;
    return;
  }
  resent_from_ = from_seq;
  resent_at_ = now;
  resend_again_ = false;
  rewind(from_seq - 1);
  fill_window(now);
}

/// Forgets what was sent behind `to_seq`; never cuts a block in two.
void uplink_session::rewind(std::uint64_t to_seq) {
  sent_ = to_seq;
  while (!in_flight_.empty() && in_flight_.back().last_seq > to_seq) {
    sent_ = std::min(sent_, in_flight_.back().first_seq - 1);
    in_flight_bytes_ -= in_flight_.back().size_bytes;
    in_flight_.pop_back();
  }
}

void uplink_session::fill_window(time_point now) {
  while (in_flight_bytes_ < config_.window_bytes_max
         && in_flight_.size() < config_.window_blocks_max) {
    auto blocks = from_.read_after(sent_, config_.window_bytes_max - in_flight_bytes_);
    auto before = sent_;
    for (auto& block : blocks) {
      if (block.record_count == 0 || block.first_seq <= sent_)
        continue; // Not what was asked for.
      if (block.bytes.size() > block_bytes_max) {
        fail(now,
             "block " + std::to_string(block.first_seq) + " of the outbox " + "has "
               + std::to_string(block.bytes.size()) + " bytes, the link takes "
               + std::to_string(block_bytes_max),
             true);
        return;
      }
      if (in_flight_.empty())
        progress_at_ = now;
      if (!send_block(block))
        return;
    }
    if (sent_ == before)
      return;
  }
}

/// False if it has to wait for the window. One block always fits.
bool uplink_session::send_block(uplink_block& block) {
  auto size = block.bytes.size();
  if (!in_flight_.empty()
      && (in_flight_bytes_ + size > config_.window_bytes_max
          || in_flight_.size() >= config_.window_blocks_max))
    return false;
  if (block.first_seq > sent_ + 1)
    push(send_message{skip_message{config_.epoch, sent_ + 1, block.first_seq - 1}});
  sent_ = block.first_seq + block.record_count - 1;
  in_flight_.push_back({block.first_seq, sent_, size});
  in_flight_bytes_ += size;
  push(send_message{block_message{config_.epoch, config_.run, block.first_seq,
                                  block.record_count, std::move(block.bytes)}});
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
