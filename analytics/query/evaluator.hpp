// Evaluates a query at one time or at many, over any source of samples. Pure: no
// clock, no I/O of its own; answers are those of Prometheus 2.42 (docs/query.md lists
// the differences).
//
//   auto tree = parse("sum by (site) (rate(parts_total[5m]))");
//   auto answer = evaluate_range(*tree, {start_ms, end_ms, 60'000}, source, {});
//
// A range is evaluated in columns, all steps of a series at once; windows of range
// functions move along the samples and take each of them in once.
#pragma once

#include "analytics/query/syntax.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics::query {

/// The sample that says that a series has ended: a NaN of its own, as Prometheus
/// writes it. Compare it by its bits.
inline constexpr std::uint64_t stale_bits = 0x7ff0000000000002;
inline bool is_stale(double x) {
  return std::bit_cast<std::uint64_t>(x) == stale_bits;
}
inline double stale_value() {
  return std::bit_cast<double>(stale_bits);
}

/// A series: two columns of equal length, times strictly ascending.
struct series_columns {
  label_set labels;
  std::vector<std::int64_t> times_ms; ///< Since 1970, UTC.
  std::vector<double> values;
};

/// What one selector needs.
struct selection {
  std::span<const label_matcher> matchers;
  std::int64_t from_ms = 0; ///< Included, as is `until_ms`.
  std::int64_t until_ms = 0;

  // Hints: what they say is not needed may be left out.
  /// Only the windows (t - range_ms) to t are looked at, with t from `until_ms` back
  /// in such steps; 0 if there is one t alone.
  std::int64_t step_ms = 0;
  std::int64_t range_ms = 0; ///< The look-back, for an instant vector.
  std::string_view function; ///< What the samples of a range go into; or "".
  /// Of each window only the value of its last sample is looked at, not its time.
  bool takes_last = false;
  std::size_t series_max = 0;  ///< More are of no use: the query fails.
  std::size_t samples_max = 0; ///< The same.
};

class series_source {
public:
  virtual ~series_source() = default;

  /// The series that pass all matchers, with their samples there and no others; each
  /// label set once. In the order in which an instant vector shall give them.
  virtual result<std::vector<series_columns>> select(const selection& what) = 0;
};

struct evaluation_options {
  /// How old the last sample of an instant vector may be.
  std::int64_t lookback_ms = 300'000;
  /// Of a subquery that gives none.
  std::int64_t default_step_ms = 60'000;
  /// Of one selector, and of one result on the way.
  std::size_t series_max = 100'000;
  /// Read from the source, by the whole query.
  std::size_t samples_max = 50'000'000;
  /// Calculated on the way, by the whole query: series times steps of each operator.
  std::size_t points_max = 50'000'000;
  std::size_t steps_max = 11'000; ///< Of a range; as in Prometheus.
  /// Asked again and again on the way; may look at a clock. May be empty.
  std::function<bool()> should_stop;
};

struct time_range {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0; ///< Included, if a step falls on it.
  std::int64_t step_ms = 0;
};

struct answer {
  /// Of an instant query: that of the tree. Of a range query always `matrix`.
  value_type type = value_type::vector;
  /// A scalar is one series without labels. Those of a range are sorted by labels;
  /// those of an instant stand as the query left them (sort, topk).
  std::vector<series_columns> series;
  std::string text; ///< If it is a text.
};

/// Times further than this from 1970 are an error (the year 5138).
inline constexpr std::int64_t query_time_ms_max = 100'000'000'000'000;

result<answer> evaluate_at(const node& tree, std::int64_t time_ms,
                           series_source& source, const evaluation_options& options);

result<answer> evaluate_range(const node& tree, const time_range& range,
                              series_source& source, const evaluation_options& options);

} // namespace weir::analytics::query
