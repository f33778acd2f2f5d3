// The names of stored series as labels of the query language: which labels a series
// has, and which of its windows' values a selector asks for. The rules stand in
// docs/query.md ("What is stored, as series"). Pure; thread-safe.
#pragma once

#include "analytics/aggregates.hpp"
#include "analytics/query/labels.hpp"
#include "analytics/series.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics::query {

inline constexpr std::string_view edge_label = "edge";
inline constexpr std::string_view source_label = "source";
/// Which value of a window the samples are; not there: the mean.
inline constexpr std::string_view stat_label = "stat";
/// The canonical text; only where two series would have the same labels.
inline constexpr std::string_view series_label = "series";

/// A metric as clients of Prometheus take it: what is no letter, digit, `_` or `:`
/// becomes `_`.
std::string to_metric_label(std::string_view metric);

/// The same for the key of a dimension, without `:`; names that mean something else
/// here, and those that begin with `__`, get `dim_` in front.
std::string to_label_name(std::string_view key);

/// Metric, source, edge and dimensions. Of two dimensions that become one name the
/// later one (by key) gets `_` behind it.
label_set labels_of(std::string_view edge, const series_name& series);

/// One of the values that a window has.
struct stat_choice {
  std::string text; ///< Of the label; "" where a selector does not ask for one.
  aggregate_spec spec;
};

/// The matchers of a selector, sorted by what they look at.
class series_selector {
public:
  explicit series_selector(std::span<const label_matcher> matchers);

  /// The values to give of each series that passes: the mean, if no matcher looks at
  /// `stat`.
  const std::vector<stat_choice>& stats() const {
    return stats_;
  }

  /// The edge that it has to be, or "".
  std::string_view edge() const {
    return edge_;
  }

  /// A text that the canonical text of each series that passes has in it (upper and
  /// lower case aside), or "".
  std::string_view part() const {
    return part_;
  }

  /// Whether the metric passes: cheap, before the rest is parsed. The exact metric
  /// (`motor.temp`) does as well as the one that is shown (`motor_temp`).
  bool passes_metric(std::string_view metric) const;

  /// Whether the rest passes.
  bool passes(const label_set& labels, std::string_view canonical) const;

private:
  std::vector<label_matcher> metric_;
  std::vector<label_matcher> series_;
  std::vector<label_matcher> rest_;
  std::vector<stat_choice> stats_;
  std::string edge_;
  std::string part_;
};

/// The values of `stat` that can be asked for anywhere; others (`p95`,
/// `distinct(user)`) where windows keep them.
std::span<const std::string_view> plain_stats();

} // namespace weir::analytics::query
