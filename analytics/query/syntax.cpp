#include "analytics/query/syntax.hpp"

#include "analytics/query/functions.hpp"
#include "analytics/query/lexer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

namespace weir::analytics::query {

node_ptr::node_ptr(node x) : what_(std::make_unique<node>(std::move(x))) {
}
node_ptr::node_ptr(node_ptr&&) noexcept = default;
node_ptr& node_ptr::operator=(node_ptr&&) noexcept = default;
node_ptr::~node_ptr() = default;

bool node_ptr::operator==(const node_ptr& x) const {
  return what_ == x.what_ || (what_ && x.what_ && *what_ == *x.what_);
}

bool number_literal::operator==(const number_literal& x) const {
  return value == x.value || (std::isnan(value) && std::isnan(x.value));
}

const node& unwrap(const node& x) {
  auto result = &x;
  while (auto inside = std::get_if<parentheses>(&result->form))
    result = &*inside->inner;
  return *result;
}

std::string_view to_string(value_type x) {
  constexpr std::array<std::string_view, 4> names{"scalar", "instant vector",
                                                  "range vector", "text"};
  return names[static_cast<std::size_t>(x)];
}

std::string_view to_string(binary_op x) {
  constexpr std::array<std::string_view, 16> names{
    "+",  "-", "*",  "/", "%",  "^",   "atan2", "==",
    "!=", "<", "<=", ">", ">=", "and", "or",    "unless"};
  return names[static_cast<std::size_t>(x)];
}

std::string_view to_string(aggregate_op x) {
  constexpr std::array<std::string_view, 12> names{
    "sum",    "avg",    "min",  "max",     "count",    "group",
    "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"};
  return names[static_cast<std::size_t>(x)];
}

std::string duration_text(std::int64_t duration_ms) {
  constexpr std::array<std::pair<std::int64_t, std::string_view>, 5> units{
    {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}, {1, "ms"}}};
  std::string result = duration_ms < 0 ? "-" : "";
  auto rest = std::abs(duration_ms);
  if (rest == 0)
    return "0s";
  for (auto [size_ms, name] : units) {
    if (rest >= size_ms)
      result += std::to_string(rest / size_ms) + std::string{name};
    rest %= size_ms;
  }
  return result;
}

namespace {

std::string number_text(double x) {
  if (std::isnan(x))
    return "NaN";
  if (std::isinf(x))
    return x < 0 ? "-Inf" : "Inf";
  std::array<char, 64> buffer{};
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x).ptr;
  return {buffer.data(), end};
}

std::string label_name(const std::string& x) {
  return is_plain_label(x) ? x : quoted_text(x);
}

std::string list(const std::vector<std::string>& names) {
  std::string result = "(";
  for (const auto& x : names)
    result += (result.size() > 1 ? ", " : "") + label_name(x);
  return result + ")";
}

std::string shift_text(const time_shift& x) {
  std::string result;
  switch (x.at) {
  case time_shift::anchor::none:
    break;
  case time_shift::anchor::start:
    result += " @ start()";
    break;
  case time_shift::anchor::end:
    result += " @ end()";
    break;
  case time_shift::anchor::fixed: {
    auto size = std::abs(x.at_ms);
    auto thousandths = std::to_string(size % 1000);
    result += std::string{" @ "} + (x.at_ms < 0 ? "-" : "")
              + std::to_string(size / 1000) + "."
              + std::string(3 - thousandths.size(), '0') + thousandths;
    break;
  }
  }
  if (x.is_offset)
    result += " offset " + duration_text(x.offset_ms);
  return result;
}

std::string selector_text(const selector& x) {
  auto is_name = [](const label_matcher& m) { return m.name() == metric_label; };
  auto named = std::find_if(x.matchers.begin(), x.matchers.end(), is_name);
  // It can stand before the braces if nothing else is said of it.
  auto is_bare = named == x.matchers.begin() && named != x.matchers.end()
                 && named->kind() == match_kind::equal
                 && is_plain_metric(named->value()) && !is_reserved(named->value())
                 && std::count_if(x.matchers.begin(), x.matchers.end(), is_name) == 1;
  std::string result = is_bare ? named->value() : "";
  std::string inside;
  for (auto i = x.matchers.begin() + (is_bare ? 1 : 0); i != x.matchers.end(); ++i) {
    inside += inside.empty() ? "" : ", ";
    inside += label_name(i->name());
    inside += to_string(i->kind());
    inside += quoted_text(i->value());
  }
  if (!inside.empty() || !is_bare)
    result += "{" + inside + "}";
  if (x.range_ms != 0)
    result += "[" + duration_text(x.range_ms) + "]";
  return result + shift_text(x.shift);
}

struct printer {
  std::string operator()(const number_literal& x) const {
    return number_text(x.value);
  }
  std::string operator()(const text_literal& x) const {
    return quoted_text(x.value);
  }
  std::string operator()(const selector& x) const {
    return selector_text(x);
  }
  std::string operator()(const subquery& x) const {
    return to_string(*x.inner) + "[" + duration_text(x.range_ms) + ":"
           + (x.step_ms != 0 ? duration_text(x.step_ms) : "") + "]"
           + shift_text(x.shift);
  }
  std::string operator()(const negation& x) const {
    return "-" + to_string(*x.inner);
  }
  std::string operator()(const parentheses& x) const {
    return "(" + to_string(*x.inner) + ")";
  }
  std::string operator()(const binary& x) const {
    auto result = to_string(*x.left) + " " + std::string{to_string(x.op)};
    if (x.returns_bool)
      result += " bool";
    const auto& how = x.matching;
    auto is_grouped = how.card != vector_matching::cardinality::one_to_one;
    if (how.is_on || !how.names.empty() || is_grouped)
      result += (how.is_on ? " on " : " ignoring ") + list(how.names);
    if (is_grouped)
      result
        += (how.card == vector_matching::cardinality::many_to_one ? " group_left "
                                                                  : " group_right ")
           + list(how.taken);
    return result + " " + to_string(*x.right);
  }
  std::string operator()(const aggregation& x) const {
    auto result = std::string{to_string(x.op)};
    if (x.is_grouped)
      result += (x.is_without ? " without " : " by ") + list(x.names) + " ";
    result += "(";
    if (x.parameter)
      result += to_string(*x.parameter) + ", ";
    return result + to_string(*x.inner) + ")";
  }
  std::string operator()(const call& x) const {
    std::string inside;
    for (const auto& argument : x.arguments)
      inside += (inside.empty() ? "" : ", ") + to_string(*argument);
    return std::string{x.called->name} + "(" + inside + ")";
  }
};

} // namespace

std::string to_string(const node& x) {
  return std::visit(printer{}, x.form);
}

} // namespace weir::analytics::query
