// Cuts the text of a query into tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::analytics::query {

/// Longer ones are errors: enough for a century of range.
inline constexpr std::int64_t duration_ms_max = 100LL * 365 * 86'400'000;

enum class token_kind : std::uint8_t {
  end,
  bad, ///< `content` says what is wrong.
  number,
  duration, ///< `duration_ms`.
  text,     ///< `content`, without quotes and escapes.
  name,     ///< May have colons in it.
  sign,     ///< `source` is it.
};

struct token {
  token_kind kind = token_kind::end;
  std::size_t offset = 0;  ///< In bytes.
  std::string_view source; ///< As it stands in the text.
  std::string content;
  double number = 0.0;
  std::int64_t duration_ms = 0;

  bool is_sign(std::string_view x) const {
    return kind == token_kind::sign && source == x;
  }
  /// Keywords are the same in upper and lower case.
  bool is_word(std::string_view x) const;
};

/// Whether a name stands for something else where a metric could stand.
bool is_reserved(std::string_view name);

/// Whether two texts differ in the case of ASCII letters at most.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Reads from left to right. The text must outlive it and be UTF-8.
class lexer {
public:
  explicit lexer(std::string_view text) : text_(text) {
  }

  /// The next token; `end` again and again at the end. After `bad` nothing sensible
  /// follows.
  token next();

private:
  void skip_blanks();
  token read_number();
  token read_duration();
  token read_name();
  token read_text();
  token read_raw_text();
  token read_sign();
  /// Reads behind a `\`; adds to `content`. False if there is no such escape.
  bool read_escape(std::size_t& position, std::string& content, char quote) const;
  token finish(token_kind kind, std::size_t end);
  static token bad(std::size_t offset, std::string why);
  char at(std::size_t i) const {
    return i < text_.size() ? text_[i] : '\0';
  }

  std::string_view text_;
  std::size_t position_ = 0;
  bool is_in_brackets_ = false; ///< There a `:` begins no name.
};

} // namespace weir::analytics::query
