// The evaluator's inside. Each operator makes columns of its parts' columns: one per
// series, with a value for each step, or with `stale_value()` where there is none.
#pragma once

#include "analytics/query/evaluator.hpp"
#include "analytics/query/functions.hpp"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir::analytics::query {

/// The times at which something is evaluated.
struct step_grid {
  std::int64_t start_ms = 0;
  std::int64_t step_ms = 1;
  std::size_t count = 1;

  std::int64_t time_ms(std::size_t i) const {
    return start_ms + static_cast<std::int64_t>(i) * step_ms;
  }
  std::int64_t last_ms() const {
    return time_ms(count == 0 ? 0 : count - 1);
  }
};

/// A series on the grid. That of a scalar has no labels and a value everywhere.
struct column {
  label_set labels;
  std::vector<double> values;
};
using columns = std::vector<column>;

inline bool is_absent(double x) {
  return is_stale(x);
}
inline double absent() {
  return stale_value();
}

/// One query's evaluation; used by one thread.
class evaluation {
public:
  evaluation(std::int64_t start_ms, std::int64_t end_ms, series_source& source,
             const evaluation_options& options)
    : start_ms_(start_ms), end_ms_(end_ms), source_(source), options_(options) {
  }

  /// Of a scalar or an instant vector.
  result<columns> run(const node& x, const step_grid& grid);

  /// The samples of a range vector, from the first window of the grid to the last.
  /// None of them is stale.
  result<std::vector<series_columns>> samples(const node& x, const step_grid& grid,
                                              std::string_view function);

  /// Where the window of a range vector ends that is evaluated at `time_ms`.
  std::int64_t window_end_ms(const node& x, std::int64_t time_ms) const;

private:
  result<columns> evaluate(const number_literal& x, const step_grid& grid);
  result<columns> evaluate(const text_literal& x, const step_grid& grid);
  result<columns> evaluate(const selector& x, const step_grid& grid);
  result<columns> evaluate(const subquery& x, const step_grid& grid);
  result<columns> evaluate(const negation& x, const step_grid& grid);
  result<columns> evaluate(const parentheses& x, const step_grid& grid);
  result<columns> evaluate(const binary& x, const step_grid& grid);
  result<columns> evaluate(const aggregation& x, const step_grid& grid);
  result<columns> evaluate(const call& x, const step_grid& grid);

  // Functions.
  result<columns> call_range(const call& x, const step_grid& grid);
  result<columns> call_value(const call& x, const step_grid& grid);
  result<columns> call_date(const call& x, const step_grid& grid);
  result<columns> call_labels(const call& x, const step_grid& grid);
  result<columns> call_order(const call& x, const step_grid& grid);
  result<columns> call_other(const call& x, const step_grid& grid);
  result<columns> call_absent(const call& x, const step_grid& grid);
  result<columns> call_timestamp(const call& x, const step_grid& grid);

  // Operators on two vectors, or on a vector and a scalar.
  result<columns> combine_scalars(const binary& x, columns left, columns right);
  result<columns> combine_sets(const binary& x, columns left, columns right,
                               const step_grid& grid);
  result<columns> combine_vectors(const binary& x, columns left, columns right,
                                  const step_grid& grid);

  /// The last sample that is not too old, at each step: its value, or its time in
  /// seconds.
  result<columns> instant(const selector& x, const step_grid& grid, bool gives_times);
  result<std::vector<series_columns>> select(const selection& what);
  std::int64_t shifted_ms(const time_shift& x, std::int64_t time_ms) const;

  /// An error if the caller wants no more.
  std::optional<query_error> check_stop() const;
  /// Counts points against the limit.
  std::optional<query_error> charge(std::size_t series, std::size_t steps);
  /// Drops what is empty; makes one of two series with the same labels, which is an
  /// error if both have a value at one step.
  result<columns> merged(columns x) const;

  std::int64_t start_ms_; ///< Of the whole query.
  std::int64_t end_ms_;
  series_source& source_;
  const evaluation_options& options_;
  std::size_t samples_ = 0; ///< Read so far.
  std::size_t points_ = 0;  ///< Calculated so far.
};

} // namespace weir::analytics::query
