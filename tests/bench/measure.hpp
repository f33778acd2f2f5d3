// What the drivers have in common: the clock, their own CPU time, and one line
// of JSON as the result.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weir::bench {

using clock = std::chrono::steady_clock;
using action = std::function<int()>;

double seconds_since(clock::time_point start);

/// User and system time of this process.
double cpu_seconds();

/// q in [0,1]; nearest rank. Sorts `values`; 0 if there are none.
double quantile(std::vector<double>& values, double q);

/// Collects numbers and prints {"bench":"NAME","key":1,...} as one line.
class result_line {
public:
  explicit result_line(const std::string& name);
  result_line& add(const char* key, double value);
  void print() const;

private:
  std::string text_;
};

/// Prints on standard error; returns 1.
int fail(const std::string& message);

void add_zmq_batch(CLI::App& parent, action& chosen);
void add_mqtt_publish(CLI::App& parent, action& chosen); ///< batch and single
void add_mqtt_count(CLI::App& parent, action& chosen);
void add_alert_latency(CLI::App& parent, action& chosen);
void add_make_backlog(CLI::App& parent, action& chosen);
void add_storm(CLI::App& parent, action& chosen);
void add_storage_acked(CLI::App& parent, action& chosen);

} // namespace weir::bench
