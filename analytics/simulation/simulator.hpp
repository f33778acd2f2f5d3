// What the simulators have in common: events of numbered series on one side,
// and the truth behind them on the other, so that detectors and models can be
// judged.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace weir::analytics::simulation {

/// Whose events these are, in the vocabulary of docs/architecture.md: the name
/// of the field that carries the source.
enum class source_kind : std::uint8_t { device, user };

struct sim_series {
  std::string metric;
  std::string source;
  source_kind kind = source_kind::device;
  std::vector<std::pair<std::string, std::string>> dimensions; ///< By key.
};

struct sim_event {
  std::int64_t time_ns = 0; ///< UTC nanoseconds, whole milliseconds.
  double value = 0.0;
  std::uint32_t series = 0; ///< Index into simulator::series().
  std::uint64_t id = 0;     ///< The sender's event id; 0: none.

  bool operator==(const sim_event&) const = default;
};

/// One fact that a detector or a model is to find out.
struct sim_truth {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::string kind;       ///< "spike", "churn", "promotion"...
  std::string source;     ///< Machine or customer; empty if it concerns all.
  std::string metric;     ///< Empty if it concerns all.
  double magnitude = 0.0; ///< See the simulator's header.
  std::string detail;

  bool operator==(const sim_truth&) const = default;
};

/// Pure: no clock, no thread, no I/O. The same configuration, start and
/// sequence of step times give the same events and truths, bit for bit (with
/// the same libm).
class simulator {
public:
  virtual ~simulator() = default;

  virtual const std::vector<sim_series>& series() const = 0;

  /// The events in (time of the previous step, time_ns], in order of time.
  /// Times must not go back: an earlier one gives no events.
  virtual std::vector<sim_event> step(std::int64_t time_ns) = 0;

  /// The truths that became facts since the last call, in order of time.
  virtual std::vector<sim_truth> take_truth() = 0;
};

} // namespace weir::analytics::simulation
