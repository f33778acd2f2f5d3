// From the text of a pattern to a tree, and from there to instructions.
#include "analytics/query/pattern.hpp"
#include "analytics/query/pattern_program.hpp"

#include <algorithm>
#include <array>

namespace weir::analytics::query::patterns {

namespace {

constexpr std::uint32_t code_point_max = 0x10ffff;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(std::uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

using ranges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

const ranges digits{{'0', '9'}};
const ranges words{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const ranges blanks{{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};

/// What [[:name:]] stands for; null if there is no such class.
const ranges* find_named_class(std::string_view name) {
  static const std::array<std::pair<std::string_view, ranges>, 9> table{{
    {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
    {"blank", {{'\t', '\t'}, {' ', ' '}}},
    {"digit", {{'0', '9'}}},
    {"lower", {{'a', 'z'}}},
    {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"space", {{'\t', '\r'}, {' ', ' '}}},
    {"upper", {{'A', 'Z'}}},
    {"word", words},
  }};
  for (const auto& [known, meaning] : table)
    if (known == name)
      return &meaning;
  return nullptr;
}

void append(ranges& to, const ranges& what, bool is_negated) {
  if (!is_negated) {
    to.insert(to.end(), what.begin(), what.end());
    return;
  }
  std::uint32_t from = 0;
  for (const auto& [first, last] : what) { // Sorted, apart from each other.
    if (first > from)
      to.emplace_back(from, first - 1);
    from = last + 1;
  }
  to.emplace_back(from, code_point_max);
}

class compiler {
public:
  explicit compiler(std::string_view text) : text_(text) {
    program_.group_names.emplace_back();
  }

  expected<program, std::string> compile() {
    auto whole = parse_choice();
    if (!whole)
      return unexpected(std::move(whole.error()));
    if (position_ < text_.size())
      return fail("this `)` closes nothing; write `\\)` for the sign itself");
    if (!emit(*whole, program_))
      return unexpected(
        std::string{"the pattern is too large once its repetitions are written out"});
    return std::move(program_);
  }

private:
  using parsed = expected<node, std::string>;
  struct flags {
    bool ignores_case = false;
    bool dot_takes_all = false;
  };

  tl::unexpected<std::string> fail(std::string why) const {
    return unexpected("in the pattern, at character " + std::to_string(position_ + 1)
                      + ": " + why);
  }

  char peek(std::size_t ahead = 0) const {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }
  bool at_end() const {
    return position_ >= text_.size();
  }
  bool take(std::string_view what) {
    auto fits = text_.substr(position_).starts_with(what);
    position_ += fits ? what.size() : 0;
    return fits;
  }

  parsed parse_choice() {
    if (++depth_ > pattern_depth_max)
      return fail("groups are nested too deep");
    node result{.what = form::choice};
    do {
      auto part = parse_sequence();
      if (!part)
        return part;
      result.parts.push_back(std::move(*part));
    } while (take("|"));
    --depth_;
    return result;
  }

  parsed parse_sequence() {
    node result{.what = form::sequence};
    while (!at_end() && peek() != '|' && peek() != ')') {
      auto part = parse_atom();
      if (!part)
        return part;
      part = parse_repeat(std::move(*part));
      if (!part)
        return part;
      result.parts.push_back(std::move(*part));
    }
    return result;
  }

  bool take_number(std::uint32_t& number) {
    auto begin = position_;
    for (number = 0; is_digit(peek()) && number <= pattern_repeat_max; ++position_)
      number = number * 10 + static_cast<std::uint32_t>(peek() - '0');
    return position_ != begin;
  }

  /// Reads `{2}`, `{2,}` or `{2,5}`; anything else is no repetition, as in RE2.
  bool take_bounds(node& into) {
    auto begin = position_;
    if (take("{") && take_number(into.least)) {
      into.most = into.least;
      if (take(",") && !take_number(into.most))
        into.most = no_upper_bound;
      if (take("}"))
        return true;
    }
    position_ = begin;
    return false;
  }

  parsed parse_repeat(node what) {
    for (bool is_first = true;; is_first = false) {
      node result{.what = form::repeat};
      if (take("*"))
        result.most = no_upper_bound;
      else if (take("+"))
        result.least = 1, result.most = no_upper_bound;
      else if (take("?"))
        result.most = 1;
      else if (!take_bounds(result))
        return what;
      if (!is_first)
        return fail("a repetition cannot be repeated; put it into parentheses");
      auto is_too_many
        = [](std::uint32_t x) { return x != no_upper_bound && x > pattern_repeat_max; };
      if (is_too_many(result.least) || is_too_many(result.most))
        return fail("at most " + std::to_string(pattern_repeat_max)
                    + " repetitions can be asked for");
      if (result.most < result.least)
        return fail("the bounds of this repetition are the wrong way round");
      result.is_greedy = !take("?");
      result.parts.push_back(std::move(what));
      what = std::move(result);
    }
  }

  static node leaf(opcode op, std::uint32_t x = 0) {
    return {.what = form::leaf, .leaf = {op, x, 0}};
  }

  node character(std::uint32_t code) {
    if (!flags_.ignores_case || !is_letter(code))
      return leaf(opcode::character, code);
    return add_class({{{code | 0x20, code | 0x20}, {code & ~0x20u, code & ~0x20u}}});
  }

  node add_class(character_class what) {
    if (flags_.ignores_case)
      fold(what.ranges);
    program_.classes.push_back(std::move(what));
    return leaf(opcode::one_of,
                static_cast<std::uint32_t>(program_.classes.size() - 1));
  }

  /// Adds the other case of each letter of ASCII.
  static void fold(ranges& what) {
    auto size = what.size();
    for (std::size_t i = 0; i < size; ++i)
      for (auto [from, to, other] :
           {std::array<std::uint32_t, 3>{'a', 'z', 'A'}, {'A', 'Z', 'a'}}) {
        auto first = std::max(what[i].first, from);
        auto last = std::min(what[i].second, to);
        if (first <= last)
          what.emplace_back(first - from + other, last - from + other);
      }
  }

  parsed parse_atom() {
    switch (peek()) {
    case '(':
      return parse_group();
    case '[':
      return parse_class();
    case '.':
      ++position_;
      return leaf(flags_.dot_takes_all ? opcode::any_all : opcode::any);
    case '^':
      ++position_;
      return leaf(opcode::begin_text);
    case '$':
      ++position_;
      return leaf(opcode::end_text);
    case '*':
    case '+':
    case '?':
      return fail(std::string{"there is nothing before this `"} + peek()
                  + "` to repeat; write `.*` for any text");
    case '\\':
      return parse_escape();
    default:
      return character(next_code_point(text_, position_));
    }
  }

  parsed parse_group() {
    ++position_;
    auto before = flags_;
    node result{.what = form::group};
    if (!take("?")) {
      result.least = static_cast<std::uint32_t>(program_.group_names.size());
      program_.group_names.emplace_back();
    } else if (take("P<") || take("<")) {
      auto end = text_.find('>', position_);
      if (end == std::string_view::npos || end == position_)
        return fail("this name of a group has no end; write (?P<name>...)");
      result.least = static_cast<std::uint32_t>(program_.group_names.size());
      program_.group_names.emplace_back(text_.substr(position_, end - position_));
      position_ = end + 1;
    } else {
      while (peek() == 'i' || peek() == 's')
        (text_[position_++] == 'i' ? flags_.ignores_case : flags_.dot_takes_all) = true;
      if (take(")")) // For the rest of the group around it.
        return node{.what = form::sequence};
      if (!take(":"))
        return fail("behind `(?` stands one of `:`, `P<name>`, `i`, `s`");
    }
    auto inside = parse_choice();
    if (!inside)
      return inside;
    if (!take(")"))
      return fail("a `)` is missing; write `\\(` for the sign itself");
    flags_ = before;
    result.parts.push_back(std::move(*inside));
    return result;
  }

  /// Reads behind a `\` what stands for one code point.
  expected<std::uint32_t, std::string> parse_escaped_character() {
    constexpr std::string_view escapes = "ntrfva";
    constexpr std::string_view meanings = "\n\t\r\f\v\a";
    char c = peek();
    if (auto i = escapes.find(c); c != '\0' && i != std::string_view::npos) {
      ++position_;
      return static_cast<std::uint32_t>(meanings[i]);
    }
    if (take("x"))
      return parse_hexadecimal();
    auto is_sign = c > 0x20 && c < 0x7f && c != '_' && !is_digit(c)
                   && !is_letter(static_cast<unsigned char>(c));
    if (!is_sign)
      return fail("`\\` has no meaning before this; write `\\\\` for the sign itself");
    ++position_;
    return static_cast<std::uint32_t>(c);
  }

  expected<std::uint32_t, std::string> parse_hexadecimal() {
    auto is_long = take("{");
    std::uint32_t code = 0;
    std::size_t count = 0;
    for (; count < (is_long ? 6u : 2u); ++count, ++position_) {
      constexpr std::string_view all = "0123456789abcdef0123456789ABCDEF";
      auto i = at_end() ? std::string_view::npos : all.find(peek());
      if (i == std::string_view::npos)
        break;
      code = code * 16 + static_cast<std::uint32_t>(i % 16);
    }
    if ((is_long ? count == 0 || !take("}") : count != 2) || code > code_point_max)
      return fail("a code point is written \\x41 or \\x{1f600}");
    return code;
  }

  /// \d, \w, \s and their opposites; the position moves on if there is one.
  const ranges* take_short_class(bool& is_negated) {
    if (peek() != '\\')
      return nullptr;
    char c = peek(1);
    is_negated = c == 'D' || c == 'W' || c == 'S';
    const ranges* result = c == 'd' || c == 'D'   ? &digits
                           : c == 'w' || c == 'W' ? &words
                           : c == 's' || c == 'S' ? &blanks
                                                  : nullptr;
    position_ += result ? 2 : 0;
    return result;
  }

  parsed parse_escape() {
    bool is_negated = false;
    if (auto known = take_short_class(is_negated)) {
      character_class result;
      append(result.ranges, *known, is_negated);
      return add_class(std::move(result));
    }
    ++position_;
    if (take("A"))
      return leaf(opcode::begin_text);
    if (take("z"))
      return leaf(opcode::end_text);
    if (take("b"))
      return leaf(opcode::word_edge);
    if (take("B"))
      return leaf(opcode::no_word_edge);
    auto code = parse_escaped_character();
    if (!code)
      return unexpected(std::move(code.error()));
    return character(*code);
  }

  parsed parse_class() {
    auto begin = position_++;
    character_class result;
    result.is_negated = take("^");
    for (bool is_first = true; is_first || peek() != ']'; is_first = false) {
      if (at_end()) {
        position_ = begin;
        return fail("this `[` has no closing `]`");
      }
      if (auto why = parse_class_item(result.ranges))
        return unexpected(std::move(*why));
    }
    ++position_;
    return add_class(std::move(result));
  }

  std::optional<std::string> parse_class_item(ranges& into) {
    bool is_negated = false;
    if (auto known = take_short_class(is_negated)) {
      append(into, *known, is_negated);
      return std::nullopt;
    }
    if (take("[:")) {
      auto end = text_.find(":]", position_);
      is_negated = take("^");
      auto known = end == std::string_view::npos || end < position_
                     ? nullptr
                     : find_named_class(text_.substr(position_, end - position_));
      if (!known)
        return fail("there is no class of characters of this name").value();
      append(into, *known, is_negated);
      position_ = end + 2;
      return std::nullopt;
    }
    auto first = parse_class_character();
    if (!first)
      return std::move(first.error());
    auto last = first;
    if (peek() == '-' && peek(1) != ']' && peek(1) != '\0') {
      ++position_;
      last = parse_class_character();
      if (!last)
        return std::move(last.error());
    }
    if (*last < *first)
      return fail("the ends of this range are the wrong way round").value();
    into.emplace_back(*first, *last);
    return std::nullopt;
  }

  expected<std::uint32_t, std::string> parse_class_character() {
    if (take("\\"))
      return parse_escaped_character();
    if (at_end())
      return fail("a `]` is missing");
    return next_code_point(text_, position_);
  }

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
  flags flags_;
  program program_;
};

} // namespace

expected<program, std::string> compile(std::string_view text) {
  return compiler{text}.compile();
}

} // namespace weir::analytics::query::patterns
