#include "cli/time_text.hpp"

#include "transport/timestamp.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace weir::cli {

namespace {

struct unit {
  std::string_view name;
  double ns;
};
constexpr std::array<unit, 9> units{{{"ns", 1.0},
                                     {"us", 1e3},
                                     {"ms", 1e6},
                                     {"", 1e9},
                                     {"s", 1e9},
                                     {"m", 60e9},
                                     {"h", 3600e9},
                                     {"d", 86400e9},
                                     {"w", 604800e9}}};

} // namespace

expected<std::int64_t, std::string> parse_span_ns(std::string_view text) {
  auto digits = text;
  if (digits.starts_with('+'))
    digits.remove_prefix(1);
  double number = 0.0;
  auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(),
                                        number, std::chars_format::fixed);
  if (failure == std::errc{} && std::isfinite(number)) {
    std::string_view name{
      end, static_cast<std::size_t>(digits.data() + digits.size() - end)};
    for (const auto& one : units) {
      auto span_ns = number * one.ns;
      if (one.name == name && std::abs(span_ns) < 9.0e18)
        return static_cast<std::int64_t>(std::llround(span_ns));
    }
  }
  return unexpected("\"" + std::string{text}
                    + "\" is no span of time: a number and ms, s, m, h, d or w, "
                      "such as 250ms, 10s or 1.5h");
}

expected<std::int64_t, std::string> parse_time_ns(std::string_view text,
                                                  std::int64_t now_ns) {
  if (text == "now")
    return now_ns;
  if (text.starts_with('-') || text.starts_with('+')) {
    if (auto span_ns = parse_span_ns(text)) {
      std::int64_t result = 0;
      if (!__builtin_add_overflow(now_ns, *span_ns, &result))
        return result;
    }
  } else if (auto time_ns
             = transport::time_from_text(text, transport::time_unit::automatic)) {
    return *time_ns;
  }
  return unexpected("\"" + std::string{text}
                    + "\" is no time: now, a span from now such as -24h, ISO "
                      "8601 such as 2026-11-22T15:00:00Z, or a Unix time");
}

void append_iso_ms(std::string& out, std::int64_t time_ns) {
  namespace chrono = std::chrono;
  chrono::sys_time<chrono::milliseconds> time{
    chrono::floor<chrono::milliseconds>(chrono::nanoseconds{time_ns})};
  auto day = chrono::floor<chrono::days>(time);
  chrono::year_month_day date{day};
  chrono::hh_mm_ss clock{time - day};
  char text[64];
  auto size = std::snprintf(
    text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
    static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
    static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
    static_cast<int>(clock.minutes().count()),
    static_cast<int>(clock.seconds().count()),
    static_cast<int>(clock.subseconds().count()));
  out.append(text, static_cast<std::size_t>(size));
}

std::string iso_ms(std::int64_t time_ns) {
  std::string result;
  append_iso_ms(result, time_ns);
  return result;
}

std::int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

} // namespace weir::cli
