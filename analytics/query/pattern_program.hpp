// What a pattern is compiled to: instructions for a machine that follows all
// alternatives at once (Thompson, Pike).
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::analytics::query::patterns {

enum class opcode : std::uint8_t {
  character, ///< The code point `x`.
  any,       ///< Any code point but a line end.
  any_all,
  one_of, ///< A code point of class `x`.
  split,  ///< To `x`, and with less right to `y`.
  jump,   ///< To `x`.
  save,   ///< The position, as number `x`.
  begin_text,
  end_text,
  word_edge,
  no_word_edge,
  match,
};

struct instruction {
  opcode op = opcode::match;
  std::uint32_t x = 0;
  std::uint32_t y = 0;
};

/// Ranges of code points, both ends included.
struct character_class {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
  bool is_negated = false;

  bool has(std::uint32_t code) const {
    for (const auto& [first, last] : ranges)
      if (code >= first && code <= last)
        return !is_negated;
    return is_negated;
  }
};

struct program {
  std::vector<instruction> code;
  std::vector<character_class> classes;
  std::vector<std::string> group_names;             ///< By number; most are empty.
  std::optional<std::vector<std::string>> literals; ///< Sorted.
};

constexpr std::uint32_t no_upper_bound = ~0u;

/// What the parts of a pattern are.
enum class form : std::uint8_t { leaf, sequence, choice, repeat, group };

/// A part of a pattern, as the compiler read it.
struct node {
  form what = form::leaf;
  instruction leaf;
  std::uint32_t least = 0; ///< Of a repetition; the number of a group.
  std::uint32_t most = 0;
  bool is_greedy = true;
  std::vector<node> parts;
};

/// Writes the instructions, and the literals if there is nothing else. False if there
/// are too many.
bool emit(const node& whole, program& into);

/// Reads a code point of UTF-8 and moves on; a byte that begins none is U+FFFD.
std::uint32_t next_code_point(std::string_view text, std::size_t& position);

expected<program, std::string> compile(std::string_view text);

} // namespace weir::analytics::query::patterns
