#include "analytics/expression/folding.hpp"

#include "analytics/expression/lexer.hpp"
#include "analytics/expression/machine.hpp"
#include "analytics/threshold_rule.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <string_view>

namespace weir::analytics::expressions {

namespace {

bool is_constant(const node& x) {
  return x.op == opcode::number || x.op == opcode::text;
}

bool is_missing_node(const node& x) {
  return x.op == opcode::number && is_missing(x.number);
}

double to_number(std::string_view text) {
  double result = missing_value;
  auto end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, result);
  return error == std::errc{} && rest == end && std::isfinite(result) ? result
                                                                      : missing_value;
}

std::string with_case(std::string_view text, char first, char last, int shift) {
  std::string result{text};
  for (auto& c : result)
    if (c >= first && c <= last)
      c = static_cast<char>(c + shift);
  return result;
}

bool test_texts(opcode op, std::string_view a, std::string_view b) {
  switch (op) {
  case opcode::equal:
    return a == b;
  case opcode::not_equal:
    return a != b;
  case opcode::less:
    return a < b;
  case opcode::less_equal:
    return a <= b;
  case opcode::greater:
    return a > b;
  case opcode::greater_equal:
    return a >= b;
  case opcode::starts_with:
    return a.starts_with(b);
  case opcode::ends_with:
    return a.ends_with(b);
  case opcode::contains:
    return a.find(b) != std::string_view::npos;
  default:
    return matches_glob(b, a);
  }
}

/// Takes the nodes in postfix order; what stands on its output so far are the folded
/// operands of what comes.
class folder {
public:
  folder(const syntax& parsed, const constant_source& constants)
    : parsed_(parsed), constants_(constants),
      texts_(parsed.texts.begin(), parsed.texts.end()) {
  }

  folded run() {
    for (const auto& x : parsed_.nodes)
      take(x);
    folded result;
    if (out_.back().op == opcode::text)
      result.text = std::string{text_of(out_.back())};
    result.nodes = std::move(out_);
    return result;
  }

private:
  void take(const node& x) {
    switch (operand_count(x.op)) {
    case 0:
      begins_.push_back(out_.size());
      out_.push_back(x.op == opcode::constant ? look_up(x) : x);
      break;
    case 1:
      take_unary(x);
      break;
    case 2:
      take_binary(x);
      break;
    default:
      take_select(x);
      break;
    }
  }

  node look_up(const node& x) {
    auto value = constants_ ? constants_(x.index) : constant_value{};
    auto number = std::get_if<double>(&value);
    auto text = std::get_if<std::string_view>(&value);
    if (x.type == value_type::text)
      return text ? text_node(*text) : number_node(x.type, missing_value);
    if (!number || !std::isfinite(*number))
      return number_node(x.type, missing_value);
    // Any other number than 0 is true.
    bool is_boolean = x.type == value_type::boolean;
    return number_node(x.type, is_boolean ? truth(*number != 0.0) : *number);
  }

  void take_unary(const node& x) {
    const auto& operand = out_.back();
    if (!is_constant(operand))
      out_.push_back(x);
    else if (operand.op == opcode::text)
      out_.back() = of_text(x, text_of(operand));
    else if (x.type == value_type::text)
      out_.back() = number_node(x.type, missing_value);
    else
      out_.back() = number_node(x.type, calculate(x.op, operand.number, missing_value));
  }

  node of_text(const node& x, std::string_view text) {
    switch (x.op) {
    case opcode::lower:
      return text_node(made_.emplace_back(with_case(text, 'A', 'Z', 'a' - 'A')));
    case opcode::upper:
      return text_node(made_.emplace_back(with_case(text, 'a', 'z', 'A' - 'a')));
    case opcode::length:
      return number_node(x.type, static_cast<double>(count_characters(text)));
    case opcode::to_number:
      return number_node(x.type, to_number(text));
    default: // has()
      return number_node(x.type, 1.0);
    }
  }

  void take_binary(const node& x) {
    auto right_begin = begins_.back();
    begins_.pop_back();
    auto left_begin = begins_.back();
    // Copies of the operands' last nodes: a constant one is the whole operand.
    const auto left = out_[right_begin - 1];
    const auto right = out_.back();
    if (auto kept = choose(x.op, left, right)) {
      keep(*kept == 0 ? left_begin : right_begin,
           *kept == 0 ? right_begin : out_.size(), left_begin);
      return;
    }
    bool is_strict = x.op != opcode::logical_and && x.op != opcode::logical_or
                     && x.op != opcode::coalesce;
    if (is_strict && (is_missing_node(left) || is_missing_node(right)))
      replace(left_begin, number_node(x.type, missing_value));
    else if (!is_constant(left) || !is_constant(right))
      out_.push_back(x);
    else if (left.op == opcode::text)
      replace(left_begin, number_node(x.type, truth(test_texts(x.op, text_of(left),
                                                               text_of(right)))));
    else
      replace(left_begin,
              number_node(x.type, calculate(x.op, left.number, right.number)));
  }

  /// Whether the result is that of one operand, whatever the other one is: which.
  static std::optional<int> choose(opcode op, const node& left, const node& right) {
    auto is = [](const node& x, double wanted) {
      return x.op == opcode::number && x.number == wanted;
    };
    if (op == opcode::coalesce && is_constant(left))
      return is_missing_node(left) ? 1 : 0;
    if (op == opcode::coalesce && is_missing_node(right))
      return 0;
    if (op != opcode::logical_and && op != opcode::logical_or)
      return std::nullopt;
    auto decides = op == opcode::logical_and ? 0.0 : 1.0;
    auto neutral = 1.0 - decides;
    if (is(left, decides) || is(right, neutral))
      return 0;
    if (is(right, decides) || is(left, neutral))
      return 1;
    return std::nullopt;
  }

  void take_select(const node& x) {
    auto no_begin = begins_.back();
    begins_.pop_back();
    auto yes_begin = begins_.back();
    begins_.pop_back();
    auto begin = begins_.back();
    const auto condition = out_[yes_begin - 1];
    if (!is_constant(condition))
      out_.push_back(x);
    else if (is_missing(condition.number))
      replace(begin, number_node(x.type, missing_value));
    else if (condition.number == 1.0)
      keep(yes_begin, no_begin, begin);
    else
      keep(no_begin, out_.size(), begin);
  }

  /// Lets only the nodes from `first` to `last` stand from `begin` on.
  void keep(std::size_t first, std::size_t last, std::size_t begin) {
    auto at
      = [this](std::size_t i) { return out_.begin() + static_cast<std::ptrdiff_t>(i); };
    out_.erase(std::copy(at(first), at(last), at(begin)), out_.end());
  }

  void replace(std::size_t begin, const node& x) {
    out_.resize(begin);
    out_.push_back(x);
  }

  node text_node(std::string_view text) {
    texts_.push_back(text);
    return {.op = opcode::text,
            .type = value_type::text,
            .index = static_cast<std::uint32_t>(texts_.size() - 1)};
  }

  std::string_view text_of(const node& x) const {
    return texts_[x.index];
  }

  const syntax& parsed_;
  const constant_source& constants_;
  std::vector<node> out_;
  std::vector<std::size_t> begins_; ///< Of the operands on `out_`.
  std::vector<std::string_view> texts_;
  std::deque<std::string> made_; ///< Texts that `texts_` views; never moved.
};

} // namespace

folded fold(const syntax& parsed, const constant_source& constants) {
  return folder{parsed, constants}.run();
}

} // namespace weir::analytics::expressions
