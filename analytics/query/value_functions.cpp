#include "analytics/query/value_functions.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace weir::analytics::query {

namespace {

using values = std::span<double>;
using parameter = std::span<const double>;

constexpr auto nan = std::numeric_limits<double>::quiet_NaN();

template <class Function>
void each(values of, Function function) {
  for (std::size_t i = 0; i < of.size(); ++i)
    if (!is_absent(of[i]))
      of[i] = function(of[i], i);
}

template <double (*Function)(double)>
void plain(values of, parameter, parameter) {
  each(of, [](double x, std::size_t) { return Function(x); });
}

// Of two numbers one of which is NaN, std::max gives either; these give NaN.
double larger(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? nan : std::max(a, b);
}
double smaller(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? nan : std::min(a, b);
}

double sign(double x) {
  return x < 0 ? -1.0 : x > 0 ? 1.0 : x;
}
double degrees(double x) {
  return x * 180.0 / std::numbers::pi;
}
double radians(double x) {
  return x * std::numbers::pi / 180.0;
}

void clamp(values of, parameter least, parameter most) {
  each(of, [&](double x, std::size_t i) {
    return most[i] < least[i] ? absent() : larger(least[i], smaller(most[i], x));
  });
}
void clamp_min(values of, parameter least, parameter) {
  each(of, [&](double x, std::size_t i) { return larger(least[i], x); });
}
void clamp_max(values of, parameter most, parameter) {
  each(of, [&](double x, std::size_t i) { return smaller(most[i], x); });
}
void round(values of, parameter nearest, parameter) {
  // By the inverse, as 0.1 is no double but 10 is.
  each(of, [&](double x, std::size_t i) {
    auto inverse = nearest.empty() ? 1.0 : 1.0 / nearest[i];
    return std::floor(x * inverse + 0.5) / inverse;
  });
}

} // namespace

value_function find_value_function(std::string_view name) {
  static constexpr auto table
    = std::to_array<std::pair<std::string_view, value_function>>({
      {"abs", plain<std::fabs>},
      {"acos", plain<std::acos>},
      {"acosh", plain<std::acosh>},
      {"asin", plain<std::asin>},
      {"asinh", plain<std::asinh>},
      {"atan", plain<std::atan>},
      {"atanh", plain<std::atanh>},
      {"ceil", plain<std::ceil>},
      {"clamp", clamp},
      {"clamp_max", clamp_max},
      {"clamp_min", clamp_min},
      {"cos", plain<std::cos>},
      {"cosh", plain<std::cosh>},
      {"deg", plain<degrees>},
      {"exp", plain<std::exp>},
      {"floor", plain<std::floor>},
      {"ln", plain<std::log>},
      {"log10", plain<std::log10>},
      {"log2", plain<std::log2>},
      {"rad", plain<radians>},
      {"round", round},
      {"sgn", plain<sign>},
      {"sin", plain<std::sin>},
      {"sinh", plain<std::sinh>},
      {"sqrt", plain<std::sqrt>},
      {"tan", plain<std::tan>},
      {"tanh", plain<std::tanh>},
    });
  auto found = std::find_if(table.begin(), table.end(),
                            [name](const auto& x) { return x.first == name; });
  return found == table.end() ? nullptr : found->second;
}

date_function find_date_function(std::string_view name) {
  constexpr auto names = std::to_array<std::string_view>(
    {"day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute",
     "month", "year"});
  auto found = std::find(names.begin(), names.end(), name);
  return static_cast<date_function>(found - names.begin());
}

double date_part(date_function which, double time_s) {
  namespace chrono = std::chrono;
  constexpr double time_s_max = 9e11; // What the years of <chrono> hold.
  if (!(std::abs(time_s) < time_s_max))
    return nan;
  // Towards 0, as a conversion to an integer goes.
  const chrono::sys_seconds time{chrono::seconds{static_cast<std::int64_t>(time_s)}};
  auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date{day};
  auto of_day = (time - day).count();
  switch (which) {
  case date_function::day_of_month:
    return static_cast<double>(static_cast<unsigned>(date.day()));
  case date_function::day_of_week:
    return static_cast<double>(chrono::weekday{day}.c_encoding());
  case date_function::day_of_year:
    return static_cast<double>(
      (day - chrono::sys_days{date.year() / chrono::January / 1}).count() + 1);
  case date_function::days_in_month: {
    auto last = date.year() / date.month() / chrono::last;
    return static_cast<double>(static_cast<unsigned>(last.day()));
  }
  case date_function::hour:
    return static_cast<double>(of_day / 3600);
  case date_function::minute:
    return static_cast<double>(of_day / 60 % 60);
  case date_function::month:
    return static_cast<double>(static_cast<unsigned>(date.month()));
  case date_function::year:
    return static_cast<double>(static_cast<int>(date.year()));
  }
  return nan;
}

} // namespace weir::analytics::query
