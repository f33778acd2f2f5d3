#include "tests/simulation/simulation.hpp"

#include "tests/support/temp_dir.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

namespace weir::simulation {

namespace {

constexpr std::int64_t utc_start_ns = 1'780'000'000 * second_ns; // In 2026.
constexpr std::int64_t calm_max_ns = 3 * day_ns;
constexpr std::size_t problems_max = 20;

/// A memory file system where there is one: a sync costs nothing there.
std::filesystem::path base_directory() {
  auto shared_memory = std::filesystem::path{"/dev/shm"};
  return std::filesystem::is_directory(shared_memory)
           ? shared_memory
           : std::filesystem::temp_directory_path();
}

class world {
public:
  explicit world(const simulation_config& config);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;
  simulation_result run();

private:
  void make_edge(std::size_t number);
  simulated_link::ends ends_to_centre(const std::string& name);
  simulated_edge* find(const std::string& name);
  void repeat(std::int64_t mean_ns, std::function<void()> fault);
  void plan_faults(simulated_edge& edge);
  void plan_centre_faults();
  void plan_outage();
  void end_edge(simulated_edge& edge);
  void cut(simulated_edge& edge);
  void disturb_clock(simulated_edge& edge);
  void begin_calm();
  bool is_drained() const;
  void check(simulation_result& result);
  void check_edge(simulated_edge& edge, simulation_result& result);
  void check_centre(simulated_edge& edge, simulation_result& result);
  void count(simulation_result& result);

