#include "transport/json_text.hpp"

#include <charconv>
#include <limits>

namespace weir::transport {

namespace {

constexpr std::string_view white_space = " \t\r\n";

/// Takes the digits at the front of `text`; false if there are none.
bool take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9')
    ++count;
  text.remove_prefix(count);
  return count > 0;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos)
    return false;
  text.remove_prefix(1);
  return true;
}

bool is_number(std::string_view text) {
  take(text, "-");
  if (!take(text, "0") && !take_digits(text))
    return false;
  if (take(text, ".") && !take_digits(text))
    return false;
  if (take(text, "eE")) {
    take(text, "+-");
    if (!take_digits(text))
      return false;
  }
  return text.empty();
}

/// Walks over brackets, leaving out those in strings.
class bracket_walk {
public:
  explicit bracket_walk(std::string_view text) : text_(text) {
  }

  /// Moves behind the next bracket; false at the end.
  bool next() {
    while (position_ < text_.size()) {
      char c = text_[position_++];
      if (c == '"') {
        pass_string();
      } else if (c == '{' || c == '[') {
        ++depth_;
        return true;
      } else if (c == '}' || c == ']') {
        depth_ -= depth_ > 0 ? 1 : 0;
        return true;
      }
    }
    return false;
  }

  std::size_t depth() const {
    return depth_;
  }
  std::size_t position() const {
    return position_;
  }

private:
  /// A line break ends a broken string: JSON does not allow one inside.
  void pass_string() {
    while (position_ < text_.size()) {
      char c = text_[position_++];
      if (c == '\\')
        ++position_;
      else if (c == '"' || c == '\n')
        return;
    }
  }

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
};

} // namespace

std::string_view trim_json(std::string_view text) {
  auto begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(white_space) + 1 - begin);
}

std::string_view without_bom(std::string_view text) {
  constexpr std::string_view bom = "\xef\xbb\xbf";
  return text.starts_with(bom) ? text.substr(bom.size()) : text;
}

std::optional<double> json_number(std::string_view text) {
  if (!is_number(text))
    return std::nullopt;
  double result = 0.0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc::result_out_of_range)
    return result;
  // Too small counts as 0, too large as infinity; from_chars does not say
  // which.
  bool small = text.find("e-") != std::string_view::npos
               || text.find("E-") != std::string_view::npos || text.starts_with("0.")
               || text.starts_with("-0.");
  auto magnitude = small ? 0.0 : std::numeric_limits<double>::infinity();
  return text.front() == '-' ? -magnitude : magnitude;
}

bool is_several_lines(std::string_view text) {
  auto line_break = text.find('\n');
  if (line_break == std::string_view::npos)
    return false;
  bracket_walk walk{text};
  while (walk.next())
    if (walk.depth() == 0)
      return walk.position() < text.size();
  // The first object is never closed: one broken line among others, if others
  // start like an object.
  return text.find("\n{", line_break) != std::string_view::npos;
}

bool nests_deeper(std::string_view text, std::size_t depth_max) {
  bracket_walk walk{text};
  while (walk.next())
    if (walk.depth() > depth_max)
      return true;
  return false;
}

} // namespace weir::transport
