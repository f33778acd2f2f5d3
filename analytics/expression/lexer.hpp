// Cuts the text of an expression into tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::analytics::expressions {

enum class token_kind : std::uint8_t {
  end,
  bad, ///< `content` says what is wrong.
  number,
  text,
  name,
  quoted_name, ///< In backticks: never a keyword or a function.
  // Words.
  word_and,
  word_or,
  word_not,
  word_in,
  word_between,
  word_true,
  word_false,
  // Signs.
  open,
  close,
  comma,
  question,
  colon,
  plus,
  minus,
  star,
  slash,
  percent,
  caret,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
};

struct token {
  token_kind kind = token_kind::end;
  std::size_t offset = 0;  ///< In bytes.
  std::string_view source; ///< As it stands in the text.
  std::string content;     ///< Of a text or a name, without quotes; of bad: why.
  double number = 0.0;
};

/// Reads from left to right. The text must outlive it and be UTF-8.
class lexer {
public:
  explicit lexer(std::string_view text) : text_(text) {
  }

  /// The next token; `end` again and again at the end. After `bad` nothing sensible
  /// follows.
  token next();

private:
  token read_number();
  token read_name();
  token read_quoted_name();
  token read_text();
  token read_sign();
  token finish(token_kind kind, std::size_t size);
  token bad(std::size_t offset, std::string why);
  bool take_digits(std::size_t& position) const;

  std::string_view text_;
  std::size_t position_ = 0;
};

/// Where `text` stops being UTF-8, or npos.
std::size_t find_bad_utf8(std::string_view text);

/// How many characters `text` has: bytes that do not continue one (UTF-8).
std::size_t count_characters(std::string_view text);

} // namespace weir::analytics::expressions
