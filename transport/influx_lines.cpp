#include "transport/influx_lines.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace weir::transport {

namespace {

constexpr std::string_view measurement_specials = ", ";
constexpr std::string_view tag_specials = ",= ";

/// Thrown inside this file only.
struct bad_line {
  std::size_t at;
  const char* message;
};

class line_parser {
public:
  line_parser(std::string_view line, influx_point& out) : line_(line), out_(out) {
  }

  void parse() {
    read_name(out_.measurement, measurement_specials);
    if (out_.measurement.empty())
      refuse("a line begins with the name of a measurement");
    out_.tags.clear();
    while (take(','))
      read_tag();
    if (!skip_spaces())
      refuse("behind measurement and tags come a space and the fields: name=value");
    read_fields();
    out_.time.reset();
    bool has_space = skip_spaces();
    if (at_ == line_.size())
      return;
    if (!has_space)
      refuse("behind a field's value comes a comma and the next field, or a space and "
             "the time");
    read_time();
  }

private:
  [[noreturn]] void refuse(const char* message) const {
    throw bad_line{at_, message};
  }
  bool take(char c) {
    if (at_ >= line_.size() || line_[at_] != c)
      return false;
    ++at_;
    return true;
  }
  bool skip_spaces() {
    auto from = at_;
    while (at_ < line_.size() && line_[at_] == ' ')
      ++at_;
    return at_ != from;
  }

  /// Up to the first of `specials` that is not escaped.
  void read_name(std::string& out, std::string_view specials) {
    out.clear();
    for (; at_ < line_.size(); ++at_) {
      auto c = line_[at_];
      if (c == '\\' && at_ + 1 < line_.size()
          && specials.find(line_[at_ + 1]) != specials.npos)
        c = line_[++at_];
      else if (specials.find(c) != specials.npos)
        return;
      out += c;
    }
  }

  void read_tag() {
    if (out_.tags.size() >= influx_limits::tags_max)
      refuse("a point has at most 256 tags");
    auto& name = out_.tags.emplace_back().first;
    auto& value = out_.tags.back().second;
    read_name(name, tag_specials);
    if (name.empty())
      refuse("a tag needs a name; a comma in a name is written \\,");
    if (!take('='))
      refuse("behind a tag's name comes = and its value");
    read_name(value, tag_specials);
    if (value.empty())
      refuse("a tag's value is empty; leave the tag out");
    if (at_ < line_.size() && line_[at_] == '=')
      refuse("an equals sign in a tag's value is written \\=");
    auto is_same = [&](const auto& x) { return x.first == name; };
    if (std::find_if(out_.tags.begin(), out_.tags.end() - 1, is_same)
        != out_.tags.end() - 1)
      refuse("this tag was there already; each stands once");
  }

  void read_fields() {
    std::size_t used = 0;
    do {
      if (used >= influx_limits::fields_max)
        refuse("a point has at most 10,000 fields");
      if (used == out_.fields.size())
        out_.fields.emplace_back();
      read_field(out_.fields[used++]);
    } while (take(','));
    out_.fields.resize(used);
  }

  void read_field(influx_field& x) {
    read_name(x.name, tag_specials);
    if (x.name.empty())
      refuse("a point needs a field: name=value");
    if (!take('='))
      refuse("behind a field's name comes = and its value");
    x.text.clear();
    x.value = 0.0;
    x.integer = 0;
    if (at_ < line_.size() && line_[at_] == '"')
      read_text(x);
    else
      read_scalar(x);
  }

  void read_text(influx_field& x) {
    auto start = at_++;
    x.kind = influx_kind::text;
    while (at_ < line_.size() && line_[at_] != '"') {
      if (line_[at_] == '\\' && at_ + 1 < line_.size()
          && (line_[at_ + 1] == '"' || line_[at_ + 1] == '\\'))
        ++at_;
      x.text += line_[at_++];
    }
    if (!take('"')) {
      at_ = start;
      refuse("the text has no closing quote on this line");
    }
  }

  void read_scalar(influx_field& x) {
    auto end = std::min(line_.find_first_of(", ", at_), line_.size());
    auto text = line_.substr(at_, end - at_);
    if (text.empty())
      refuse("a field needs a value: 1.5, 3i, 3u, true, false or \"text\"");
    if (auto truth = boolean_of(text)) {
      x.kind = influx_kind::boolean;
      x.value = *truth ? 1.0 : 0.0;
    } else if (text.back() == 'i') {
      x.kind = influx_kind::integer;
      x.integer = whole<std::int64_t>(text.substr(0, text.size() - 1));
      x.value = static_cast<double>(x.integer);
    } else if (text.back() == 'u') {
      x.kind = influx_kind::unsigned_integer;
      x.value
        = static_cast<double>(whole<std::uint64_t>(text.substr(0, text.size() - 1)));
    } else {
      x.kind = influx_kind::real;
      x.value = real(text);
    }
    at_ = end;
  }

