#include "web/url.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weir::web {

namespace {

constexpr std::size_t params_max = 32;
constexpr std::int64_t ms_max = 9'200'000'000'000; // Times 10^6 fits 63 bits.

int hex_digit(char x) {
  if (x >= '0' && x <= '9')
    return x - '0';
  if (x >= 'a' && x <= 'f')
    return x - 'a' + 10;
  if (x >= 'A' && x <= 'F')
    return x - 'A' + 10;
  return -1;
}

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char x) { return x >= '0' && x <= '9'; });
}

} // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size())
      return std::nullopt;
    auto high = hex_digit(text[i + 1]);
    auto low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0)
      return std::nullopt;
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

std::optional<query_params> query_params::parse(std::string_view query) {
  query_params result;
  while (!query.empty()) {
    auto end = std::min(query.find('&'), query.size());
    auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty())
      continue;
    auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value || result.values_.size() == params_max)
      return std::nullopt;
    result.values_.emplace_back(std::move(*name), std::move(*value));
  }
  return result;
}

std::optional<std::string_view> query_params::find(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name)
      return value.empty() ? std::nullopt : std::optional{std::string_view{value}};
  return std::nullopt;
}

bool query_params::has(std::string_view name) const {
  return std::any_of(values_.begin(), values_.end(),
                     [&](const auto& x) { return x.first == name; });
}

std::vector<std::string_view> query_params::all(std::string_view name) const {
  std::vector<std::string_view> result;
  for (const auto& [key, value] : values_)
    if (key == name)
      result.push_back(value);
  return result;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_ms(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative)
    text.remove_prefix(1);
  auto dot = std::min(text.find('.'), text.size());
  auto whole = parse_unsigned(text.substr(0, dot));
  auto fraction = text.substr(std::min(dot + 1, text.size()));
  bool bare_dot = dot + 1 == text.size();
  if (!whole || *whole > static_cast<std::uint64_t>(ms_max) || bare_dot
      || !all_digits(fraction))
    return std::nullopt;
  auto ns = static_cast<std::int64_t>(*whole) * 1'000'000;
  std::int64_t unit = 100'000;
  for (char digit : fraction) { // Beyond nanoseconds the unit is 0.
    ns += unit * (digit - '0');
    unit /= 10;
  }
  return negative ? -ns : ns;
}

std::int64_t ms_to_ns(double ms) {
  constexpr auto limit = static_cast<double>(ms_max);
  if (std::isnan(ms))
    return 0;
  ms = std::clamp(ms, -limit, limit);
  // Whole and fraction apart: a double has no room for today's time in ns.
  auto whole = std::floor(ms);
  return static_cast<std::int64_t>(whole) * 1'000'000
         + static_cast<std::int64_t>(std::llround((ms - whole) * 1e6));
}

} // namespace weir::web
