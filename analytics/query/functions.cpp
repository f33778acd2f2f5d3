#include "analytics/query/functions.hpp"

#include <algorithm>

namespace weir::analytics::query {

namespace {

std::vector<function> make_functions() {
  using enum value_type;
  using f = function_family;
  std::vector<function> result{
    {"absent", f::other, {vector}},
    {"absent_over_time", f::other, {matrix}},
    {"label_join", f::labels, {vector, text, text, text}, 1, true},
    {"label_replace", f::labels, {vector, text, text, text, text}},
    {"pi", f::other, {}, 0, false, scalar},
    {"predict_linear", f::range, {matrix, scalar}},
    {"quantile_over_time", f::range, {scalar, matrix}},
    {"scalar", f::other, {vector}, 0, false, scalar},
    {"time", f::other, {}, 0, false, scalar},
    {"timestamp", f::other, {vector}},
    {"vector", f::other, {scalar}},
    {"clamp", f::value, {vector, scalar, scalar}},
    {"clamp_max", f::value, {vector, scalar}},
    {"clamp_min", f::value, {vector, scalar}},
    {"round", f::value, {vector, scalar}, 1},
    {"holt_winters", f::range, {matrix, scalar, scalar}},
  };
  for (auto name : {"rate", "irate", "increase", "delta", "idelta", "deriv", "changes",
                    "resets", "avg_over_time", "min_over_time", "max_over_time",
                    "sum_over_time", "count_over_time", "last_over_time",
                    "present_over_time", "stddev_over_time", "stdvar_over_time"})
    result.push_back({name, f::range, {matrix}});
  for (auto name : {"abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil",
                    "cos", "cosh", "deg",   "exp",  "floor", "ln",   "log10", "log2",
                    "rad", "sgn",  "sin",   "sinh", "sqrt",  "tan",  "tanh"})
    result.push_back({name, f::value, {vector}});
  for (auto name : {"day_of_month", "day_of_week", "day_of_year", "days_in_month",
                    "hour", "minute", "month", "year"})
    result.push_back({name, f::date, {vector}, 1});
  for (auto name : {"sort", "sort_desc"})
    result.push_back({name, f::order, {vector}});
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return result;
}

} // namespace

std::span<const function> all_functions() {
  static const auto functions = make_functions();
  return functions;
}

const function* find_function(std::string_view name) {
  auto functions = all_functions();
  auto found
    = std::lower_bound(functions.begin(), functions.end(), name,
                       [](const function& x, auto wanted) { return x.name < wanted; });
  return found != functions.end() && found->name == name ? &*found : nullptr;
}

} // namespace weir::analytics::query
