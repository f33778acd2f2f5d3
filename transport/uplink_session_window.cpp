// How uplink_session fills the window: which lane may send how much, in which batches.
#include "transport/uplink_session.hpp"

#include "transport/block_codec.hpp"

#include <algorithm>
#include <utility>

namespace weir::transport {

namespace {

constexpr auto rate_slack = std::chrono::milliseconds{100};

/// One less than allowed: a hole may come before an entry.
constexpr auto batch_entries_most = batch_entries_max - 1;

} // namespace

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

} // namespace weir::transport
