#include "analytics/query/parser.hpp"

#include "analytics/expression/lexer.hpp"
#include "analytics/query/parsing.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace weir::analytics::query {

namespace {

// How tightly operators bind; a higher one binds tighter.
constexpr int binds_or = 1;
constexpr int binds_and = 2;
constexpr int binds_comparison = 3;
constexpr int binds_sum = 4;
constexpr int binds_product = 5;
constexpr int binds_power = 6; // A sign in front takes one of these.

} // namespace

const parser::operator_facts* parser::find_operator() const {
  using op = binary_op;
  static constexpr auto table = std::to_array<operator_facts>({
    {"or", op::set_or, binds_or},
    {"and", op::set_and, binds_and},
    {"unless", op::set_unless, binds_and},
    {"==", op::equal, binds_comparison},
    {"!=", op::not_equal, binds_comparison},
    {"<", op::less, binds_comparison},
    {"<=", op::less_equal, binds_comparison},
    {">", op::greater, binds_comparison},
    {">=", op::greater_equal, binds_comparison},
    {"+", op::add, binds_sum},
    {"-", op::subtract, binds_sum},
    {"*", op::multiply, binds_product},
    {"/", op::divide, binds_product},
    {"%", op::remainder, binds_product},
    {"atan2", op::atan2, binds_product},
    {"^", op::power, binds_power},
  });
  auto found = std::find_if(table.begin(), table.end(),
                            [this](const auto& x) { return is(x.name); });
  return found == table.end() ? nullptr : &*found;
}

result<node> parser::parse() {
  if (text_.size() > query_bytes_max)
    return unexpected(query_error{query_errc::syntax,
                                  "the query has " + std::to_string(text_.size())
                                    + " bytes; at most "
                                    + std::to_string(query_bytes_max) + " are taken",
                                  1});
  if (auto bad = expressions::find_bad_utf8(text_); bad != std::string_view::npos)
    return unexpected(locate({bad, "the text is not UTF-8 from here on"}));
  advance();
  auto whole = parse_binary(binds_or);
  if (whole && current_.kind != token_kind::end)
    whole = fail_here("an operator or the end");
  if (!whole)
    return unexpected(locate(whole.error()));
  return std::move(*whole);
}

parser::parsed<node> parser::parse_binary(int loosest) {
  if (++depth_ > query_depth_max)
    return fail(current_.offset, "this is nested deeper than "
                                   + std::to_string(query_depth_max)
                                   + " levels; split the query");
  auto left = parse_prefix();
  while (left) {
    auto infix = find_operator();
    if (!infix || infix->binds < loosest)
      break;
    advance();
    binary what;
    what.op = infix->op;
    if (auto why = parse_modifiers(what))
      return unexpected(std::move(*why));
    // Powers group from the right, everything else from the left.
    auto right = parse_binary(infix->binds + (infix->binds == binds_power ? 0 : 1));
    if (!right)
      return right;
    auto offset = left->offset;
    what.left = node_ptr{std::move(*left)};
    what.right = node_ptr{std::move(*right)};
    left = make_binary(std::move(what), offset);
  }
  --depth_;
  return left;
}

parser::problem parser::parse_modifiers(binary& into) {
  auto at_bool = current_.offset;
  into.returns_bool = take("bool");
  if (into.returns_bool && !is_comparison(into.op))
    return failure{at_bool, "`bool` stands behind a comparison only"};
  auto& how = into.matching;
  how.is_on = is("on");
  if (!take("on") && !take("ignoring"))
    return std::nullopt;
  auto names = parse_names();
  if (!names)
    return std::move(names.error());
  how.names = std::move(*names);
  auto is_left = is("group_left");
  auto at_group = current_.offset;
  if (!take("group_left") && !take("group_right"))
    return std::nullopt;
  if (is_set(into.op))
    return failure{at_group, "`and`, `or` and `unless` take no group_left or "
                             "group_right: they match many to many"};
  using enum vector_matching::cardinality;
  how.card = is_left ? many_to_one : one_to_many;
  if (!is("("))
    return std::nullopt;
  auto at_names = current_.offset;
  names = parse_names();
  if (!names)
    return std::move(names.error());
  how.taken = std::move(*names);
  for (const auto& x : how.taken)
    if (how.is_on && std::count(how.names.begin(), how.names.end(), x) != 0)
      return failure{at_names, "the label `" + x
                                 + "` is in `on` already and need not be taken over"};
  return std::nullopt;
}

parser::parsed<node> parser::make_binary(binary what, std::size_t offset) {
  auto place = what.right->offset;
  auto& left = *what.left;
  auto& right = *what.right;
  for (const auto* side : {&left, &right})
    if (side->type != value_type::scalar && side->type != value_type::vector)
      return fail(side->offset, "`" + std::string{to_string(what.op)}
                                  + "` takes scalars and instant vectors; this is of "
                                    "type "
                                  + std::string{to_string(side->type)});
  auto scalars = (left.type == value_type::scalar ? 1 : 0)
                 + (right.type == value_type::scalar ? 1 : 0);
  if (scalars == 2 && is_comparison(what.op) && !what.returns_bool)
    return fail(place, "a comparison of two scalars needs `bool`, as in `1 < bool 2`");
  if (scalars != 0 && is_set(what.op))
    return fail(place, "`" + std::string{to_string(what.op)}
                         + "` takes an instant vector on both sides");
  const auto& how = what.matching;
  if (scalars != 0
      && (how.is_on || !how.names.empty()
          || how.card != vector_matching::cardinality::one_to_one))
    return fail(place, "`on` and `ignoring` need an instant vector on both sides");
  auto depth = std::max(left.depth, right.depth);
  node whole{.form = std::move(what)};
  whole.type = scalars == 2 ? value_type::scalar : value_type::vector;
  return finish(std::move(whole), offset, depth);
}

