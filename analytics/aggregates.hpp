// Which aggregates a window keeps, as the configuration names them:
//
//   count sum min max mean variance stddev first last range
//       from the plain fields of a summary; range is max - min, variance that of the
//       population
//   rate                  increase of a counter per second, from the first to the last
//                         event; a counter that restarts at 0 gives no negative rate
//   time_weighted_mean    each value weighs the time until the next event
//   distinct(NAME)        how many values the dimension NAME had
//   top(K, NAME)          its K most frequent values (K from 1 to 100)
//   quantile(Q)           Q from 0 to 1; short: p50, p95, p99, p99.9, median
//
// What the second half needs is kept by analytics/extended_aggregates.hpp.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/records.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics {

class extended_aggregates;

inline constexpr std::size_t aggregates_max = 32;
inline constexpr std::size_t aggregate_names_max = 4; ///< Of distinct, and of top.
inline constexpr std::size_t aggregate_name_bytes_max = 128;

enum class aggregate_kind : std::uint8_t {
  count,
  sum,
  min,
  max,
  mean,
  variance,
  stddev,
  first,
  last,
  range,
  rate,
  time_weighted_mean,
  distinct,
  top,
  quantile
};

struct aggregate_spec {
  aggregate_kind kind = aggregate_kind::count;
  std::string text;    ///< As it was configured, without spaces around it.
  std::string name{};  ///< Of distinct and top: the dimension.
  std::uint32_t k = 0; ///< Of top.
  double q = 0.0;      ///< Of quantile, in [0, 1].

  bool operator==(const aggregate_spec&) const = default;
};

/// What a window must keep for a list of aggregates.
struct aggregate_plan {
  struct top_request {
    std::string name;
    std::uint32_t k = 0; ///< The largest asked for `name`.

    bool operator==(const top_request&) const = default;
  };

  std::vector<aggregate_spec> specs; ///< In the order of the configuration.
  bool quantiles = false;
  double alpha = 0.01; ///< Relative error of quantiles; see quantile_sketch.hpp.
  bool rate = false;
  bool time_weighted = false;
  std::vector<std::string> distinct; ///< Dimensions, each once.
  std::vector<top_request> top;      ///< Dimensions, each once.

  /// The plain fields of a summary are enough.
  bool is_plain() const {
    return !quantiles && !rate && !time_weighted && distinct.empty() && top.empty();
  }
  bool operator==(const aggregate_plan&) const = default;
};

/// The error names the text, what is wrong with it and what would be right.
expected<aggregate_spec, std::string> parse_aggregate(std::string_view text);

/// Refuses what parse_aggregate() refuses, an aggregate that is there twice, and more
/// than the limits above.
expected<aggregate_plan, std::string>
parse_aggregates(const std::vector<std::string>& texts);

/// The aggregate of a summary, or NaN where it is undefined: no events, a rate of one
/// event, a part that the summary's window did not keep, and always for top, which is
/// a list. Quantiles are clamped to [min, max], exact at 0 and 1.
double value_of(const summary& x, const aggregate_spec& spec);

/// The same for several aggregates of one summary: `extended` is its decoded
/// `x.extended`, or null.
double value_of(const summary& x, const extended_aggregates* extended,
                const aggregate_spec& spec);

} // namespace weir::analytics
