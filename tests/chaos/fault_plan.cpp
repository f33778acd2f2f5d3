#include "tests/chaos/fault_plan.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

namespace weir::chaos {

namespace {

using namespace std::chrono_literals;

/// Far beyond what is promised: what takes longer is stuck.
constexpr auto recovery_limit = 30s;

/// How long a program may take to pass a failpoint.
constexpr auto failpoint_limit = 3s;

/// With which it ends there.
constexpr int failpoint_status = 137;

} // namespace

fault_plan::fault_plan(const options& what, world& system, recovery_watch& watch,
                       const small_disk* disk)
  : options_(what), world_(system), watch_(watch), disk_(disk), random_(what.seed),
    log_(system.directory() / "faults.log") {
  std::vector<kind> killing;
  if (what.wants("edge"))
    killing.push_back(kind::kill_edge);
  if (what.wants("centre"))
    killing.push_back(kind::kill_centre);
  if (what.wants("broker"))
    killing.push_back(kind::kill_broker);
  for (std::size_t i = 0; i < what.kills && !killing.empty(); ++i)
    steps_.push_back(killing[i % killing.size()]);
  // Of the slower faults one of each kind, and more of them in a long run.
  auto rounds = 1 + what.kills / 50;
  for (std::size_t i = 0; i < rounds; ++i) {
    if (what.wants("stop"))
      for (auto x : {kind::stop_edge, kind::stop_centre, kind::stop_broker})
        steps_.push_back(x);
    if (what.wants("partition"))
      for (auto x : {kind::cut_uplink, kind::cut_uplink, kind::cut_broker})
        steps_.push_back(x);
    if (disk != nullptr)
      steps_.push_back(kind::fill_disk);
  }
  // Not std::shuffle: what it does with the numbers is the library's own.
  for (auto i = steps_.size(); i > 1; --i)
    std::swap(steps_[i - 1], steps_[number(0, i - 1)]);
}

std::size_t fault_plan::number(std::size_t min, std::size_t max) {
  return min + random_() % (max - min + 1);
}

void fault_plan::rest(std::size_t min_ms, std::size_t max_ms) {
  std::this_thread::sleep_for(
    std::chrono::microseconds{number(min_ms * 1000, std::max(min_ms, max_ms) * 1000)});
}

void fault_plan::log(const std::string& what) {
  log_ << wall_ns() / 1'000'000 << " ms: " << what << std::endl;
}

void fault_plan::run() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (i % 10 == 0) {
      std::printf("  fault %zu of %zu\n", i + 1, steps_.size());
      std::fflush(stdout);
    }
    rest(options_.gap_min_ms, options_.gap_max_ms);
    check_alive();
    do_one(steps_[i]);
    // One in four is hit again, or another program is, while it still starts.
    if (number(0, 3) == 0 && i + 1 < steps_.size()) {
      rest(0, 150);
      check_alive();
      do_one(steps_[++i]);
    }
    if (!watch_.wait(recovery_limit)) {
      findings_.push_back("after fault " + std::to_string(i + 1)
                          + " the system did not go on within 30 s");
      log(findings_.back());
    }
  }
  check_alive();
}

void fault_plan::do_one(kind x) {
  switch (x) {
  case kind::kill_edge:
    return kill(program::edge);
  case kind::kill_centre:
    return kill(program::centre);
  case kind::kill_broker:
    return kill(program::broker);
  case kind::stop_edge:
    return stop_and_go(program::edge);
  case kind::stop_centre:
    return stop_and_go(program::centre);
  case kind::stop_broker:
    return stop_and_go(program::broker);
  case kind::cut_uplink:
    return cut(world_.uplink_proxy(), "uplink");
  case kind::cut_broker:
    return cut(world_.broker_proxy(), "broker link");
  case kind::fill_disk:
    return fill_and_free();
  }
}

void fault_plan::kill(program x, bool alone) {
  world_.kill(x);
  log(std::string{"killed the "} + to_string(x));
  world_.start(x);
  watch_.restarted(x, alone);
  ++kills_[static_cast<std::size_t>(x)];
}

