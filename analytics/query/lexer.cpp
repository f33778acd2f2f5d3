#include "analytics/query/lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace weir::analytics::query {

namespace {

// Not <cctype>: its answers depend on the locale.
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

constexpr bool continues_name(char c) {
  return begins_name(c) || is_digit(c) || c == ':';
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr int hexadecimal(char c) {
  return is_digit(c)                          ? c - '0'
         : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10
                                              : -1;
}

// The larger ones first, as they have to stand; `ms` before `m` to be found.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 7> units{
  {{"y", 365LL * 86'400'000},
   {"w", 7LL * 86'400'000},
   {"d", 86'400'000},
   {"h", 3'600'000},
   {"ms", 1},
   {"m", 60'000},
   {"s", 1'000}}};

// Longer ones first, so that `<=` is not read as `<`.
constexpr auto signs = std::to_array<std::string_view>(
  {"=~", "!~", "==", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*",
   "/",  "%",  "^",  "(",  ")",  "{",  "}", "[", "]", ",", ":", "@"});

void append_code_point(std::string& to, std::uint32_t code) {
  auto add = [&to](std::uint32_t byte) { to += static_cast<char>(byte); };
  if (code < 0x80)
    return add(code);
  if (code < 0x800)
    add(0xc0 | code >> 6);
  else if (code < 0x10000)
    add(0xe0 | code >> 12), add(0x80 | (code >> 6 & 0x3f));
  else
    add(0xf0 | code >> 18), add(0x80 | (code >> 12 & 0x3f)),
      add(0x80 | (code >> 6 & 0x3f));
  add(0x80 | (code & 0x3f));
}

} // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool token::is_word(std::string_view x) const {
  return kind == token_kind::name && equal_ignoring_case(source, x);
}

bool is_reserved(std::string_view name) {
  constexpr auto words = std::to_array<std::string_view>(
    {"and", "or", "unless", "atan2", "by", "without", "on", "ignoring", "group_left",
     "group_right", "bool", "offset", "inf", "nan"});
  return std::any_of(words.begin(), words.end(),
                     [name](auto x) { return equal_ignoring_case(x, name); });
}

void lexer::skip_blanks() {
  constexpr std::string_view blanks = " \t\r\n";
  for (;;) {
    position_ = std::min(text_.find_first_not_of(blanks, position_), text_.size());
    if (at(position_) != '#')
      return;
    position_ = std::min(text_.find('\n', position_), text_.size());
  }
}

token lexer::next() {
  skip_blanks();
  if (position_ == text_.size())
    return {.kind = token_kind::end, .offset = position_};
  char c = text_[position_];
  if (is_digit(c) || (c == '.' && is_digit(at(position_ + 1))))
    return read_number();
  if (begins_name(c) || (c == ':' && !is_in_brackets_))
    return read_name();
  if (c == '"' || c == '\'')
    return read_text();
  if (c == '`')
    return read_raw_text();
  return read_sign();
}

token lexer::finish(token_kind kind, std::size_t end) {
  token result{.kind = kind, .offset = position_};
  result.source = text_.substr(position_, end - position_);
  position_ = end;
  return result;
}

token lexer::bad(std::size_t offset, std::string why) {
  return {.kind = token_kind::bad, .offset = offset, .content = std::move(why)};
}

token lexer::read_number() {
  auto end = position_;
  auto take_digits = [&] {
    while (is_digit(at(end)))
      ++end;
  };
  if (at(end) == '0' && lower(at(end + 1)) == 'x' && hexadecimal(at(end + 2)) >= 0) {
    double number = 0.0;
    for (end += 2; hexadecimal(at(end)) >= 0; ++end)
      number = number * 16 + hexadecimal(at(end));
    auto result = finish(token_kind::number, end);
    result.number = number;
    return continues_name(at(end)) ? bad(result.offset, "this is not a number")
                                   : result;
  }
  take_digits();
  constexpr std::string_view unit_letters = "ywdhms";
  if (end > position_ && unit_letters.find(at(end)) != std::string_view::npos
      && at(end) != '\0')
    return read_duration();
  if (at(end) == '.') {
    ++end;
    take_digits();
  }
  if (lower(at(end)) == 'e') {
    ++end;
    if (at(end) == '+' || at(end) == '-')
      ++end;
    if (!is_digit(at(end)))
      return bad(position_, "this number needs digits in its exponent, as in 1e-3");
    take_digits();
  }
  if ((continues_name(at(end)) && at(end) != ':') || at(end) == '.')
    return bad(position_, "this is no number (12, 1.5, 1e-3, 0x1f) and no duration "
                          "(1h30m; units y w d h m s ms)");
  auto result = finish(token_kind::number, end);
  const auto* begin = result.source.data();
  auto [rest, error]
    = std::from_chars(begin, begin + result.source.size(), result.number);
  if (error != std::errc{})
    return bad(result.offset, "this number is too large or too near to 0");
  return result;
}

token lexer::read_duration() {
  auto end = position_;
  std::int64_t total_ms = 0;
  auto previous_ms = duration_ms_max + 1;
  while (is_digit(at(end))) {
    std::int64_t count = 0;
    for (; is_digit(at(end)); ++end)
      count = std::min<std::int64_t>(count * 10 + (at(end) - '0'), duration_ms_max);
    auto rest = text_.substr(end);
    auto unit = std::find_if(units.begin(), units.end(),
                             [&](const auto& x) { return rest.starts_with(x.first); });
    if (unit == units.end())
      return bad(position_, "a unit is missing at the end of this duration; units are "
                            "y w d h m s ms");
    if (unit->second >= previous_ms)
      return bad(position_, "the parts of a duration go from large to small, each unit "
                            "once, as in 1h30m");
    if (count > (duration_ms_max - total_ms) / unit->second)
      return bad(position_, "this duration is longer than a hundred years");
    previous_ms = unit->second;
    total_ms += count * unit->second;
    end += unit->first.size();
  }
  if (begins_name(at(end)))
    return bad(position_, "this is no duration; it is written as in 1h30m, with the "
                          "units y w d h m s ms");
  auto result = finish(token_kind::duration, end);
  result.duration_ms = total_ms;
  return result;
}

token lexer::read_name() {
  auto end = position_;
  while (continues_name(at(end)))
    ++end;
  return finish(token_kind::name, end);
}

bool lexer::read_escape(std::size_t& position, std::string& content, char quote) const {
  constexpr std::string_view escapes = "abfnrtv\\";
  constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\";
  char c = at(position);
  if (c == quote || (c != '\0' && escapes.find(c) != std::string_view::npos)) {
    content += c == quote ? quote : meanings[escapes.find(c)];
    ++position;
    return true;
  }
  auto is_octal = c >= '0' && c <= '7';
  std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : is_octal ? 3 : 0;
  auto base = is_octal ? 8u : 16u;
  position += is_octal ? 0 : 1;
  std::uint32_t code = 0;
  for (std::size_t i = 0; i < digits; ++i, ++position) {
    auto digit = hexadecimal(at(position));
    if (digit < 0 || digit >= static_cast<int>(base) || code > 0x10ffff)
      return false;
    code = code * base + static_cast<std::uint32_t>(digit);
  }
  if (digits <= 3) { // A byte.
    content += static_cast<char>(code);
    return digits != 0 && code <= 0xff;
  }
  append_code_point(content, code);
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

token lexer::read_text() {
  std::string content;
  auto quote = text_[position_];
  for (auto i = position_ + 1; i < text_.size();) {
    char c = text_[i];
    if (c == quote) {
      auto result = finish(token_kind::text, i + 1);
      result.content = std::move(content);
      return result;
    }
    if (c == '\n')
      break;
    ++i;
    if (c != '\\')
      content += c;
    else if (auto begin = i - 1; !read_escape(i, content, quote))
      return bad(begin, "there is no such escape; write `\\\\` for the sign itself (in "
                        "a pattern, `\\\\.` for a point)");
  }
  return bad(position_, std::string{"this text has no closing "} + quote);
}

token lexer::read_raw_text() {
  auto end = text_.find('`', position_ + 1);
  if (end == std::string_view::npos)
    return bad(position_, "this text has no closing backtick (`)");
  auto content = std::string{text_.substr(position_ + 1, end - position_ - 1)};
  auto result = finish(token_kind::text, end + 1);
  result.content = std::move(content);
  return result;
}

token lexer::read_sign() {
  auto rest = text_.substr(position_);
  auto found = std::find_if(signs.begin(), signs.end(),
                            [rest](auto x) { return rest.starts_with(x); });
  if (found == signs.end()) {
    if (rest.front() == '!')
      return bad(position_, "there is no `!`; write `!=`, `!~` or `unless`");
    if (rest.front() == '&' || rest.front() == '|')
      return bad(position_, "write `and` or `or` for this sign");
    return bad(position_, "this character has no meaning here; names with unusual "
                          "characters stand in quotes, as in {\"motor.temp\"}");
  }
  if (*found == "[" || *found == "]")
    is_in_brackets_ = *found == "[";
  return finish(token_kind::sign, position_ + found->size());
}

} // namespace weir::analytics::query
