#include "analytics/expression/lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace weir::analytics::expressions {

namespace {

// Not <cctype>: its answers depend on the locale.
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

constexpr bool continues_name(char c) {
  return begins_name(c) || is_digit(c);
}

constexpr bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

constexpr bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

template <std::size_t N>
using sign_table = std::array<std::pair<std::string_view, token_kind>, N>;

constexpr sign_table<7> words{{{"and", token_kind::word_and},
                               {"or", token_kind::word_or},
                               {"not", token_kind::word_not},
                               {"in", token_kind::word_in},
                               {"between", token_kind::word_between},
                               {"true", token_kind::word_true},
                               {"false", token_kind::word_false}}};

// Longer ones first, so that `<=` is not read as `<`.
constexpr sign_table<23> signs{{
  {"&&", token_kind::word_and},
  {"||", token_kind::word_or},
  {"==", token_kind::equal},
  {"!=", token_kind::not_equal},
  {"<>", token_kind::bad},
  {"<=", token_kind::less_equal},
  {">=", token_kind::greater_equal},
  {"=", token_kind::equal},
  {"!", token_kind::word_not},
  {"<", token_kind::less},
  {">", token_kind::greater},
  {"(", token_kind::open},
  {")", token_kind::close},
  {",", token_kind::comma},
  {"?", token_kind::question},
  {":", token_kind::colon},
  {"+", token_kind::plus},
  {"-", token_kind::minus},
  {"*", token_kind::star},
  {"/", token_kind::slash},
  {"%", token_kind::percent},
  {"^", token_kind::caret},
  {".", token_kind::bad},
}};

/// What to write instead of a sign that the language does not have.
std::string advice(char c) {
  switch (c) {
  case '&':
    return "write `and` or `&&` for this `&`";
  case '|':
    return "write `or` or `||` for this `|`";
  case '<':
    return "write `!=` for `<>`";
  case '.':
    return "a `.` stands inside a number (0.5) or a name (dim.site) only";
  default:
    break;
  }
  if (c > 0x20 && c < 0x7f)
    return std::string{"the sign `"} + c + "` has no meaning here";
  return "this character has no meaning here; texts stand in quotes and unusual names "
         "in backticks (`)";
}

/// The length of the character that begins at `text[0]`; 0 if it is not UTF-8.
std::size_t character_size(std::string_view text) {
  auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto first = byte(0);
  std::size_t size = first < 0x80                    ? 1
                     : first >= 0xc2 && first < 0xe0 ? 2
                     : first >= 0xe0 && first < 0xf0 ? 3
                     : first >= 0xf0 && first < 0xf5 ? 4
                                                     : 0;
  if (size > text.size())
    return 0;
  for (std::size_t i = 1; i < size; ++i)
    if (!continues_character(text[i]))
      return 0;
  // Too long a form, surrogates, beyond U+10FFFF.
  bool wrong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)
               || (first == 0xf0 && byte(1) < 0x90)
               || (first == 0xf4 && byte(1) > 0x8f);
  return wrong ? 0 : size;
}

} // namespace

std::size_t find_bad_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto size = character_size(text.substr(i));
    if (size == 0)
      return i;
    i += size;
  }
  return std::string_view::npos;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
    text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

token lexer::next() {
  constexpr std::string_view blanks = " \t\r\n";
  position_ = std::min(text_.find_first_not_of(blanks, position_), text_.size());
  if (position_ == text_.size())
    return {.kind = token_kind::end, .offset = position_};
  char c = text_[position_];
  if (is_digit(c))
    return read_number();
  if (begins_name(c))
    return read_name();
  if (c == '`')
    return read_quoted_name();
  if (c == '"' || c == '\'')
    return read_text();
  return read_sign();
}

token lexer::finish(token_kind kind, std::size_t size) {
  token result{.kind = kind, .offset = position_};
  result.source = text_.substr(position_, size);
  position_ += size;
  return result;
}