void fault_plan::stop_and_go(program x) {
  // Some longer than the silence after which the other side gives up (5 s).
  auto pause = number(0, 3) == 0 ? number(5500, 6500) : number(50, 1500);
  world_.signal(x, SIGSTOP);
  log(std::string{"stopped the "} + to_string(x) + " for " + std::to_string(pause)
      + " ms");
  std::this_thread::sleep_for(std::chrono::milliseconds{pause / 2});
  // What one has sent and the other has not taken is in nobody's hands: half of the
  // times the sender dies meanwhile.
  auto other = programs[number(0, programs.size() - 1)];
  if (other != x && options_.wants(to_string(other)))
    kill(other, false);
  std::this_thread::sleep_for(std::chrono::milliseconds{pause - pause / 2});
  world_.signal(x, SIGCONT);
  ++stops_;
}

void fault_plan::cut(tcp_proxy& link, const std::string& name) {
  constexpr std::array modes{link_mode::hold, link_mode::hold_to_server,
                             link_mode::hold_to_client, link_mode::refuse};
  constexpr std::array names{"both ways", "towards the server", "towards the client",
                             "with resets"};
  auto mode = number(0, modes.size() - 1);
  auto pause = number(0, 3) == 0 ? number(5500, 6500) : number(50, 1500);
  auto loses = number(0, 1) == 1;
  link.set(modes[mode]);
  log("cut the " + name + " " + names[mode] + " for " + std::to_string(pause) + " ms"
      + (loses ? ", what was on its way is lost" : ""));
  std::this_thread::sleep_for(std::chrono::milliseconds{pause});
  if (loses)
    link.cut();
  link.set(link_mode::pass);
  ++partitions_;
}

void fault_plan::fill_and_free() {
  auto pause = number(1000, 4000);
  disk_->fill();
  log("filled the edge's disk for " + std::to_string(pause) + " ms");
  std::this_thread::sleep_for(std::chrono::milliseconds{pause});
  disk_->free();
  auto begin = std::chrono::steady_clock::now();
  if (!watch_.wait_for_edge(recovery_limit))
    findings_.push_back("the edge took nothing in the 30 s after its disk was freed");
  disk_ms_.push_back(
    std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count());
  ++full_disks_;
}

std::vector<std::string>
fault_plan::run_failpoints(const std::vector<std::string>& names) {
  std::vector<std::string> missed;
  for (auto& name : names) {
    rest(options_.gap_min_ms, options_.gap_max_ms);
    check_alive();
    auto owner = name.starts_with("store.") ? program::centre : program::edge;
    if (!die_at(owner, name))
      missed.push_back(name);
    if (!watch_.wait(recovery_limit))
      findings_.push_back("after " + name + " the system did not go on within 30 s");
  }
  return missed;
}

/// Restarts the program so that it dies at `failpoint`, and then as it is.
bool fault_plan::die_at(program x, const std::string& failpoint) {
  auto pass = number(1, 30);
  world_.kill(x);
  world_.start(x, {"WEIR_FAILPOINT=" + failpoint + ":" + std::to_string(pass)});
  auto status = world_.wait(x, failpoint_limit);
  if (!status) { // Seldom passed: the first time will do.
    world_.kill(x);
    world_.start(x, {"WEIR_FAILPOINT=" + failpoint + ":1"});
    status = world_.wait(x, failpoint_limit);
  }
  log("the " + std::string{to_string(x)} + " at " + failpoint + ":"
      + std::to_string(pass)
      + (status ? " ended with " + std::to_string(*status) : " did not end"));
  if (status && *status != failpoint_status)
    findings_.push_back(failpoint + ": ended with status " + std::to_string(*status));
  if (!status)
    world_.kill(x);
  world_.start(x);
  watch_.restarted(x, true);
  ++kills_[static_cast<std::size_t>(x)];
  return status.has_value();
}

/// Nothing ends by itself. What has is a finding, and is started again.
void fault_plan::check_alive() {
  for (auto x : programs) {
    if (world_.running(x))
      continue;
    auto status = world_.wait(x, 0ms).value_or(-1);
    findings_.push_back(std::string{"the "} + to_string(x)
                        + " ended by itself with status " + std::to_string(status));
    log(findings_.back());
    world_.start(x);
  }
}

} // namespace weir::chaos
