// What the parser leaves of a text: a flat list of nodes in postfix order (operands
// before their operator), so that no later pass has to recurse.
#pragma once

#include "analytics/expression.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::analytics::expressions {

/// Operations of the nodes and of the machine. The order matters: the groups are told
/// apart by comparing, see operand_count().
enum class opcode : std::uint8_t {
  // Leaves.
  number,   ///< `node::number`; a missing value of any type is a NaN.
  text,     ///< `node::index` into the texts.
  slot,     ///< `node::index` of the slot.
  constant, ///< `node::index` of the constant; gone after folding.
  // One operand.
  negate,
  logical_not,
  has,
  absolute,
  square_root,
  exponential,
  natural_log,
  log_10,
  log_2,
  floor,
  ceil,
  round,
  trunc,
  sign,
  sine,
  cosine,
  tangent,
  hour,
  minute,
  weekday,
  lower, ///< From here to to_number on a text: gone after folding.
  upper,
  length,
  to_number,
  // Two operands.
  add,
  subtract,
  multiply,
  divide,
  remainder,
  power,
  minimum,
  maximum,
  arc_tangent_2,
  hypotenuse,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or,
  coalesce,
  starts_with, ///< From here to matches on texts: gone after folding.
  ends_with,
  contains,
  matches,
  // Three operands.
  select,
  // Of the machine only.
  move,
  jump,
  jump_if_false,
  jump_if_true,
  jump_if_present,
  branch,
  finish,
};

constexpr std::size_t operand_count(opcode op) {
  if (op <= opcode::constant)
    return 0;
  if (op <= opcode::to_number)
    return 1;
  return op <= opcode::matches ? 2 : 3;
}

struct node {
  opcode op = opcode::number;
  value_type type = value_type::number; ///< Of the result.
  std::uint32_t index = 0;
  double number = missing_value;
};

constexpr node number_node(value_type type, double number) {
  return {.op = opcode::number, .type = type, .number = number};
}

/// A whole compiled text. The nodes are not empty, and their types fit.
struct syntax {
  std::string text;
  std::vector<node> nodes;
  std::vector<std::string> texts; ///< The text literals, without quotes.
  std::vector<expression::used_name> names;
};

} // namespace weir::analytics::expressions
