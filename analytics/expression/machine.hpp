// The machine that evaluates: a few registers of double, and instructions that read
// two operands and write one.
#pragma once

#include "analytics/expression/syntax.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::analytics::expressions {

constexpr double truth(bool x) {
  return x ? 1.0 : 0.0;
}

/// What one operation makes of its operands (`b` counts only if it takes two). Not
/// for texts, `select` and jumps. Folding uses the same, so it cannot differ.
double calculate(opcode op, double a, double b) noexcept;

/// `target` = op(a, b). An operand below 0 is `constant`. Jumps have the place to go
/// to in `b`.
struct instruction {
  opcode op = opcode::finish;
  std::int16_t target = 0;
  std::int16_t a = 0;
  std::int16_t b = 0;
  double constant = missing_value;
};

inline constexpr std::int16_t constant_operand = -1;

/// A slot that is read: load i goes to register i before the first instruction.
struct load {
  std::uint32_t slot = 0;
  bool is_boolean = false;
};

/// @pre Registers are below `register_count`, jumps go forward, `finish` ends it.
struct program {
  std::vector<load> loads;
  std::vector<instruction> code;
};

/// Enough for any expression within the limits: each register that is in use at a
/// time is the result of another part.
inline constexpr std::size_t register_count = expression_parts_max + 1;

/// Translates what folding left, which is no constant.
program translate(const std::vector<node>& nodes);

} // namespace weir::analytics::expressions
