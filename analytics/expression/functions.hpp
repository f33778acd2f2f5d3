// The functions of the language, and the search for the name that was meant.
#pragma once

#include "analytics/expression/syntax.hpp"

#include <span>
#include <string>
#include <string_view>

namespace weir::analytics::expressions {

/// How a call becomes nodes.
enum class call_shape : std::uint8_t {
  plain, ///< All arguments, then `op`.
  chain, ///< `op` after each argument but the first; the last parameter repeats.
  clamp, ///< The smaller of `hi` and (the larger of `x` and `lo`).
};

struct function {
  std::string_view name;
  std::string_view usage; ///< How it is called, for messages.
  opcode op;
  /// One letter for each: n(umber), t(ext), b(oolean), ? of any type, = of the type
  /// of the argument before.
  std::string_view parameters;
  char result; ///< The same letters; = of the type of the last argument.
  call_shape shape = call_shape::plain;
};

/// Null if there is none.
const function* find_function(std::string_view name);
std::span<const std::string_view> function_names();

/// The one of `candidates` that `name` is most likely a slip for, or empty.
std::string_view find_nearest(std::string_view name,
                              std::span<const std::string_view> candidates);

} // namespace weir::analytics::expressions
