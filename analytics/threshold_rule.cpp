#include "analytics/threshold_rule.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace weir::analytics {

namespace {

bool holds(const rule_config& rule, const rule_input& input, double limit) {
  switch (rule.condition) {
  case rule_condition::above:
    return input.value > limit;
  case rule_condition::below:
    return input.value < limit;
  case rule_condition::anomaly:
    return input.in_excursion && input.severity >= rule.anomaly_min;
  }
  return false;
}

std::string number(double x) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", x);
  return text.data();
}

std::string describe(const rule_config& rule, std::string_view series_text,
                     const rule_input& input, alert_state state) {
  std::string text{series_text};
  if (state == alert_state::resolved || state == alert_state::recovering)
    return text + " is back at " + number(input.value);
  switch (rule.condition) {
  case rule_condition::above:
    return text + " is " + number(input.value) + ", above the limit of "
           + number(rule.limit);
  case rule_condition::below:
    return text + " is " + number(input.value) + ", below the limit of "
           + number(rule.limit);
  case rule_condition::anomaly:
    break;
  }
  return text + " is " + number(input.value) + " where " + number(input.expected)
         + " was expected";
}

} // namespace

bool matches_glob(std::string_view pattern, std::string_view text) {
  // Iterative with one point of return: linear in practice, no recursion.
  std::size_t p = 0;
  std::size_t t = 0;
  auto star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])
        && pattern[p] != '*') {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

bool begins(const rule_config& rule, const rule_input& input) {
  return holds(rule, input, rule.limit);
}

bool rule_state::step(const rule_config& rule, const rule_input& input) {
  auto is_active = state != alert_state::inactive;
  auto limit = is_active && rule.clear_limit ? *rule.clear_limit : rule.limit;
  auto before = state;
  if (holds(rule, input, limit)) {
    if (!is_active) {
      state = alert_state::pending;
      start_ns = input.time_ns;
      worst = input.value;
    } else if (state == alert_state::recovering) {
      state = alert_state::firing;
    }
    if (state == alert_state::pending && input.time_ns - start_ns >= rule.hold_ns)
      state = alert_state::firing;
    worst = rule.condition == rule_condition::below ? std::min(worst, input.value)
                                                    : std::max(worst, input.value);
    return state != before;
  }
  if (state == alert_state::pending) {
    state = alert_state::inactive;
  } else if (state == alert_state::firing) {
    state = alert_state::recovering;
    since_ns = input.time_ns;
  }
  if (state == alert_state::recovering && input.time_ns - since_ns >= rule.recover_ns)
    state = alert_state::resolved;
  return state != before;
}

alert make_alert(const rule_config& rule, const rule_state& state, series_id series,
                 std::string_view series_text, const rule_input& input) {
  alert result;
  result.id = make_alert_id(rule.name, series_text, state.start_ns);
  result.rule = rule.name;
  result.series = series;
  result.state = state.state;
  result.severity = rule.condition == rule_condition::anomaly
                      ? std::max(rule.severity, input.severity)
                      : rule.severity;
  result.start_ns = state.start_ns;
  result.updated_ns = input.time_ns;
  result.value = input.value;
  result.limit
    = rule.condition == rule_condition::anomaly ? input.expected : rule.limit;
  result.message = describe(rule, series_text, input, state.state);
  return result;
}

} // namespace weir::analytics
