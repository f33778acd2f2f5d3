// What a shard does with events, as the configuration says it: the way of an event is
//
//   convert -> filter -> sample -> windows (the default one and each [[view]])
//                               -> derive (a new event, from `convert` on)
//                               -> detector, rules
#pragma once

#include "analytics/aggregates.hpp"
#include "analytics/ewma_detector.hpp"
#include "analytics/lookup_table.hpp"
#include "analytics/threshold_rule.hpp"
#include "analytics/window_calendar.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::analytics {

/// Event time, for each source of events (a device, a machine, a user).
struct event_time_config {
  /// The watermark of a source is its largest event time less this.
  std::int64_t out_of_orderness_ns = 2'000'000'000;

  /// An event behind the watermark by no more than this is still taken; sent windows
  /// are then sent again with a higher revision.
  std::int64_t allowed_lateness_ns = 10'000'000'000;

  /// A source that is silent for this long (local clock) has its windows closed and
  /// holds back no group. Sessions are closed after their gap, if that is longer; count
  /// and state windows stay open.
  std::int64_t idle_timeout_ns = 15'000'000'000;

  /// A group's windows wait for its slowest source, but not for one that is further
  /// than this behind the most advanced.
  std::int64_t hold_max_ns = 60'000'000'000;

  /// A group's sent windows take events of slow sources for this long (event time).
  std::int64_t retain_max_ns = 3'600'000'000'000;
};

enum class window_kind : std::uint8_t {
  tumbling,
  hopping,
  calendar,
  session,
  count,
  state,
  sliding,
};
std::string_view to_string(window_kind x);

/// One set of windows over a choice of series.
struct view_config {
  std::string name;         ///< [A-Za-z0-9._-]{1,64}; empty only for the default one.
  std::string metric = "*"; ///< With * and ? as wild cards.
  std::string source = "*";
  std::string where{}; ///< Condition; empty: all events.
  window_kind kind = window_kind::tumbling;

  std::int64_t width_ns = 10'000'000'000;            ///< Tumbling, hopping, sliding.
  std::int64_t slide_ns = 0;                         ///< Hopping.
  std::int64_t offset_ns = 0;                        ///< Tumbling, hopping.
  std::shared_ptr<const window_calendar> calendar{}; ///< Calendar.
  std::string calendar_text{};                       ///< Names `calendar`.
  std::int64_t gap_ns = 60'000'000'000;              ///< Session.
  std::int64_t length_max_ns = 86'400'000'000'000;   ///< Session, state.
  std::uint32_t size_events = 100;                   ///< Count.
  std::uint32_t slide_events = 0;                    ///< Count; 0: = size.
  std::string open_when{};                           ///< State.
  std::string close_when{};                          ///< State; empty: not open_when.
  std::string trigger_when{};                        ///< Sliding; empty: each event.
  std::int64_t delay_ns = 0; ///< Sliding: how long after the trigger it ends.

  /// Names: metric, source, a dimension, TABLE.COLUMN. Empty: each series by itself.
  std::vector<std::string> group_by{};
  aggregate_plan aggregates{};
  std::int64_t early_ns = 0; ///< Results of open windows, this often; 0: none.
  std::optional<std::int64_t> allowed_lateness_ns{}; ///< Else that of event_time.
};

/// value = EXPRESSION.
struct convert_config {
  std::string metric = "*";
  std::string source = "*";
  std::string value;
};

/// Events of these series for which the condition is not true go no further.
struct filter_config {
  std::string metric = "*";
  std::string source = "*";
  std::string where;
};

/// Fewer events: every n-th, one an interval, or only changes by more than a band.
struct sample_config {
  std::string metric = "*";
  std::string source = "*";
  std::uint32_t every = 1;         ///< Events.
  std::int64_t interval_ns = 0;    ///< At most one an interval of event time.
  double dead_band = 0.0;          ///< Only a change by more than this...
  std::int64_t silence_max_ns = 0; ///< ...or after this long (0: never).
};

/// A new metric from the last values of others: `value` names metrics. The new event
/// has the time of the event that caused it.
struct derive_config {
  std::string metric; ///< Of the result.
  std::string source = "*";
  std::string value;                          ///< E.g. "voltage * current".
  std::int64_t stale_max_ns = 10'000'000'000; ///< Older values do not count.
  bool by_dimensions = false; ///< Inputs also have the same dimensions, not only the
                              ///< same source; the result then has them too.
  std::string on{}; ///< Only this metric's events cause a result; empty: any input's.
};

/// Makes NAME.COLUMN known in expressions, group_by, distinct and top.
struct table_join {
  std::string name;
  std::string key = "source"; ///< Whose value is looked up: source or a dimension.
  std::shared_ptr<const lookup_table> table;
};

struct stream_config {
  event_time_config event_time;

  /// The default windows, of each series by itself; none of `name`, `where`,
  /// `group_by`. Kinds: tumbling, hopping, calendar.
  std::optional<view_config> window = view_config{};
  std::vector<view_config> views;
  std::vector<convert_config> converts;
  std::vector<filter_config> filters;
  std::vector<sample_config> samples;
  std::vector<derive_config> derives;
  std::vector<table_join> tables;

  ewma_config detector;
  /// Metrics (with * and ?) that the detector leaves alone: bursts are their nature.
  std::vector<std::string> detector_ignores;
  std::vector<rule_config> rules; ///< At most rules_max.

  /// Makes the calendar that a `calendar_text` names, or null; for windows of a saved
  /// state that are configured otherwise today.
  std::function<std::shared_ptr<const window_calendar>(const std::string& text)>
    make_calendar{};
};

/// What of a view decides whether its open windows can go on after a change: kind,
/// sizes, groups and what is kept; not the choice of events.
std::string state_fingerprint(const view_config& view);

} // namespace weir::analytics