parser::parsed<node> parser::parse_prefix() {
  auto offset = current_.offset;
  auto is_minus = is("-");
  if (!take("-") && !take("+"))
    return parse_postfix();
  auto inner = parse_binary(binds_power);
  if (!inner)
    return inner;
  if (inner->type != value_type::scalar && inner->type != value_type::vector)
    return fail(offset, "a sign stands before a scalar or an instant vector only; this "
                        "is of type "
                          + std::string{to_string(inner->type)});
  if (!is_minus)
    return inner; // A plus does nothing.
  auto type = inner->type;
  auto depth = inner->depth;
  node whole{.form = negation{node_ptr{std::move(*inner)}}, .type = type};
  return finish(std::move(whole), offset, depth);
}

parser::parsed<node> parser::parse_postfix() {
  auto what = parse_primary();
  while (what) {
    problem why;
    if (is("["))
      what = parse_brackets(std::move(*what));
    else if (take("offset"))
      why = parse_offset(*what);
    else if (take("@"))
      why = parse_at(*what);
    else
      break;
    if (why)
      return unexpected(std::move(*why));
  }
  return what;
}

parser::parsed<node> parser::parse_primary() {
  auto offset = current_.offset;
  if (current_.kind == token_kind::number) {
    node whole{.form = number_literal{current_.number}};
    advance();
    return finish(std::move(whole), offset, 0);
  }
  if (current_.kind == token_kind::text) {
    node whole{.form = text_literal{current_.content}, .type = value_type::text};
    advance();
    return finish(std::move(whole), offset, 0);
  }
  if (current_.kind == token_kind::duration)
    return fail(offset,
                "a duration stands in [] or behind `offset`; write seconds as a "
                "number");
  if (is("("))
    return parse_parentheses();
  if (is("{"))
    return parse_selector(nullptr);
  if (current_.kind == token_kind::name)
    return parse_name();
  return fail_here("a metric, a number, a function or `(`");
}

parser::parsed<node> parser::parse_parentheses() {
  auto offset = current_.offset;
  take("(");
  auto inner = parse_binary(binds_or);
  if (!inner)
    return inner;
  if (!take(")"))
    return fail_here("an operator or the `)` of the `(` at character "
                     + std::to_string(locate({offset, ""}).column));
  auto type = inner->type;
  auto depth = inner->depth;
  node whole{.form = parentheses{node_ptr{std::move(*inner)}}, .type = type};
  return finish(std::move(whole), offset, depth);
}

parser::parsed<node> parser::parse_name() {
  auto name = current_;
  advance();
  for (auto [word, value] : {std::pair{"inf", std::numeric_limits<double>::infinity()},
                             {"nan", std::numeric_limits<double>::quiet_NaN()}})
    if (name.is_word(word))
      return finish(node{.form = number_literal{value}}, name.offset, 0);
  if (is_reserved(name.source))
    return fail(name.offset, "`" + std::string{name.source}
                               + "` is a keyword; a metric of this name is written "
                                 "{__name__=\""
                               + std::string{name.source} + "\"}");
  for (auto op = aggregate_op::sum;; op = static_cast<aggregate_op>(int(op) + 1)) {
    if (name.is_word(to_string(op)) && (is("(") || is("by") || is("without")))
      return parse_aggregation(name, op);
    if (op == aggregate_op::count_values)
      break;
  }
  if (is("("))
    return parse_call(name);
  return parse_selector(&name);
}

parser::parsed<node> parser::finish(node x, std::size_t offset,
                                    std::size_t parts_depth) const {
  x.offset = offset;
  x.depth = parts_depth + 1;
  if (x.depth > query_depth_max)
    return fail(offset, "this has more than " + std::to_string(query_depth_max)
                          + " operators and calls inside each other; split the query");
  return x;
}

bool parser::is(std::string_view sign_or_word) const {
  return current_.is_sign(sign_or_word) || current_.is_word(sign_or_word);
}

bool parser::take(std::string_view sign_or_word) {
  auto result = is(sign_or_word);
  if (result)
    advance();
  return result;
}

void parser::advance() {
  current_ = lexer_.next();
}

tl::unexpected<parser::failure> parser::fail(std::size_t offset, std::string message) {
  return tl::make_unexpected(failure{offset, std::move(message)});
}

tl::unexpected<parser::failure> parser::fail_here(std::string_view wanted) const {
  if (current_.kind == token_kind::bad)
    return fail(current_.offset, current_.content);
  constexpr std::size_t shown_max = 40;
  auto found = std::string{current_.source.substr(0, shown_max)};
  found = found.substr(0, std::min(found.size(), expressions::find_bad_utf8(found)));
  found = current_.kind == token_kind::end     ? "the end of the query"
          : current_.source.size() > shown_max ? "`" + found + "...`"
                                               : "`" + found + "`";
  return fail(current_.offset,
              "found " + found + " where " + std::string{wanted} + " was expected");
}

query_error parser::locate(const failure& why) const {
  auto before = text_.substr(0, why.offset);
  return {query_errc::syntax, why.message, expressions::count_characters(before) + 1};
}

result<node> parse(std::string_view text) {
  return parser{text}.parse();
}

result<selector> parse_selector(std::string_view text) {
  auto whole = parse(text);
  if (!whole)
    return unexpected(std::move(whole.error()));
  auto what = std::get_if<selector>(&whole->form);
  if (!what || what->range_ms != 0 || what->shift != time_shift{})
    return unexpected(
      query_error{query_errc::syntax,
                  "this has to be a selector alone, as in name{label=\"value\"}", 1});
  return std::move(*what);
}

} // namespace weir::analytics::query
