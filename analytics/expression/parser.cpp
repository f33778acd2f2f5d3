#include "analytics/expression/parser.hpp"

#include "analytics/expression/wording.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::analytics::expressions {

namespace {

// How tightly operators bind; a higher one binds tighter.
constexpr int binds_or = 1;
constexpr int binds_and = 2;
constexpr int binds_comparison = 3; // `not` takes one of these.
constexpr int binds_sum = 4;
constexpr int binds_product = 5;
constexpr int binds_power = 6; // Unary minus takes one of these.

} // namespace

const parser::binary_operator* parser::find_infix(token_kind kind) {
  using enum value_type;
  using k = token_kind;
  static constexpr auto table = std::to_array<binary_operator>({
    {k::word_or, "or", binds_or, opcode::logical_or, operands::booleans, boolean},
    {k::word_and, "and", binds_and, opcode::logical_and, operands::booleans, boolean},
    {k::equal, "==", binds_comparison, opcode::equal, operands::same, boolean},
    {k::not_equal, "!=", binds_comparison, opcode::not_equal, operands::same, boolean},
    {k::less, "<", binds_comparison, opcode::less, operands::ordered, boolean},
    {k::less_equal, "<=", binds_comparison, opcode::less_equal, operands::ordered,
     boolean},
    {k::greater, ">", binds_comparison, opcode::greater, operands::ordered, boolean},
    {k::greater_equal, ">=", binds_comparison, opcode::greater_equal, operands::ordered,
     boolean},
    {k::plus, "+", binds_sum, opcode::add, operands::numbers, number},
    {k::minus, "-", binds_sum, opcode::subtract, operands::numbers, number},
    {k::star, "*", binds_product, opcode::multiply, operands::numbers, number},
    {k::slash, "/", binds_product, opcode::divide, operands::numbers, number},
    {k::percent, "%", binds_product, opcode::remainder, operands::numbers, number},
    {k::caret, "^", binds_power, opcode::power, operands::numbers, number},
  });
  auto found = std::find_if(table.begin(), table.end(),
                            [kind](const auto& x) { return x.kind == kind; });
  return found == table.end() ? nullptr : &*found;
}

/// Counts how deep the text nests while it lives: what bounds the recursion.
class parser::nesting {
public:
  explicit nesting(parser& owner) : owner_(owner) {
    ++owner_.depth_;
  }
  ~nesting() {
    --owner_.depth_;
  }
  nesting(const nesting&) = delete;
  nesting& operator=(const nesting&) = delete;

  std::optional<failure> check() const {
    if (owner_.depth_ <= expression_depth_max)
      return std::nullopt;
    return failure{owner_.current_.offset, "this is nested deeper than "
                                             + std::to_string(expression_depth_max)
                                             + " levels; split the expression"};
  }

private:
  parser& owner_;
};

parser::parser(std::string_view text, value_type wanted,
               const symbol_resolver& resolver,
               std::span<const std::string_view> known_names)
  : text_(text), wanted_(wanted), resolver_(resolver), known_names_(known_names),
    lexer_(text) {
}

expected<syntax, expression_error> parser::parse() {
  if (text_.size() > expression_bytes_max)
    return unexpected(expression_error{
      1, "the expression has " + std::to_string(text_.size()) + " bytes; at most "
           + std::to_string(expression_bytes_max) + " are taken"});
  if (auto bad = find_bad_utf8(text_); bad != std::string_view::npos)
    return unexpected(locate({bad, "the text is not UTF-8 from here on"}));
  advance();
  auto whole = parse_conditional();
  if (!whole)
    return unexpected(locate(whole.error()));
  if (current_.kind != token_kind::end)
    return unexpected(locate(fail_here("an operator or the end").value()));
  if (overflow_offset_)
    return unexpected(
      locate({*overflow_offset_, "the expression has more than "
                                   + std::to_string(expression_parts_max)
                                   + " names, literals and operators up to here; split "
                                     "it"}));
  if (whole->type != wanted_)
    return unexpected(locate(
      {whole->offset, "the expression gives " + with_article(whole->type) + ", but "
                        + with_article(wanted_) + " is needed here"}));
  syntax_.text = text_;
  return std::move(syntax_);
}

