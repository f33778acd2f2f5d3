// From the text of an expression to typed nodes: grammar, names and types are all
// checked here, so that what is left cannot fail.
#pragma once

#include "analytics/expression/functions.hpp"
#include "analytics/expression/lexer.hpp"
#include "analytics/expression/syntax.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::analytics::expressions {

/// Reads one text, once. What it is constructed with must outlive it.
class parser {
public:
  parser(std::string_view text, value_type wanted, const symbol_resolver& resolver,
         std::span<const std::string_view> known_names);

  expected<syntax, expression_error> parse();

private:
  /// A part of the text that has a value; its nodes end the list when it is returned.
  struct operand {
    value_type type = value_type::number;
    std::size_t offset = 0; ///< Of its first byte in the text.
    std::size_t begin = 0;  ///< Its first node.
    bool varies = false;
  };
  struct failure {
    std::size_t offset = 0;
    std::string message;
  };
  using result = expected<operand, failure>;
  /// What an infix operator takes on both sides.
  enum class operands : std::uint8_t { numbers, booleans, ordered, same };
  struct binary_operator {
    token_kind kind;
    std::string_view sign;
    int binds; ///< How tightly.
    opcode op;
    operands takes;
    value_type gives;
  };
  class nesting;

  // In the order of the grammar, the loosest first; docs/expressions.md has it.
  result parse_conditional();
  result parse_binary(int loosest);
  result parse_infix(const operand& left, const binary_operator& infix);
  result parse_set(const operand& left, bool is_negated);
  result parse_range(const operand& left, bool is_negated);
  result parse_prefix();
  result parse_operand();
  result parse_name();
  result parse_call(const token& name);
  result parse_arguments(const function& called, const token& name);
  result parse_parentheses();

  std::optional<failure> check_types(const operand& left, const operand& right,
                                     const binary_operator& infix) const;
  std::optional<failure> check_argument(const function& called, std::size_t number,
                                        const operand& argument,
                                        value_type before) const;
  result select(const operand& condition, const operand& yes, const operand& no,
                std::string_view what);

  /// The part from `left` on as one, of type `type`.
  operand join(const operand& left, const operand& right, value_type type) const;
  /// What a letter of a function's signature stands for.
  static value_type type_of(char letter, value_type before);
  void add(opcode op, value_type type);
  void add(const node& x);
  void repeat(std::size_t begin, std::size_t end);
  void remember(std::string_view name, const symbol& what);

  bool take(token_kind kind);
  void advance();
  static const binary_operator* find_infix(token_kind kind);

  tl::unexpected<failure> fail(std::size_t offset, std::string message) const;
  /// For the current token, which does not fit where `wanted` stands.
  tl::unexpected<failure> fail_here(std::string_view wanted) const;
  failure unknown_name(const token& name) const;
  failure unknown_function(const token& name) const;
  expression_error locate(const failure& why) const;

  std::string_view text_;
  value_type wanted_;
  const symbol_resolver& resolver_;
  std::span<const std::string_view> known_names_;
  lexer lexer_;
  token current_;
  std::size_t depth_ = 0;
  std::optional<std::size_t> overflow_offset_; ///< Where there were too many parts.
  syntax syntax_;
};

} // namespace weir::analytics::expressions