  const simulation_config config_;
  test::temp_dir dir_;
  seeded random_;
  virtual_time time_;
  std::int64_t end_ns_;
  simulated_centre centre_;
  std::vector<std::unique_ptr<simulated_edge>> edges_;
  std::uint64_t cuts_ = 0;
};

world::world(const simulation_config& config)
  : config_(config), dir_(base_directory()), random_(config.seed),
    time_(random_.fork()), end_ns_(time_.now_ns() + config.length_ns),
    centre_(
      time_, dir_ / "centre", [this] { return utc_start_ns + time_.now_ns(); },
      [this](const std::string& edge, std::uint64_t connection, std::string bytes) {
        if (auto* to = find(edge))
          to->link().send_to_edge(connection, std::move(bytes));
      }) {
  centre_.start();
  for (std::size_t i = 0; i < config_.edges; ++i)
    make_edge(i);
  plan_centre_faults();
  plan_outage();
}

world::~world() {
  while (!edges_.empty()) { // While one ends, the centre may look for it.
    auto last = std::move(edges_.back());
    edges_.pop_back();
  }
}

simulated_link::ends world::ends_to_centre(const std::string& name) {
  simulated_link::ends result;
  result.to_centre = [this, name](std::uint64_t connection, const std::string& bytes) {
    centre_.receive(name, connection, bytes);
  };
  result.centre_listens = [this] { return centre_.is_running(); };
  return result;
}

void world::make_edge(std::size_t number) {
  const auto& faults = config_.faults;
  simulated_edge_config config;
  config.name = "edge-" + std::to_string(number);
  config.directory = dir_ / config.name;
  config.outbox_bytes_max = config_.outbox_bytes_max;
  config.journal = config_.journal;
  config.has_clockless = number % 2 == 1;
  config.utc_start_ns = utc_start_ns;
  if (faults.drift_max_ppm != 0)
    config.clock_drift_ppm
      = random_.between(-faults.drift_max_ppm, faults.drift_max_ppm + 1);
  config.event_mean_ns = config_.event_mean_ns;
  config.delayed = config_.delayed;
  config.duplicates = config_.duplicates;
  config.kills_on_delivery = faults.kills_on_delivery;
  config.link = config_.link;
  edges_.push_back(std::make_unique<simulated_edge>(time_, random_.fork(), config,
                                                    ends_to_centre(config.name)));
  edges_.back()->start();
  plan_faults(*edges_.back());
}

simulated_edge* world::find(const std::string& name) {
  for (auto& x : edges_)
    if (x->name() == name)
      return x.get();
  return nullptr;
}

// -- faults --------------------------------------------------------------------------

void world::repeat(std::int64_t mean_ns, std::function<void()> fault) {
  if (mean_ns == 0)
    return;
  time_.after(random_.wait_ns(mean_ns), [this, mean_ns, fault = std::move(fault)] {
    if (time_.now_ns() >= end_ns_)
      return;
    fault();
    repeat(mean_ns, fault);
  });
}

void world::plan_faults(simulated_edge& edge) {
  const auto& faults = config_.faults;
  repeat(faults.edge_kill_mean_ns, [this, &edge] { end_edge(edge); });
  repeat(faults.cut_mean_ns, [this, &edge] { cut(edge); });
  repeat(faults.clock_error_mean_ns, [this, &edge] { disturb_clock(edge); });
}

void world::end_edge(simulated_edge& edge) {
  if (!edge.is_running())
    return;
  if (random_.chance(0.25))
    edge.stop();
  else
    edge.kill();
  auto down_ns
    = random_.chance(0.2) ? ms_ns : random_.between(second_ns, 10 * minute_ns);
  time_.after(down_ns, [&edge] {
    if (!edge.is_running())
      edge.start();
  });
}

void world::cut(simulated_edge& edge) {
  if (edge.link().is_cut())
    return;
  ++cuts_;
  edge.link().cut();
  auto is_long = config_.faults.outage_max_ns > 10 * minute_ns && random_.chance(0.3);
  auto length_ns = is_long
                     ? random_.between(10 * minute_ns, config_.faults.outage_max_ns)
                     : random_.between(ms_ns, 10 * minute_ns);
  time_.after(length_ns, [&edge] { edge.link().heal(); });
}

/// Of an edge with a device without clock the errors stay within the lateness: that
/// device's events get the wrong time, and must be in a window all the same.
void world::disturb_clock(simulated_edge& edge) {
  static constexpr auto unset = -utc_start_ns; // To 1970.
  static constexpr std::array small{-45 * second_ns, 50 * second_ns, -hour_ns, unset};
  static constexpr std::array large{-45 * second_ns, -day_ns, 2 * day_ns, unset};
  auto is_odd = (edge.name().back() - '0') % 2 == 1;
  auto chosen = random_.below(small.size());
  edge.set_clock_error(is_odd ? small[chosen] : large[chosen]);
  time_.after(random_.between(second_ns, 50 * minute_ns),
              [&edge] { edge.set_clock_error(0); });
}

void world::plan_centre_faults() {
  repeat(config_.faults.centre_kill_mean_ns, [this] {
    if (!centre_.is_running())
      return;
    time_.note("centre", {centre_.kills()});
    centre_.kill();
    for (auto& x : edges_)
      if (random_.chance(0.7)) // The others notice by the silence.
        x->link().break_connection();
    auto down_ns = random_.chance(0.3) ? ms_ns : random_.between(second_ns, hour_ns);
    time_.after(down_ns, [this] {
      if (!centre_.is_running())
        centre_.start();
    });
  });
}

void world::plan_outage() {
  if (config_.outage_begin_ns == config_.outage_end_ns)
    return;
  time_.after(config_.outage_begin_ns, [this] {
    for (auto& x : edges_)
      x->link().cut();
  });
  time_.after(config_.outage_end_ns, [this] {
    for (auto& x : edges_)
      x->link().heal();
  });
}

// -- the run -------------------------------------------------------------------------

void world::begin_calm() {
  if (!centre_.is_running())
    centre_.start();
  for (auto& x : edges_) {
    x->begin_calm();
    if (!x->is_running())
      x->start();
  }
  time_.run_until(time_.now_ns() + 15 * minute_ns); // What was planned.
  for (auto& x : edges_)
    x->send_last_events();
  // Until silence has closed all windows, groups included.
  time_.run_until(time_.now_ns() + 3 * idle_timeout_ns);
}

bool world::is_drained() const {
  return std::all_of(edges_.begin(), edges_.end(),
                     [](const auto& x) { return x->is_drained(); });
}

simulation_result world::run() {
  time_.run_until(end_ns_);
  begin_calm();
  auto until_ns = time_.now_ns() + calm_max_ns;
  while (!is_drained() && time_.now_ns() < until_ns)
    time_.run_until(time_.now_ns() + minute_ns);
  simulation_result result;
  check(result);
  count(result);
  return result;
}

// -- what must hold ------------------------------------------------------------------

void world::check(simulation_result& result) {
  auto& problems = result.problems;
  problems.insert(problems.end(), centre_.problems().begin(), centre_.problems().end());
  for (auto& x : edges_) {
    check_edge(*x, result);
    check_centre(*x, result);
  }
  if (problems.size() > problems_max)
    problems.resize(problems_max);
}

void world::check_edge(simulated_edge& edge, simulation_result& result) {
  auto& problems = result.problems;
  for (const auto& x : edge.problems())
    problems.push_back(x);
  auto expect = [&](const char* what, std::uint64_t found, std::uint64_t expected) {
    if (found != expected)
      problems.push_back(edge.name() + ": " + what + " is " + std::to_string(found)
                         + " instead of " + std::to_string(expected));
  };
  if (!edge.is_drained())
    problems.push_back(edge.name() + " has not sent everything: " + edge.state());
  auto account = edge.process().account();
  const auto& fates = edge.feed().fates();
  expect("received", account.received, fates.received);
  expect("taken", account.taken, fates.taken);
  expect("late", account.late, fates.late);
  expect("duplicate", account.duplicates, fates.duplicates);
  expect("quarantined", account.quarantined, fates.quarantined);
  expect("filtered + shed + held + in flight",
         account.filtered + account.shed + account.held + account.in_flight, 0);
  expect("violations", edge.process().status().ledger.violations, 0);
  expect("the run", edge.process().outbox().run(), 1);
  auto stats = edge.process().outbox().stats();
  expect("waiting blocks and holes", stats.blocks + stats.holes, 0);
}

void world::check_centre(simulated_edge& edge, simulation_result& result) {
  auto& problems = result.problems;
  auto windows = edge.feed().windows().compare(centre_.store(), edge.name());
  problems.insert(problems.end(), windows.begin(), windows.end());
  auto epochs = centre_.store().ledger(edge.name());
  if (!epochs || epochs->size() != 1) {
    problems.push_back(edge.name() + " has not one epoch in the store");
    return;
  }
  const auto& ledger = epochs->front();
  const auto& x = ledger.position;
  if (!ledger.violation.empty())
    problems.push_back(edge.name() + ": " + ledger.violation);
  auto next_seq = edge.process().outbox().stats().next_seq;
  auto fates = x.records_stored + x.records_coalesced + x.records_expired
               + x.records_shed + x.records_unreadable;
  if (x.violations != 0 || x.missing() != 0 || x.records_unreadable != 0
      || x.through_seq + 1 != next_seq || fates != x.through_seq)
    problems.push_back(edge.name() + ": of " + std::to_string(next_seq - 1)
                       + " numbers the centre has " + std::to_string(x.through_seq)
                       + ", accounts for " + std::to_string(fates) + ", misses "
                       + std::to_string(x.missing()) + ", violations "
                       + std::to_string(x.violations));
  if (x.behind_seq != 0)
    problems.push_back(edge.name() + " was taken for one that was set back to "
                       + std::to_string(x.behind_seq));
}

void world::count(simulation_result& result) {
  result.trace = time_.trace();
  result.steps = time_.steps();
  result.cuts = cuts_;
  result.centre_kills = centre_.kills();
  result.duplicate_blocks = centre_.duplicate_blocks();
  for (const auto& x : edges_) {
    result.events += x->feed().made();
    result.windows += x->feed().windows().windows();
    const auto& fates = x->feed().fates();
    result.fates.received += fates.received;
    result.fates.taken += fates.taken;
    result.fates.late += fates.late;
    result.fates.duplicates += fates.duplicates;
    result.fates.quarantined += fates.quarantined;
    result.edges.kills += x->counters().kills;
    result.edges.stops += x->counters().stops;
    result.edges.clock_jumps += x->counters().clock_jumps;
    result.edges.lanes += x->counters().lanes;
    const auto& link = x->link().counters();
    result.links.messages += link.messages;
    result.links.bytes += link.bytes;
    result.links.lost += link.lost;
    result.links.duplicated += link.duplicated;
    result.links.reordered += link.reordered;
    result.links.connections += link.connections;
    auto stats = x->process().outbox().stats();
    result.records += stats.next_seq - 1;
    result.coalesced += stats.coalesced_records;
    result.expired += stats.expired_records;
  }
}

} // namespace

fault_rates all_faults() {
  fault_rates result;
  result.edge_kill_mean_ns = 5 * hour_ns;
  result.kills_on_delivery = 0.0005;
  result.centre_kill_mean_ns = 8 * hour_ns;
  result.cut_mean_ns = 3 * hour_ns;
  result.clock_error_mean_ns = 10 * hour_ns;
  result.drift_max_ppm = 200;
  return result;
}

simulation_result simulate(const simulation_config& config) {
  return world{config}.run();
}

std::string to_string(const simulation_result& x) {
  std::ostringstream out;
  for (const auto& problem : x.problems)
    out << problem << '\n';
  out << x.events << " events, " << x.windows << " windows, " << x.records
      << " records (" << x.coalesced << " coalesced away, " << x.expired
      << " expired); received " << x.fates.received << ": taken " << x.fates.taken
      << ", late " << x.fates.late << ", duplicates " << x.fates.duplicates
      << ", quarantined " << x.fates.quarantined << "; edges killed " << x.edges.kills
      << " times, stopped " << x.edges.stops << ", clocks set " << x.edges.clock_jumps
      << ", lanes " << x.edges.lanes << "; centre killed " << x.centre_kills
      << ", blocks sent twice " << x.duplicate_blocks << "; links cut " << x.cuts
      << ", connections " << x.links.connections << ", messages " << x.links.messages
      << ", lost " << x.links.lost << ", doubled " << x.links.duplicated
      << ", overtaken " << x.links.reordered << "; " << x.steps << " steps";
  return out.str();
}

} // namespace weir::simulation
