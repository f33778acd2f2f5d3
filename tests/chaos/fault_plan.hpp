// What is done to the programs of a run, and when: all of it follows from the seed.
#pragma once

#include "tests/chaos/options.hpp"
#include "tests/chaos/recovery.hpp"
#include "tests/chaos/small_disk.hpp"
#include "tests/chaos/world.hpp"

#include <array>
#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace weir::chaos {

class fault_plan {
public:
  /// `disk` is the edge's, or null: then it is never full.
  fault_plan(const options& what, world& system, recovery_watch& watch,
             const small_disk* disk);

  /// Does all of it, one after the other.
  void run();

  /// Instead of run(): lets a program die once at each of the commit points `names`.
  /// Returns those that were never passed.
  std::vector<std::string> run_failpoints(const std::vector<std::string>& names);

  std::size_t kills() const {
    return kills_[0] + kills_[1] + kills_[2];
  }
  std::size_t kills(program x) const {
    return kills_[static_cast<std::size_t>(x)];
  }
  std::size_t stops() const {
    return stops_;
  }
  std::size_t partitions() const {
    return partitions_;
  }
  std::size_t full_disks() const {
    return full_disks_;
  }
  /// From the moment there was room again until the edge took new events.
  const std::vector<double>& disk_ms() const {
    return disk_ms_;
  }
  /// Programs that ended by themselves, or did not come back: findings.
  const std::vector<std::string>& findings() const {
    return findings_;
  }

private:
  enum class kind : std::uint8_t {
    kill_edge,
    kill_centre,
    kill_broker,
    stop_edge,
    stop_centre,
    stop_broker,
    cut_uplink,
    cut_broker,
    fill_disk
  };

  std::size_t number(std::size_t min, std::size_t max);
  void rest(std::size_t min_ms, std::size_t max_ms);
  void do_one(kind x);
  void kill(program x, bool alone = true);
  void stop_and_go(program x);
  void cut(tcp_proxy& link, const std::string& name);
  void fill_and_free();
  bool die_at(program x, const std::string& failpoint);
  void check_alive();
  void log(const std::string& what);

  const options& options_;
  world& world_;
  recovery_watch& watch_;
  const small_disk* const disk_;
  std::mt19937_64 random_;
  std::ofstream log_;
  std::vector<kind> steps_;
  std::array<std::size_t, 3> kills_{};
  std::size_t stops_ = 0;
  std::size_t partitions_ = 0;
  std::size_t full_disks_ = 0;
  std::vector<double> disk_ms_;
  std::vector<std::string> findings_;
};

} // namespace weir::chaos
