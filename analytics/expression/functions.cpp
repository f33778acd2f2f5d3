#include "analytics/expression/functions.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace weir::analytics::expressions {

namespace {

constexpr auto functions = std::to_array<function>({
  {"abs", "abs(x)", opcode::absolute, "n", 'n'},
  {"atan2", "atan2(y, x)", opcode::arc_tangent_2, "nn", 'n'},
  {"ceil", "ceil(x)", opcode::ceil, "n", 'n'},
  {"clamp", "clamp(x, low, high)", opcode::minimum, "nnn", 'n', call_shape::clamp},
  {"coalesce", "coalesce(a, b, ...)", opcode::coalesce, "?=", '=', call_shape::chain},
  {"contains", "contains(text, part)", opcode::contains, "tt", 'b'},
  {"cos", "cos(x)", opcode::cosine, "n", 'n'},
  {"ends_with", "ends_with(text, end)", opcode::ends_with, "tt", 'b'},
  {"exp", "exp(x)", opcode::exponential, "n", 'n'},
  {"floor", "floor(x)", opcode::floor, "n", 'n'},
  {"has", "has(x)", opcode::has, "?", 'b'},
  {"hour", "hour(time)", opcode::hour, "n", 'n'},
  {"hypot", "hypot(x, y)", opcode::hypotenuse, "nn", 'n'},
  {"if", "if(condition, a, b)", opcode::select, "b?=", '='},
  {"length", "length(text)", opcode::length, "t", 'n'},
  {"ln", "ln(x)", opcode::natural_log, "n", 'n'},
  {"log10", "log10(x)", opcode::log_10, "n", 'n'},
  {"log2", "log2(x)", opcode::log_2, "n", 'n'},
  {"lower", "lower(text)", opcode::lower, "t", 't'},
  {"matches", "matches(text, pattern)", opcode::matches, "tt", 'b'},
  {"max", "max(a, b, ...)", opcode::maximum, "nn", 'n', call_shape::chain},
  {"min", "min(a, b, ...)", opcode::minimum, "nn", 'n', call_shape::chain},
  {"minute", "minute(time)", opcode::minute, "n", 'n'},
  {"number", "number(text)", opcode::to_number, "t", 'n'},
  {"pow", "pow(x, y)", opcode::power, "nn", 'n'},
  {"round", "round(x)", opcode::round, "n", 'n'},
  {"sign", "sign(x)", opcode::sign, "n", 'n'},
  {"sin", "sin(x)", opcode::sine, "n", 'n'},
  {"sqrt", "sqrt(x)", opcode::square_root, "n", 'n'},
  {"starts_with", "starts_with(text, start)", opcode::starts_with, "tt", 'b'},
  {"tan", "tan(x)", opcode::tangent, "n", 'n'},
  {"trunc", "trunc(x)", opcode::trunc, "n", 'n'},
  {"upper", "upper(text)", opcode::upper, "t", 't'},
  {"weekday", "weekday(time)", opcode::weekday, "n", 'n'},
});

constexpr auto names = [] {
  std::array<std::string_view, functions.size()> result;
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = functions[i].name;
  return result;
}();

/// Names are short; longer ones get no suggestion, so that the cost stays bounded.
constexpr std::size_t suggest_bytes_max = 64;

constexpr char folded(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; upper and
/// lower case are the same letter, so that `Max` finds `max`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  using row = std::array<std::size_t, suggest_bytes_max + 1>;
  row before_last{};
  row last{};
  row current{};
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto differs = folded(a[i - 1]) != folded(b[j - 1]);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, last[j - 1] + differs});
      if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2])
          && folded(a[i - 2]) == folded(b[j - 1]))
        current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = current;
  }
  return last[b.size()];
}

} // namespace

const function* find_function(std::string_view name) {
  auto found = std::find_if(functions.begin(), functions.end(),
                            [name](const function& x) { return x.name == name; });
  return found == functions.end() ? nullptr : &*found;
}

std::span<const std::string_view> function_names() {
  return names;
}

std::string_view find_nearest(std::string_view name,
                              std::span<const std::string_view> candidates) {
  std::string_view nearest;
  // More than a third of the letters wrong is another word, not a slip.
  auto limit = std::max<std::size_t>(name.size() / 3, 1) + 1;
  if (name.size() > suggest_bytes_max)
    return nearest;
  for (auto candidate : candidates) {
    if (candidate.empty() || candidate.size() > suggest_bytes_max)
      continue;
    auto distance = edit_distance(name, candidate);
    if (distance < limit && distance < candidate.size()) {
      limit = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

} // namespace weir::analytics::expressions