parser::result parser::parse_conditional() {
  auto condition = parse_binary(binds_or);
  if (!condition || !take(token_kind::question))
    return condition;
  nesting level{*this};
  if (auto why = level.check())
    return unexpected(std::move(*why));
  auto yes = parse_conditional();
  if (!yes)
    return yes;
  if (!take(token_kind::colon))
    return fail_here("the `:` of `condition ? a : b`");
  auto no = parse_conditional();
  if (!no)
    return no;
  return select(*condition, *yes, *no, "`?`");
}

parser::result parser::parse_binary(int loosest) {
  auto left = parse_prefix();
  bool was_compared = false;
  while (left) {
    auto infix = find_infix(current_.kind);
    bool is_negated = current_.kind == token_kind::word_not && current_.source == "not";
    bool is_list = is_negated || current_.kind == token_kind::word_in
                   || current_.kind == token_kind::word_between;
    auto binds = infix ? infix->binds : binds_comparison;
    if ((!infix && !is_list) || binds < loosest)
      return left;
    if (binds == binds_comparison && std::exchange(was_compared, true))
      return fail(current_.offset, "comparisons do not chain; write `a < b and b < c`, "
                                   "or put one into parentheses");
    if (infix) {
      left = parse_infix(*left, *infix);
      continue;
    }
    if (is_negated)
      advance();
    if (take(token_kind::word_in))
      left = parse_set(*left, is_negated);
    else if (take(token_kind::word_between))
      left = parse_range(*left, is_negated);
    else
      return fail_here("`in` or `between` after `not`");
  }
  return left;
}

parser::result parser::parse_infix(const operand& left, const binary_operator& infix) {
  advance();
  result right;
  if (infix.op == opcode::power) {
    nesting level{*this};
    if (auto why = level.check())
      return unexpected(std::move(*why));
    // To the right first, and `2 ^ -1` needs no parentheses.
    right = parse_binary(binds_power);
  } else {
    right = parse_binary(infix.binds + 1);
  }
  if (!right)
    return right;
  if (auto why = check_types(left, *right, infix))
    return unexpected(std::move(*why));
  add(infix.op, infix.gives);
  return join(left, *right, infix.gives);
}

parser::result parser::parse_set(const operand& left, bool is_negated) {
  static constexpr binary_operator equals{token_kind::equal, "in",
                                          binds_comparison,  opcode::equal,
                                          operands::same,    value_type::boolean};
  nesting level{*this};
  if (auto why = level.check())
    return unexpected(std::move(*why));
  if (!take(token_kind::open))
    return fail_here("the `(` of a list, as in `x in (1, 2)`");
  // `x in (a, b)` is `x == a or x == b`.
  auto left_end = syntax_.nodes.size();
  auto whole = left;
  bool is_first = true;
  do {
    if (!is_first)
      repeat(left.begin, left_end);
    auto element = parse_conditional();
    if (!element)
      return element;
    if (auto why = check_types(left, *element, equals))
      return unexpected(std::move(*why));
    add(opcode::equal, value_type::boolean);
    if (!std::exchange(is_first, false))
      add(opcode::logical_or, value_type::boolean);
    whole = join(whole, *element, value_type::boolean);
  } while (take(token_kind::comma));
  if (!take(token_kind::close))
    return fail_here("`,` or `)`");
  if (is_negated)
    add(opcode::logical_not, value_type::boolean);
  return whole;
}

