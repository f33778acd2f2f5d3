#include "cli/window_columns.hpp"

#include "transport/timestamp.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

namespace weir::cli {

namespace {

// Whole numbers that a double holds exactly.
constexpr std::int64_t span_ns_max = std::int64_t{1} << 62;
constexpr double exact_max = 9'007'199'254'740'992.0;

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  auto end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, value);
  if (text.empty() || stop != end || failed != std::errc{})
    return std::nullopt;
  return value;
}

} // namespace

std::vector<std::string> window_column_names() {
  return {"count",  "sum",   "min",  "max",      "mean",    "m2",  "variance",
          "stddev", "first", "last", "first_ns", "last_ns", "late"};
}

std::vector<std::string> whole_window_columns() {
  return {"count", "sum",  "min",      "max",     "mean", "m2",
          "first", "last", "first_ns", "last_ns", "late"};
}

column_value column_of(const analytics::summary& x, std::string_view name) {
  if (name == "count")
    return static_cast<std::int64_t>(x.count);
  if (name == "first_ns")
    return x.first_ns;
  if (name == "last_ns")
    return x.last_ns;
  if (name == "late")
    return static_cast<std::int64_t>(x.late_count);
  if (name == "sum")
    return x.sum;
  if (name == "min")
    return x.min;
  if (name == "max")
    return x.max;
  if (name == "mean")
    return x.mean;
  if (name == "m2")
    return x.m2;
  if (name == "variance")
    return x.variance();
  if (name == "stddev")
    return std::sqrt(x.variance());
  return name == "first" ? x.first : x.last;
}

std::string to_text(const column_value& x) {
  char buffer[32];
  auto end = std::visit(
    [&](auto value) {
      return std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    },
    x);
  return {buffer, end};
}

std::optional<std::int64_t>* window_row::integer_named(std::string_view name) {
  if (name == "start")
    return &start_ns_;
  if (name == "width_ns")
    return &width_ns_;
  if (name == "count")
    return &count_;
  if (name == "first_ns")
    return &first_ns_;
  if (name == "last_ns")
    return &last_ns_;
  return name == "late" ? &late_ : nullptr;
}

std::optional<double>* window_row::real_named(std::string_view name) {
  if (name == "sum")
    return &sum_;
  if (name == "min")
    return &min_;
  if (name == "max")
    return &max_;
  if (name == "mean")
    return &mean_;
  if (name == "m2")
    return &m2_;
  if (name == "variance")
    return &variance_;
  if (name == "stddev")
    return &stddev_;
  if (name == "first")
    return &first_;
  return name == "last" ? &last_ : nullptr;
}

bool window_row::set(std::string_view name, column_value value) {
  if (auto* place = integer_named(name)) {
    if (const auto* whole = std::get_if<std::int64_t>(&value))
      *place = *whole;
    else if (auto real = std::get<double>(value);
             std::abs(real) <= exact_max && std::trunc(real) == real)
      *place = static_cast<std::int64_t>(real);
    else
      return false;
    return true;
  }
  auto* place = real_named(name);
  if (place == nullptr)
    return false;
  *place = std::visit([](auto x) { return static_cast<double>(x); }, value);
  return true;
}

expected<bool, std::string> window_row::set_text(std::string_view name,
                                                 std::string_view text) {
  if (name == "start") {
    start_ns_ = transport::time_from_text(text, transport::time_unit::nanoseconds);
    if (!start_ns_)
      return unexpected(std::string{"a time in RFC 3339 or Unix nanoseconds was "
                                    "expected"});
    return true;
  }
  if (text.empty())
    return true; // As if the column were missing.
  if (auto* place = integer_named(name)) {
    *place = number<std::int64_t>(text);
    if (!*place)
      return unexpected(std::string{"a whole number was expected"});
    return true;
  }
  auto* place = real_named(name);
  if (place == nullptr)
    return false;
  *place = number<double>(text);
  if (!*place || !std::isfinite(**place))
    return unexpected(std::string{"a finite number was expected"});
  return true;
}

expected<analytics::summary, std::string> window_row::window() const {
  if (!start_ns_ || !width_ns_)
    return unexpected(std::string{"a window needs start and width_ns"});
  if (!mean_ && !sum_)
    return unexpected(std::string{"a window needs mean or sum"});
  auto count = count_.value_or(1);
  if (count < 1)
    return unexpected(std::string{"a window has a count of at least 1"});
  if (late_ && (*late_ < 0 || *late_ > 0xFFFF'FFFF))
    return unexpected(std::string{"late is a count of 32 bits"});
  if (*width_ns_ < 1 || *width_ns_ > span_ns_max || std::abs(*start_ns_) > span_ns_max)
    return unexpected(std::string{"a window's start and width_ns are nanoseconds, and "
                                  "the width is above 0"});
  auto events = static_cast<double>(count);
  analytics::summary x;
  x.start_ns = *start_ns_;
  x.width_ns = *width_ns_;
  x.count = static_cast<std::uint64_t>(count);
  x.mean = mean_ ? *mean_ : *sum_ / events;
  x.sum = sum_.value_or(x.mean * events);
  x.min = min_.value_or(x.mean);
  x.max = max_.value_or(x.mean);
  auto variance = variance_.value_or(stddev_.value_or(0.0) * stddev_.value_or(0.0));
  x.m2 = m2_.value_or(variance * events);
  x.first = first_.value_or(x.mean);
  x.last = last_.value_or(x.mean);
  x.first_ns = first_ns_.value_or(x.start_ns);
  x.last_ns
    = last_ns_.value_or(count == 1 ? x.first_ns : x.start_ns + (x.width_ns - 1));
  x.late_count = static_cast<std::uint32_t>(late_.value_or(0));
  return x;
}

} // namespace weir::cli