  static std::optional<bool> boolean_of(std::string_view text) {
    static constexpr std::array yes{"t", "T", "true", "True", "TRUE"};
    static constexpr std::array no{"f", "F", "false", "False", "FALSE"};
    if (std::find(yes.begin(), yes.end(), text) != yes.end())
      return true;
    if (std::find(no.begin(), no.end(), text) != no.end())
      return false;
    return std::nullopt;
  }

  template <class T>
  T whole(std::string_view text) const {
    T value = 0;
    auto [stop, failed]
      = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed == std::errc::result_out_of_range)
      refuse("this whole number does not fit into 64 bits");
    if (failed != std::errc{} || stop != text.data() + text.size())
      refuse("a value is 1.5, 3i, 3u, true, false or \"text\"; this is none");
    return value;
  }

  double real(std::string_view text) const {
    auto digits = text;
    if (digits.front() == '+')
      digits.remove_prefix(1);
    bool is_number
      = !digits.empty() && digits.find_first_not_of("0123456789+-.eE") == digits.npos;
    double value = 0.0;
    auto end = digits.data() + digits.size();
    auto [stop, failed] = std::from_chars(digits.data(), end, value);
    if (failed == std::errc::result_out_of_range && is_number)
      refuse("this number does not fit into 64 bits");
    if (!is_number || failed != std::errc{} || stop != end)
      refuse("a value is 1.5, 3i, 3u, true, false or \"text\"; this is none");
    return value;
  }

  void read_time() {
    auto end = std::min(line_.find(' ', at_), line_.size());
    std::int64_t value = 0;
    auto [stop, failed]
      = std::from_chars(line_.data() + at_, line_.data() + end, value);
    if (failed != std::errc{} || stop != line_.data() + end)
      refuse("the time is a whole number in the file's precision (--precision)");
    at_ = end;
    skip_spaces();
    if (at_ != line_.size())
      refuse("nothing comes behind the time");
    out_.time = value;
  }

  std::string_view line_;
  influx_point& out_;
  std::size_t at_ = 0;
};

void append_escaped(std::string& out, std::string_view text,
                    std::string_view specials) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    bool at_end = i + 1 == text.size();
    if (c == '\n' || c == '\r' || (c == '\\' && at_end)) {
      out += '_';
      continue;
    }
    if (specials.find(c) != specials.npos)
      out += '\\';
    out += c;
  }
}

} // namespace

expected<bool, influx_error> parse_influx_line(std::string_view line,
                                               influx_point& out) {
  auto first = line.find_first_not_of(" \t");
  if (first == line.npos || line[first] == '#')
    return false;
  auto body = line.substr(first);
  if (body.back() == '\r')
    body.remove_suffix(1);
  if (body.size() > influx_limits::line_bytes_max)
    return unexpected(influx_error{1, "a point has at most 1 MiB"});
  try {
    line_parser{body, out}.parse();
    return true;
  } catch (const bad_line& why) {
    return unexpected(influx_error{first + why.at + 1, why.message});
  }
}

void append_influx_measurement(std::string& out, std::string_view text) {
  if (!text.empty() && text.front() == '#') {
    out += "_"; // Would be a comment.
    text.remove_prefix(1);
  }
  append_escaped(out, text, measurement_specials);
}

void append_influx_tag(std::string& out, std::string_view text) {
  append_escaped(out, text, tag_specials);
}

bool influx_reader::read_line(std::string& out) {
  auto& from = *in_.rdbuf();
  constexpr auto end = std::istream::traits_type::eof();
  auto c = from.sbumpc();
  if (c == end)
    return false;
  ++line_;
  for (; c != end && c != '\n'; c = from.sbumpc()) {
    if (out.size() < influx_limits::line_bytes_max)
      out += static_cast<char>(c);
    else
      too_long_ = true;
  }
  return true;
}

influx_reader::result influx_reader::next(influx_point& out) {
  for (;;) {
    buffer_.clear();
    too_long_ = false;
    if (!read_line(buffer_))
      return result::end;
    if (too_long_) {
      error_ = "line " + std::to_string(line_) + ": a point has at most 1 MiB";
      return result::error;
    }
    auto parsed = parse_influx_line(buffer_, out);
    if (!parsed) {
      error_ = "line " + std::to_string(line_) + ", column "
               + std::to_string(parsed.error().column) + ": " + parsed.error().message;
      return result::error;
    }
    if (*parsed)
      return result::point;
  }
}

} // namespace weir::transport