parser::result parser::parse_range(const operand& left, bool is_negated) {
  static constexpr binary_operator bound{
    token_kind::greater_equal, "between",         binds_comparison,
    opcode::greater_equal,     operands::ordered, value_type::boolean};
  // `x between a and b` is `x >= a and x <= b`.
  auto left_end = syntax_.nodes.size();
  auto low = parse_binary(binds_sum);
  if (!low)
    return low;
  if (auto why = check_types(left, *low, bound))
    return unexpected(std::move(*why));
  add(opcode::greater_equal, value_type::boolean);
  if (!take(token_kind::word_and))
    return fail_here("the `and` of `x between a and b`");
  repeat(left.begin, left_end);
  auto high = parse_binary(binds_sum);
  if (!high)
    return high;
  if (auto why = check_types(left, *high, bound))
    return unexpected(std::move(*why));
  add(opcode::less_equal, value_type::boolean);
  add(opcode::logical_and, value_type::boolean);
  if (is_negated)
    add(opcode::logical_not, value_type::boolean);
  return join(join(left, *low, value_type::boolean), *high, value_type::boolean);
}

parser::result parser::parse_prefix() {
  bool is_minus = current_.kind == token_kind::minus;
  if (!is_minus && current_.kind != token_kind::word_not)
    return parse_operand();
  nesting level{*this};
  if (auto why = level.check())
    return unexpected(std::move(*why));
  auto offset = current_.offset;
  auto sign = std::string{current_.source};
  advance();
  auto inner = parse_binary(is_minus ? binds_power : binds_comparison);
  if (!inner)
    return inner;
  auto type = is_minus ? value_type::number : value_type::boolean;
  if (inner->type != type)
    return fail(inner->offset, "`" + sign + "` takes " + with_article(type)
                                 + ", but this is " + with_article(inner->type));
  add(is_minus ? opcode::negate : opcode::logical_not, type);
  inner->offset = offset;
  return inner;
}

parser::result parser::parse_operand() {
  operand x{.offset = current_.offset, .begin = syntax_.nodes.size()};
  switch (current_.kind) {
  case token_kind::number:
    add(number_node(value_type::number, current_.number));
    break;
  case token_kind::text:
    x.type = value_type::text;
    add({.op = opcode::text,
         .type = value_type::text,
         .index = static_cast<std::uint32_t>(syntax_.texts.size())});
    syntax_.texts.push_back(current_.content);
    break;
  case token_kind::word_true:
  case token_kind::word_false:
    x.type = value_type::boolean;
    add(number_node(x.type, current_.kind == token_kind::word_true ? 1.0 : 0.0));
    break;
  case token_kind::name:
  case token_kind::quoted_name:
    return parse_name();
  case token_kind::open:
    return parse_parentheses();
  default:
    return fail_here("a name, a number, a text or `(`");
  }
  advance();
  return x;
}

parser::result parser::parse_parentheses() {
  auto offset = current_.offset;
  nesting level{*this};
  if (auto why = level.check())
    return unexpected(std::move(*why));
  advance();
  auto inner = parse_conditional();
  if (!inner)
    return inner;
  if (!take(token_kind::close))
    return fail_here("the `)` for the `(` in column "
                     + std::to_string(count_characters(text_.substr(0, offset)) + 1));
  inner->offset = offset;
  return inner;
}

parser::result parser::parse_name() {
  auto name = current_;
  advance();
  if (name.kind == token_kind::name && current_.kind == token_kind::open)
    return parse_call(name);
  auto what = resolver_ ? resolver_(name.content) : std::nullopt;
  if (!what)
    return unexpected(unknown_name(name));
  if (what->varies && what->type == value_type::text)
    return fail(name.offset, shown(name.content)
                               + " is a text that changes from event to event; only "
                                 "texts that are fixed for a series can be used");
  operand x{.type = what->type,
            .offset = name.offset,
            .begin = syntax_.nodes.size(),
            .varies = what->varies};
  add({.op = what->varies ? opcode::slot : opcode::constant,
       .type = what->type,
       .index = what->index});
  remember(name.content, *what);
  return x;
}

