// What windows must come to, by the plainest possible reading of the headers: every
// event that was ever taken is kept, and windows are made of all of them at the end.
// Slow and simple; shares no code with the engine but the configuration's structs (and
// the calendar, which has tests of its own).
#pragma once

#include "analytics/source_clock.hpp"
#include "analytics/stream_config.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::analytics::oracle {

struct input_event {
  std::string source;
  std::string series; ///< Canonical text.
  std::string key;    ///< Of the windows: the series, or the group.
  std::int64_t time_ns = 0;
  double value = 0.0;
};

/// What is done to a shard: a batch of events, or a tick.
struct input_step {
  batch_time now;
  bool is_tick = false;
  std::vector<input_event> events;
};

/// One set of windows: that of `view`, whose conditions on values are given once more
/// as numbers.
struct settings {
  event_time_config time;
  view_config view;
  bool grouped = false;
  std::optional<double> open_above;    ///< open_when: value > x
  std::optional<double> close_below;   ///< close_when: value < x
  std::optional<double> trigger_above; ///< trigger_when: value > x
};

struct expected_window {
  std::int64_t width_ns = 0;
  bool width_is_sure = true;       ///< Not of a state that was open at the end.
  std::vector<input_event> events; ///< In order of time, then of arrival.
};

struct expected_windows {
  /// By key and start.
  std::map<std::pair<std::string, std::int64_t>, expected_window> windows;
  std::size_t late = 0;
};

/// All windows after all steps and a flush.
expected_windows run(const settings& config, const std::vector<input_step>& steps);

} // namespace weir::analytics::oracle
