#include "tests/simulation/simulated_edge.hpp"

#include <algorithm>
#include <utility>

namespace weir::simulation {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t redelivery_max_ns = 10 * minute_ns;
constexpr std::int64_t restart_max_ns = 10 * minute_ns;
constexpr double million = 1e6;

} // namespace

simulated_edge::simulated_edge(virtual_time& time, seeded random,
                               simulated_edge_config config,
                               simulated_link::ends centre)
  : time_(time), random_(random), config_(std::move(config)),
    feed_(random_.fork(), config_.has_clockless, config_.delayed),
    link_(time, random_.fork(), config_.link, make_ends(std::move(centre))) {
  std::filesystem::create_directories(directory());
  plan_event();
}

simulated_edge::~simulated_edge() {
  if (process_)
    end_process();
}

// -- its life ----------------------------------------------------------------------

std::int64_t simulated_edge::steady_ns() const {
  auto now_ns = time_.now_ns();
  return now_ns
         + static_cast<std::int64_t>(static_cast<double>(now_ns) / million
                                     * static_cast<double>(config_.clock_drift_ppm));
}

std::int64_t simulated_edge::wall_ns() const {
  return config_.utc_start_ns + steady_ns() + clock_error_ns_;
}

std::filesystem::path simulated_edge::directory() const {
  return config_.directory / ("life-" + std::to_string(life_));
}

void simulated_edge::start() {
  time_.note("start", {life_});
  edge_process_config config{config_.name, directory(), config_.outbox_bytes_max,
                             config_.journal};
  process_ = std::make_unique<edge_process>(
    time_, std::move(config),
    edge_clocks{[this] { return wall_ns(); }, [this] { return steady_ns(); }},
    [this] { on_committed(); });
  begin_session();
  plan_sync();
  pump();
}

void simulated_edge::kill() {
  auto left = directory();
  ++life_;
  // What the kernel has of its files, to the byte; nothing of its memory.
  std::filesystem::copy(left, directory(), std::filesystem::copy_options::recursive);
  ++counters_.kills;
  end_process();
  std::filesystem::remove_all(left);
}

void simulated_edge::stop() {
  if (auto problem = process_->finish(); !problem.empty())
    problems_.push_back(config_.name + ": the stop in order: " + problem);
  ++life_;
  ++counters_.stops;
  auto before = config_.directory / ("life-" + std::to_string(life_ - 1));
  end_process();
  std::filesystem::rename(before, directory());
}

void simulated_edge::end_process() {
  time_.note("end", {life_});
  session_.reset();
  link_.close();
  tick_at_ns_ = 0;
  is_notified_ = false;
  process_->end();
  time_.settle();
  for (const auto& x : process_->problems())
    problems_.push_back(x);
  process_.reset();
}

void simulated_edge::set_clock_error(std::int64_t error_ns) {
  clock_error_ns_ = error_ns;
  ++counters_.clock_jumps;
}

void simulated_edge::begin_calm() {
  is_calm_ = true;
  clock_error_ns_ = 0;
  link_.heal();
  link_.calm();
}

void simulated_edge::plan_sync() {
  time_.after(minute_ns, [this, mine = life_] {
    if (!process_ || life_ != mine)
      return;
    process_->sync();
    plan_sync();
  });
}

// -- events ------------------------------------------------------------------------

void simulated_edge::plan_event() {
  time_.after(random_.wait_ns(config_.event_mean_ns), [this] {
    if (is_calm_)
      return;
    offer(feed_.make(config_.utc_start_ns + time_.now_ns()));
    plan_event();
  });
}

void simulated_edge::send_last_events() {
  for (int i = 0; i < 100; ++i)
    offer(feed_.make(config_.utc_start_ns + time_.now_ns()));
}

void simulated_edge::offer(const feed_event& x) {
  waiting_.push_back(x);
  if (!is_calm_ && random_.chance(config_.duplicates))
    time_.after(random_.between(ms_ns, redelivery_max_ns), [this, x] {
      waiting_.push_back(x);
      pump();
    });
  pump();
}

/// Hands over what waits. A device that saw no end of the process has its answer; of the
/// last event before a kill it may not know, and then sends it again.
void simulated_edge::pump() {
  while (process_ && !waiting_.empty() && process_->has_room()) {
    auto x = std::move(waiting_.front());
    waiting_.pop_front();
    process_->take(feed_.view(x));
    feed_.delivered(x, wall_ns(), steady_ns());
    if (is_calm_ || !random_.chance(config_.kills_on_delivery))
      continue;
    time_.stir();
    if (random_.chance(0.5))
      waiting_.push_front(x);
    kill();
    time_.after(random_.between(ms_ns, restart_max_ns), [this] {
      if (!process_)
        start();
    });
  }
}

// -- session -------------------------------------------------------------------------

simulated_link::ends simulated_edge::make_ends(simulated_link::ends centre) {
  centre.to_edge = [this](std::uint64_t, const std::string& bytes) {
    if (!session_)
      return;
    if (auto message = transport::decode_uplink(bytes))
      session_->received(session_now(), *message);
    else
      problems_.push_back(config_.name + " cannot read: " + message.error().message);
    act();
  };
  centre.on_connected = [this](std::uint64_t) {
    if (session_)
      session_->connected(session_now());
    act();
  };
  centre.on_lost = [this](std::uint64_t) {
    if (session_)
      session_->lost(session_now(), "the connection is gone", false);
    act();
  };
  return centre;
}

