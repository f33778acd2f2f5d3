#include "transport/timestamp.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

namespace weir::transport {

namespace {

using nanoseconds = std::optional<std::int64_t>;

constexpr std::int64_t ns_per_s = 1'000'000'000;

std::int64_t ns_per(time_unit unit) {
  switch (unit) {
  case time_unit::seconds:
    return ns_per_s;
  case time_unit::milliseconds:
    return 1'000'000;
  case time_unit::microseconds:
    return 1'000;
  default:
    return 1;
  }
}

/// The unit that a bare number must have been written in.
template <class T>
time_unit unit_by_magnitude(T time, time_unit unit) {
  if (unit != time_unit::automatic)
    return unit;
  auto within = [time](double limit) {
    return static_cast<double>(time)<limit&& static_cast<double>(time)> - limit;
  };
  if (within(1e11))
    return time_unit::seconds;
  if (within(1e14))
    return time_unit::milliseconds;
  return within(1e17) ? time_unit::microseconds : time_unit::nanoseconds;
}

/// Reads ISO 8601 from left to right; `ok` turns false at the first surprise.
struct text_cursor {
  std::string_view rest;
  bool ok = true;

  bool at(char x) const {
    return !rest.empty() && rest.front() == x;
  }

  bool take(char x) {
    if (!at(x))
      return false;
    rest.remove_prefix(1);
    return true;
  }

  void demand(char x) {
    ok = take(x) && ok;
  }

  bool at_digit() const {
    return !rest.empty() && rest.front() >= '0' && rest.front() <= '9';
  }

  /// Exactly `count` digits.
  int digits(int count) {
    int result = 0;
    for (int i = 0; i < count; ++i) {
      if (!at_digit()) {
        ok = false;
        return 0;
      }
      result = result * 10 + (rest.front() - '0');
      rest.remove_prefix(1);
    }
    return result;
  }

  /// At least one digit behind the point, as nanoseconds.
  std::int64_t fraction_ns() {
    ok = ok && at_digit();
    std::int64_t result = 0;
    for (auto scale = ns_per_s / 10; at_digit(); scale /= 10) {
      result += scale * (rest.front() - '0');
      rest.remove_prefix(1);
    }
    return result;
  }
};

/// Seconds east of UTC; all that is left must belong to it.
std::int64_t read_offset_s(text_cursor& in) {
  if (in.rest.empty())
    return 0;
  if (in.take('Z') || in.take('z')) {
    in.ok = in.ok && in.rest.empty();
    return 0;
  }
  bool west = in.at('-');
  if (!west && !in.at('+')) {
    in.ok = false;
    return 0;
  }
  in.rest.remove_prefix(1);
  auto hours = in.digits(2);
  int minutes = 0;
  if (!in.rest.empty()) {
    in.take(':');
    minutes = in.digits(2);
  }
  in.ok = in.ok && in.rest.empty() && hours <= 23 && minutes <= 59;
  std::int64_t seconds = hours * 3600 + minutes * 60;
  return west ? -seconds : seconds;
}

struct clock_reading {
  std::int64_t second_of_day = 0;
  std::int64_t fraction_ns = 0;
};

clock_reading read_clock(text_cursor& in) {
  auto hours = in.digits(2);
  in.demand(':');
  auto minutes = in.digits(2);
  int seconds = 0;
  clock_reading result;
  if (in.take(':')) {
    seconds = in.digits(2);
    if (in.take('.') || in.take(','))
      result.fraction_ns = in.fraction_ns();
  }
  in.ok = in.ok && hours <= 23 && minutes <= 59 && seconds <= 60;
  result.second_of_day = hours * 3600 + minutes * 60 + seconds;
  return result;
}

/// seconds * ns_per_second + extra_ns, or nothing on overflow.
nanoseconds combine(std::int64_t seconds, std::int64_t extra_ns) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(seconds, ns_per_s, &result)
      || __builtin_add_overflow(result, extra_ns, &result))
    return std::nullopt;
  return result;
}

} // namespace

nanoseconds time_from_integer(std::int64_t time, time_unit unit) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(time, ns_per(unit_by_magnitude(time, unit)), &result))
    return std::nullopt;
  return result;
}

nanoseconds time_from_real(double time, time_unit unit) {
  // 2^63, the first double that int64 does not hold. NaN fails the test as
  // well.
  constexpr double limit = 9223372036854775808.0;
  if (!(time > -limit && time < limit))
    return std::nullopt;
  unit = unit_by_magnitude(time, unit);
  auto whole = std::trunc(time);
  auto scale = ns_per(unit);
  auto fraction_us = std::llround((time - whole) * static_cast<double>(scale) / 1e3);
  std::int64_t result = 0;
  if (__builtin_mul_overflow(static_cast<std::int64_t>(whole), scale, &result)
      || __builtin_add_overflow(result, fraction_us * 1000LL, &result))
    return std::nullopt;
  return result;
}

nanoseconds time_from_iso8601(std::string_view text) {
  text_cursor in{text};
  std::chrono::year year{in.digits(4)};
  in.demand('-');
  std::chrono::month month{static_cast<unsigned>(in.digits(2))};
  in.demand('-');
  std::chrono::day day{static_cast<unsigned>(in.digits(2))};
  std::chrono::year_month_day date{year, month, day};
  if (!in.ok || !date.ok())
    return std::nullopt;
  std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  clock_reading clock;
  std::int64_t offset_s = 0;
  if (!in.rest.empty()) {
    if (!in.take('T') && !in.take('t'))
      in.demand(' ');
    clock = read_clock(in);
    offset_s = read_offset_s(in);
  }
  if (!in.ok)
    return std::nullopt;
  auto seconds = days * 86'400 + clock.second_of_day - offset_s;
  // Years 0000 to 9999 fit into seconds by far; nanoseconds do not.
  return combine(seconds, clock.fraction_ns);
}

nanoseconds time_from_text(std::string_view text, time_unit unit) {
  if (auto iso = time_from_iso8601(text))
    return iso;
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  auto as_integer = std::from_chars(text.data(), end, whole);
  if (as_integer.ec == std::errc{} && as_integer.ptr == end)
    return time_from_integer(whole, unit);
  double real = 0.0;
  auto as_real = std::from_chars(text.data(), end, real, std::chars_format::fixed);
  if (as_real.ec == std::errc{} && as_real.ptr == end)
    return time_from_real(real, unit);
  return std::nullopt;
}

} // namespace weir::transport