token lexer::bad(std::size_t offset, std::string why) {
  return {.kind = token_kind::bad, .offset = offset, .content = std::move(why)};
}

bool lexer::take_digits(std::size_t& position) const {
  auto begin = position;
  while (position < text_.size() && is_digit(text_[position]))
    ++position;
  return position != begin;
}

token lexer::read_number() {
  auto at = [this](std::size_t i) { return i < text_.size() ? text_[i] : '\0'; };
  auto begin = position_;
  auto end = begin;
  take_digits(end);
  if (at(end) == '.' && !take_digits(++end))
    return bad(begin, "this number needs a digit behind its point, as in 1.0");
  if (at(end) == 'e' || at(end) == 'E') {
    ++end;
    if (at(end) == '+' || at(end) == '-')
      ++end;
    if (!take_digits(end))
      return bad(begin, "this number needs digits in its exponent, as in 1e-3");
  }
  if (continues_name(at(end)) || at(end) == '.')
    return bad(begin,
               "this is not a number; write it as 12, 1.5 or 1e-3, and a name that "
               "begins with a digit in backticks (`)");
  auto result = finish(token_kind::number, end - begin);
  auto source = result.source;
  auto [rest, error]
    = std::from_chars(source.data(), source.data() + source.size(), result.number);
  if (error != std::errc{} || !std::isfinite(result.number))
    return bad(begin, "this number is too large or too near to 0; numbers reach from "
                      "1e-307 to 1e308");
  return result;
}

token lexer::read_name() {
  auto end = position_;
  auto take_part = [this, &end] {
    while (end < text_.size() && continues_name(text_[end]))
      ++end;
  };
  take_part();
  while (end + 1 < text_.size() && text_[end] == '.' && begins_name(text_[end + 1])) {
    ++end;
    take_part();
  }
  auto result = finish(token_kind::name, end - position_);
  result.content = result.source;
  for (const auto& [word, kind] : words)
    if (word == result.source)
      result.kind = kind;
  return result;
}

token lexer::read_quoted_name() {
  auto end = text_.find('`', position_ + 1);
  if (end == std::string_view::npos)
    return bad(position_, "this name has no closing backtick (`)");
  auto name = text_.substr(position_ + 1, end - position_ - 1);
  if (name.empty())
    return bad(position_, "there is no name between these backticks");
  if (std::any_of(name.begin(), name.end(), is_control))
    return bad(position_, "a name holds no control characters, such as line ends");
  auto result = finish(token_kind::quoted_name, end + 1 - position_);
  result.content = name;
  return result;
}

token lexer::read_text() {
  std::string content;
  auto quote = text_[position_];
  for (auto i = position_ + 1; i < text_.size(); ++i) {
    char c = text_[i];
    if (c == quote) {
      auto result = finish(token_kind::text, i + 1 - position_);
      result.content = std::move(content);
      return result;
    }
    if (c != '\\') {
      content.push_back(c);
      continue;
    }
    auto escape = i + 1 < text_.size() ? text_[i + 1] : '\0';
    constexpr std::string_view escapes = "\\\"'nt";
    constexpr std::string_view meanings = "\\\"'\n\t";
    auto found = escape == '\0' ? std::string_view::npos : escapes.find(escape);
    if (found == std::string_view::npos)
      return bad(i,
                 "a `\\` in a text stands before one of \\ \" ' n t; write `\\\\` for "
                 "the sign itself");
    content.push_back(meanings[found]);
    ++i;
  }
  return bad(position_, std::string{"this text has no closing "} + quote);
}

token lexer::read_sign() {
  auto rest = text_.substr(position_);
  auto found = std::find_if(signs.begin(), signs.end(), [rest](const auto& x) {
    return rest.starts_with(x.first);
  });
  if (found == signs.end() || found->second == token_kind::bad)
    return bad(position_, advice(rest.front()));
  return finish(found->second, found->first.size());
}

} // namespace weir::analytics::expressions