simulated_edge::time_point simulated_edge::session_now() const {
  return time_point{std::chrono::nanoseconds{steady_ns()}};
}

void simulated_edge::begin_session() {
  transport::uplink_session_config config;
  config.peer = "the centre";
  config.epoch = process_->outbox().epoch();
  config.run = process_->outbox().run();
  config.window_bytes_max = 64 << 10;
  config.heartbeat_interval = 30s;
  config.silence_max = 100s;
  config.resend_after = 60s;
  config.backoff_min = 1s;
  config.backoff_max = 60s;
  config.seed = random_.next();
  transport::uplink_session::sources from;
  from.read_after = [this](std::uint64_t after_seq, std::size_t size_bytes_max) {
    return process_->read_outbox(after_seq, size_bytes_max);
  };
  from.status = [this] { return process_->status(); };
  from.next_seq = [this] { return process_->outbox().stats().next_seq; };
  from.unsent_seq = [this] { return process_->outbox().stats().unsent_seq; };
  from.on_behind = [this](const transport::uplink_position& centre) {
    problems_.push_back(config_.name + ": the centre is ahead, at "
                        + std::to_string(centre.highest()));
    return std::uint64_t{0};
  };
  session_.emplace(std::move(config), std::move(from));
  session_->start(session_now());
  act();
}

/// Does what the session wants, until it wants nothing more.
void simulated_edge::act() {
  if (!session_)
    return;
  for (auto actions = session_->take_actions(); !actions.empty();
       actions = session_->take_actions())
    for (const auto& action : actions)
      perform(action);
  plan_tick();
}

void simulated_edge::perform(const transport::uplink_action& action) {
  using namespace transport;
  if (std::holds_alternative<open_link>(action)) {
    link_.open();
  } else if (std::holds_alternative<close_link>(action)) {
    link_.close();
  } else if (const auto* send = std::get_if<send_message>(&action)) {
    link_.send_to_centre(encode_uplink(send->message));
  } else if (const auto* acked = std::get_if<report_acked>(&action)) {
    const auto& x = acked->position;
    time_.note("acked", {x.through_seq, x.lane_first, x.lane_through});
    note_lane(x);
    if (auto done
        = process_->outbox().acknowledge(x.through_seq, x.lane_first, x.lane_through);
        !done)
      problems_.push_back(config_.name + ": " + done.error().message);
  } else if (std::holds_alternative<report_contact>(action)) {
    process_->outbox().note_contact();
  } else if (const auto* missing = std::get_if<report_missing>(&action)) {
    problems_.push_back(config_.name + ": nobody has the numbers "
                        + std::to_string(missing->first_seq) + " to "
                        + std::to_string(missing->last_seq));
  }
}

void simulated_edge::note_lane(const transport::uplink_position& position) {
  if (position.lane_first != 0 && position.lane_first != lane_first_)
    ++counters_.lanes;
  lane_first_ = position.lane_first;
}

void simulated_edge::plan_tick() {
  auto due = session_->next_tick();
  auto due_ns = std::chrono::nanoseconds{due.time_since_epoch()}.count();
  auto drift = 1.0L + static_cast<long double>(config_.clock_drift_ppm) / million;
  auto at_ns = static_cast<std::int64_t>(static_cast<long double>(due_ns) / drift) + 1;
  at_ns = std::max(at_ns, time_.now_ns() + ms_ns);
  if (tick_at_ns_ != 0 && tick_at_ns_ <= at_ns)
    return;
  tick_at_ns_ = at_ns;
  time_.at(at_ns, [this, mine = life_, at_ns] {
    if (!session_ || life_ != mine || tick_at_ns_ != at_ns)
      return;
    tick_at_ns_ = 0;
    session_->tick(session_now());
    act();
  });
}

void simulated_edge::on_committed() {
  if (std::exchange(is_notified_, true))
    return;
  time_.after(ms_ns, [this, mine = life_] {
    if (!session_ || life_ != mine)
      return;
    is_notified_ = false;
    session_->new_data(session_now());
    act();
    pump();
  });
}

std::string simulated_edge::state() const {
  if (!process_)
    return "does not run";
  auto stats = process_->outbox().stats();
  return std::to_string(waiting_.size()) + " events wait at the devices ("
         + process_->room() + "), " + std::to_string(stats.blocks)
         + " blocks in the outbox from " + std::to_string(stats.oldest_seq) + " to "
         + std::to_string(stats.next_seq) + ", the centre has "
         + std::to_string(session_->position().through_seq) + ", "
         + std::to_string(session_->in_flight_bytes()) + " bytes are on their way";
}

bool simulated_edge::is_drained() const {
  return process_ && waiting_.empty() && session_->all_acknowledged()
         && process_->outbox().stats().blocks == 0;
}

std::vector<std::string> simulated_edge::problems() const {
  auto result = problems_;
  if (process_)
    result.insert(result.end(), process_->problems().begin(),
                  process_->problems().end());
  return result;
}

} // namespace weir::simulation
