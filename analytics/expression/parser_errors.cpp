// What the parser says about a text that is wrong.
#include "analytics/expression/parser.hpp"
#include "analytics/expression/wording.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::analytics::expressions {

value_type parser::type_of(char letter, value_type before) {
  switch (letter) {
  case 'n':
    return value_type::number;
  case 't':
    return value_type::text;
  case 'b':
    return value_type::boolean;
  default:
    return before;
  }
}

std::optional<parser::failure> parser::check_types(const operand& left,
                                                   const operand& right,
                                                   const binary_operator& infix) const {
  auto sign = "`" + std::string{infix.sign} + "`";
  auto check = [&](value_type wanted) -> std::optional<failure> {
    for (const auto& side : {left, right})
      if (side.type != wanted)
        return failure{side.offset, sign + " takes " + std::string{to_string(wanted)}
                                      + "s, but this is " + with_article(side.type)};
    return std::nullopt;
  };
  if (infix.takes == operands::numbers)
    return check(value_type::number);
  if (infix.takes == operands::booleans)
    return check(value_type::boolean);
  if (infix.takes == operands::ordered && left.type == value_type::boolean)
    return failure{left.offset,
                   sign + " compares numbers or texts, but this is a boolean"};
  if (left.type != right.type)
    return failure{right.offset, sign + " compares values of one type, but left is "
                                   + with_article(left.type) + " and this is "
                                   + with_article(right.type)};
  return std::nullopt;
}

std::optional<parser::failure>
parser::check_argument(const function& called, std::size_t number,
                       const operand& argument, value_type before) const {
  auto letter = called.parameters[std::min(number, called.parameters.size() - 1)];
  auto wanted = letter == '?' ? argument.type : type_of(letter, before);
  if (argument.type == wanted)
    return std::nullopt;
  return failure{argument.offset, "argument " + std::to_string(number + 1) + " of "
                                    + shown(called.usage) + " is "
                                    + with_article(wanted) + ", but this is "
                                    + with_article(argument.type)};
}

tl::unexpected<parser::failure> parser::fail(std::size_t offset,
                                             std::string message) const {
  return unexpected(failure{offset, std::move(message)});
}

tl::unexpected<parser::failure> parser::fail_here(std::string_view wanted) const {
  if (current_.kind == token_kind::bad)
    return fail(current_.offset, current_.content);
  if (current_.kind == token_kind::end)
    return fail(current_.offset,
                "the expression ends where " + std::string{wanted} + " is missing");
  auto message
    = "expected " + std::string{wanted} + ", but here is " + shown(current_.source);
  constexpr auto words
    = std::to_array<std::string_view>({"and", "or", "not", "in", "between"});
  if (current_.kind == token_kind::name)
    if (auto word = find_nearest(current_.content, words); !word.empty())
      message += "; did you mean `" + std::string{word} + "`?";
  return fail(current_.offset, std::move(message));
}

parser::failure parser::unknown_name(const token& name) const {
  auto message = "there is no name " + shown(name.content);
  auto nearest = find_nearest(name.content, known_names_);
  if (!nearest.empty())
    message += "; did you mean " + shown(nearest) + "?";
  else if (auto called = find_function(name.content))
    message += "; the function is written " + shown(called->usage);
  else
    message += "; a text stands in quotes";
  return {name.offset, std::move(message)};
}

parser::failure parser::unknown_function(const token& name) const {
  auto message = "there is no function " + shown(name.content);
  if (auto nearest = find_nearest(name.content, function_names()); !nearest.empty())
    message += "; did you mean " + shown(find_function(nearest)->usage) + "?";
  return {name.offset, std::move(message)};
}

expression_error parser::locate(const failure& why) const {
  return {count_characters(text_.substr(0, why.offset)) + 1, why.message};
}

} // namespace weir::analytics::expressions
