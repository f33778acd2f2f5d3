// One small typed language for filters, derived metrics and unit conversion; its
// manual for those who write it is docs/expressions.md. A text is compiled once,
// specialised once for each series, and evaluated for each event:
//
//   auto hot = expression::compile("value > 90 and dim.site == \"north\"",
//                                  value_type::boolean, resolver, known_names);
//   auto for_this_series = hot->specialise(constants_of_the_series);
//   if (for_this_series.passes(slots)) ...
//
// Texts stand only in literals and in what is constant for a series, so that numbers
// are all that is left at run time. A missing value is NaN there. The same text has
// the same result everywhere: there are no locales and no fused operations; only the
// last bit of `exp`, `ln`, `sin` and the like is the C library's.
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::analytics {

enum class value_type : std::uint8_t { number, text, boolean };
std::string_view to_string(value_type x);

/// What a name stands for: a slot of the values that come with each event, or a
/// constant of the series. A text never varies.
struct symbol {
  value_type type = value_type::number;
  bool varies = true;
  std::uint32_t index = 0; ///< Of the slot, or of the constant: two separate counts.

  bool operator==(const symbol&) const = default;
};

/// Says what a name stands for, or that there is no such name. Called for each place
/// where the name stands; must answer the same each time.
using symbol_resolver = std::function<std::optional<symbol>(std::string_view name)>;

/// A constant of one series; monostate is missing. A boolean is 0.0 or 1.0. A value
/// of another type than its symbol's is missing, and so is a number that is not
/// finite. The text need only live until specialise() returns.
using constant_value = std::variant<std::monostate, double, std::string_view>;
using constant_source = std::function<constant_value(std::uint32_t index)>;

struct expression_error {
  std::size_t column = 1; ///< In characters (not bytes), from 1.
  std::string message;    ///< One sentence for the person who wrote the text.

  bool operator==(const expression_error&) const = default;
};

/// Bounds on what is compiled; beyond them is an error. `parts` are names, literals,
/// operators and calls; `in` and `between` count as what they stand for.
inline constexpr std::size_t expression_bytes_max = 4096;
inline constexpr std::size_t expression_depth_max = 64;
inline constexpr std::size_t expression_parts_max = 512;

/// A missing value, and the test for it.
inline constexpr double missing_value = std::numeric_limits<double>::quiet_NaN();
constexpr bool is_missing(double x) {
  return x != x;
}

namespace expressions {
struct node;
struct program;
struct syntax;
double run(const program& code, std::span<const double> slots) noexcept;
} // namespace expressions

/// An expression for one series. Copies share their code. Evaluation allocates
/// nothing, and many threads may evaluate the same one.
class specialised_expression {
public:
  /// Missing, always.
  specialised_expression() = default;

  /// Whether no slot is read: the result is the same for every event.
  bool is_constant() const {
    return program_ == nullptr;
  }

  /// The result if it is constant and no text; else missing.
  double constant() const {
    return constant_;
  }

  /// The result of an expression of type text; nothing if it is missing.
  std::optional<std::string_view> constant_text() const;

  /// A boolean is 0.0 or 1.0; NaN is missing. A slot that is NaN, infinite or beyond
  /// the end of `slots` is missing.
  double evaluate(std::span<const double> slots) const noexcept {
    return program_ ? expressions::run(*program_, slots) : constant_;
  }

  /// Whether the result is true; missing is not.
  bool passes(std::span<const double> slots) const noexcept {
    return evaluate(slots) == 1.0;
  }

private:
  friend class expression;

  std::shared_ptr<const expressions::program> program_; ///< Null if constant.
  std::shared_ptr<const std::string> text_;
  double constant_ = missing_value;
};

/// A compiled text. Immutable; copies share what they hold; thread-safe.
class expression {
public:
  struct used_name {
    std::string name;
    symbol stands_for;

    bool operator==(const used_name&) const = default;
  };

  /// `known_names` serve only to suggest the nearest one to an unknown name.
  static expected<expression, expression_error>
  compile(std::string_view text, value_type wanted, const symbol_resolver& resolver,
          std::span<const std::string_view> known_names = {});

  value_type type() const;
  const std::string& text() const;

  /// The names that are read, each once, in the order of the text.
  const std::vector<used_name>& names() const;

  /// Puts in the constants of a series and folds what follows from them. Asks for a
  /// constant once for each place where its name stands. Where none is read, the results
  /// share their code: filters of values cost nothing for each series.
  specialised_expression specialise(const constant_source& constants) const;

private:
  explicit expression(std::shared_ptr<const expressions::syntax> syntax);

  std::shared_ptr<const expressions::syntax> syntax_; ///< Never null.
  std::optional<specialised_expression> common_;      ///< The same for every series.
};

} // namespace weir::analytics
