// Patterns of label matchers and label_replace: the regular expressions of RE2 and Go
// that operators write, matched in time linear in the text. (std::regex backtracks: a
// pattern of a few bytes from a browser could hold a thread for hours.) A pattern is
// tried on the whole text, as if it stood between `^(?:` and `)$`.
//
//   a b . [a-z] [^a] [[:alpha:]] \d \w \s \D \W \S    x* x+ x? x{2} x{2,} x{2,5} and
//   with `?` behind it    xy x|y (x) (?:x) (?P<name>x) (?<name>x) (?i) (?s) (?is:x)
//   ^ $ \A \z \b \B    \. \n \t \r \f \v \a \x41 \x{1f600}
//
// Characters are code points of UTF-8. What differs from RE2: no \p{...}, \Q...\E and
// octal escapes, no flags m and U, and (?i) knows the letters of ASCII alone.
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics::query {

inline constexpr std::size_t pattern_instructions_max = 20'000;
inline constexpr std::size_t pattern_depth_max = 100;
inline constexpr std::size_t pattern_repeat_max = 1000;

namespace patterns {
struct program;
}

/// Immutable; copies share what they hold; thread-safe.
class pattern {
public:
  /// Matches nothing but the empty text.
  pattern() = default;

  /// The error is a sentence that says what is wrong, and where.
  static expected<pattern, std::string> compile(std::string_view text);

  bool matches(std::string_view text) const;

  /// The groups of a match: the first is the whole text; one that took no part is "".
  /// As in Perl, earlier alternatives and greedy repetitions are tried first.
  std::optional<std::vector<std::string_view>> groups(std::string_view text) const;

  /// The number of the group of this name (or of this number, in digits).
  std::optional<std::size_t> group_number(std::string_view name) const;

  /// All texts that match where the pattern is nothing but alternatives (`a|b|c`), so
  /// that a catalogue can look them up; else nothing.
  const std::optional<std::vector<std::string>>& literals() const;

private:
  std::shared_ptr<const patterns::program> program_;
};

} // namespace weir::analytics::query
