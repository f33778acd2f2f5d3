#include "analytics/expression/machine.hpp"

#include <array>
#include <cmath>

namespace weir::analytics::expressions {

namespace {

/// Infinities and NaN of any kind are the one missing value.
inline double finite(double x) {
  return std::isfinite(x) ? x : missing_value;
}

inline double unless_missing(double a, double b, double result) {
  return std::isunordered(a, b) ? missing_value : result;
}

double power(double a, double b) {
  if (std::isunordered(a, b)) // The C library says pow(NaN, 0) == 1.
    return missing_value;
  // Exact, and much faster; the same for `x ^ 2` and for an exponent that varies.
  return finite(b == 2.0 ? a * a : std::pow(a, b));
}

/// How many times `unit` fits into the time since the last multiple of `period`, all
/// in seconds, with `shift` added to the time.
double clock_part(double time, std::int64_t shift, std::int64_t period,
                  std::int64_t unit) {
  // A double has no whole seconds beyond 2^53.
  if (!(std::abs(time) < 9007199254740992.0))
    return missing_value;
  auto rest = (static_cast<std::int64_t>(std::floor(time)) + shift) % period;
  return static_cast<double>((rest < 0 ? rest + period : rest) / unit);
}

double weekday(double time) {
  constexpr std::int64_t day = 86400;
  // 1970 began on a Thursday, three days after a Monday.
  return clock_part(time, 3 * day, 7 * day, day) + 1.0;
}

/// The rarer operations, out of the way of the others.
[[gnu::noinline]] double calculate_rare(opcode op, double a, double b) {
  switch (op) {
  case opcode::remainder:
    return finite(std::fmod(a, b));
  case opcode::power:
    return power(a, b);
  case opcode::arc_tangent_2:
    return finite(std::atan2(a, b));
  case opcode::hypotenuse:
    return finite(std::hypot(a, b));
  case opcode::exponential:
    return finite(std::exp(a));
  case opcode::natural_log:
    return finite(std::log(a));
  case opcode::log_10:
    return finite(std::log10(a));
  case opcode::log_2:
    return finite(std::log2(a));
  case opcode::sine:
    return finite(std::sin(a));
  case opcode::cosine:
    return finite(std::cos(a));
  case opcode::tangent:
    return finite(std::tan(a));
  case opcode::sign:
    return unless_missing(a, a, truth(a > 0.0) - truth(a < 0.0));
  case opcode::hour:
    return clock_part(a, 0, 86400, 3600);
  case opcode::minute:
    return clock_part(a, 0, 3600, 60);
  case opcode::weekday:
    return weekday(a);
  default:
    return missing_value;
  }
}

/// Operands are finite or missing, booleans 0, 1 or missing; so is the result.
inline double calculate_inline(opcode op, double a, double b) {
  switch (op) {
  case opcode::negate:
    return -a;
  case opcode::logical_not:
    return 1.0 - a;
  case opcode::has:
    return truth(!is_missing(a));
  case opcode::absolute:
    return std::abs(a);
  case opcode::square_root:
    return finite(std::sqrt(a));
  case opcode::floor:
    return std::floor(a);
  case opcode::ceil:
    return std::ceil(a);
  case opcode::round:
    return std::round(a);
  case opcode::trunc:
    return std::trunc(a);
  case opcode::add:
    return finite(a + b);
  case opcode::subtract:
    return finite(a - b);
  case opcode::multiply:
    return finite(a * b);
  case opcode::divide:
    return finite(a / b);
  case opcode::minimum:
    return unless_missing(a, b, b < a ? b : a);
  case opcode::maximum:
    return unless_missing(a, b, a < b ? b : a);
  case opcode::equal:
    return unless_missing(a, b, truth(a == b));
  case opcode::not_equal:
    return unless_missing(a, b, truth(a != b));
  case opcode::less:
    return unless_missing(a, b, truth(a < b));
  case opcode::less_equal:
    return unless_missing(a, b, truth(a <= b));
  case opcode::greater:
    return unless_missing(a, b, truth(a > b));
  case opcode::greater_equal:
    return unless_missing(a, b, truth(a >= b));
  case opcode::logical_and:
    return a == 0.0 || b == 0.0 ? 0.0 : a * b;
  case opcode::logical_or:
    return a == 1.0 || b == 1.0 ? 1.0 : a + b;
  case opcode::coalesce:
    return is_missing(a) ? b : a;
  case opcode::move:
    return a;
  default:
    return calculate_rare(op, a, b);
  }
}

/// Where to go on after a jump or a branch that stands at `at`.
inline std::size_t next_after(const instruction& x, std::size_t at, double a,
                              double* registers) {
  auto there = static_cast<std::size_t>(x.b);
  switch (x.op) {
  case opcode::jump:
    return there;
  case opcode::jump_if_false:
    return a == 0.0 ? there : at + 1;
  case opcode::jump_if_true:
    return a == 1.0 ? there : at + 1;
  case opcode::jump_if_present:
    return is_missing(a) ? at + 1 : there;
  default: // branch
    break;
  }
  if (!is_missing(a))
    return a == 0.0 ? there : at + 1;
  // Neither way: the result is missing, and before the second way stands the jump
  // that leads behind both.
  registers[x.target] = missing_value;
  return there - 1;
}

} // namespace

double calculate(opcode op, double a, double b) noexcept {
  return calculate_inline(op, a, b);
}

double run(const program& code, std::span<const double> slots) noexcept {
  // Not initialised: what is read has been written.
  std::array<double, register_count> storage;
  const auto registers = storage.data();
  auto next = registers;
  for (const auto& x : code.loads) {
    auto value = x.slot < slots.size() ? finite(slots[x.slot]) : missing_value;
    *next++ = x.is_boolean ? unless_missing(value, value, truth(value != 0.0)) : value;
  }
  for (auto at = code.code.data(), begin = at;;) {
    const auto& x = *at;
    const auto a = *(x.a < 0 ? &x.constant : registers + x.a);
    if (x.op <= opcode::move) {
      const auto b = *(x.b < 0 ? &x.constant : registers + x.b);
      registers[x.target] = calculate_inline(x.op, a, b);
      ++at;
    } else if (x.op == opcode::finish) {
      return a;
    } else {
      at = begin + next_after(x, static_cast<std::size_t>(at - begin), a, registers);
    }
  }
}

} // namespace weir::analytics::expressions