parser::result parser::parse_call(const token& name) {
  auto called = find_function(name.content);
  if (!called)
    return unexpected(unknown_function(name));
  nesting level{*this};
  if (auto why = level.check())
    return unexpected(std::move(*why));
  advance();
  return parse_arguments(*called, name);
}

parser::result parser::parse_arguments(const function& called, const token& name) {
  operand whole{.offset = name.offset, .begin = syntax_.nodes.size()};
  std::array<operand, 3> seen; // The last ones; of `if` all three.
  std::size_t count = 0;
  do {
    if (current_.kind == token_kind::close && count < called.parameters.size())
      break; // Too few, said below.
    if (count == called.parameters.size() && called.shape != call_shape::chain)
      return fail(current_.offset, "there is one argument too many from here on for "
                                     + shown(called.usage));
    auto argument = parse_conditional();
    if (!argument)
      return argument;
    auto before
      = count == 0 ? argument->type : seen[std::min<std::size_t>(count, 3) - 1].type;
    if (auto why = check_argument(called, count, *argument, before))
      return unexpected(std::move(*why));
    seen[std::min<std::size_t>(count, 2)] = *argument;
    whole = join(whole, *argument, argument->type);
    ++count;
    if (count > 1 && called.shape == call_shape::chain)
      add(called.op, argument->type);
    else if (count > 1 && called.shape == call_shape::clamp)
      add(count == 2 ? opcode::maximum : opcode::minimum, value_type::number);
  } while (take(token_kind::comma));
  if (current_.kind == token_kind::close && count < called.parameters.size())
    return fail(current_.offset,
                "there are too few arguments for " + shown(called.usage));
  if (!take(token_kind::close))
    return fail_here("`,` or `)` in " + shown(called.usage));
  if (called.op == opcode::select)
    return select(seen[0], seen[1], seen[2], "`if`");
  whole.type = type_of(called.result, whole.type);
  if (called.shape == call_shape::plain)
    add(called.op, whole.type);
  return whole;
}

parser::result parser::select(const operand& condition, const operand& yes,
                              const operand& no, std::string_view what) {
  if (condition.type != value_type::boolean)
    return fail(condition.offset, "the condition of " + std::string{what}
                                    + " is a boolean, but this is "
                                    + with_article(condition.type));
  if (yes.type != no.type)
    return fail(no.offset, "both results of " + std::string{what}
                             + " have one type, but the first is "
                             + with_article(yes.type) + " and this is "
                             + with_article(no.type));
  // Otherwise a text could change from event to event.
  if (yes.type == value_type::text && condition.varies)
    return fail(condition.offset,
                "a text cannot be chosen by a condition that changes "
                "from event to event; compare in both branches instead");
  add(opcode::select, yes.type);
  return join(join(condition, yes, yes.type), no, yes.type);
}

parser::operand parser::join(const operand& left, const operand& right,
                             value_type type) const {
  return {type, left.offset, left.begin, left.varies || right.varies};
}

void parser::add(opcode op, value_type type) {
  add({.op = op, .type = type});
}

void parser::add(const node& x) {
  // Said at the end: an error of the grammar is the better news.
  if (syntax_.nodes.size() < expression_parts_max)
    syntax_.nodes.push_back(x);
  else if (!overflow_offset_)
    overflow_offset_ = current_.offset;
}

void parser::repeat(std::size_t begin, std::size_t end) {
  for (auto i = begin; i < end; ++i)
    add(node{syntax_.nodes[i]});
}

void parser::remember(std::string_view name, const symbol& what) {
  auto& names = syntax_.names;
  if (std::none_of(names.begin(), names.end(),
                   [name](const auto& x) { return x.name == name; }))
    names.push_back({std::string{name}, what});
}

bool parser::take(token_kind kind) {
  if (current_.kind != kind)
    return false;
  advance();
  return true;
}

void parser::advance() {
  current_ = lexer_.next();
}

} // namespace weir::analytics::expressions
