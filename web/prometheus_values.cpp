#include "web/prometheus_values.hpp"

#include "analytics/query/lexer.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <system_error>

namespace weir::web {

namespace query = analytics::query;

namespace {

// Go's time.Time at its ends, as clients write them.
constexpr std::string_view least_time = "-292273086-05-16T16:47:06Z";
constexpr std::string_view greatest_time = "292277025-08-18T07:12:54.999999999Z";

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+'))
    text.remove_prefix(1);
  double x = 0.0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (text.empty() || failed != std::errc{} || end != text.data() + text.size()
      || !std::isfinite(x))
    return std::nullopt;
  return x;
}

/// Reads fixed places of a text; remembers whether something did not fit.
class places {
public:
  explicit places(std::string_view text) : text_(text) {
  }

  int digits(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      auto c = take();
      fits_ = fits_ && c >= '0' && c <= '9';
      value = value * 10 + (c - '0');
    }
    return value;
  }

  void sign(char expected) {
    auto c = take();
    fits_ = fits_ && c == expected;
  }

  char take() {
    if (at_ >= text_.size()) {
      fits_ = false;
      return '0';
    }
    return text_[at_++];
  }

  bool is_next(char c) const {
    return at_ < text_.size() && text_[at_] == c;
  }
  bool is_next_digit() const {
    return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9';
  }
  bool is_good_end() const {
    return fits_ && at_ == text_.size();
  }

private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool fits_ = true;
};

/// Milliseconds of ".781999": any number of digits, at least one.
int read_fraction(places& in) {
  int value = in.digits(1) * 100;
  for (int unit = 10; in.is_next_digit(); unit /= 10)
    value += in.digits(1) * unit; // Beyond milliseconds the unit is 0.
  return value;
}

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  places in{text};
  auto year = in.digits(4);
  in.sign('-');
  auto month = in.digits(2);
  in.sign('-');
  auto day = in.digits(2);
  in.sign('T');
  auto hour = in.digits(2);
  in.sign(':');
  auto minute = in.digits(2);
  in.sign(':');
  auto second = in.digits(2);
  int fraction_ms = 0;
  if (in.is_next('.')) {
    in.sign('.');
    fraction_ms = read_fraction(in);
  }
  int offset_min = 0;
  if (auto zone = in.take(); zone == '+' || zone == '-') {
    auto hours = in.digits(2);
    in.sign(':');
    auto minutes = in.digits(2);
    if (hours > 23 || minutes > 59)
      return std::nullopt;
    offset_min = (hours * 60 + minutes) * (zone == '+' ? 1 : -1);
  } else if (zone != 'Z') {
    return std::nullopt;
  }
  using namespace std::chrono;
  auto date = year_month_day{std::chrono::year{year},
                             std::chrono::month{static_cast<unsigned>(month)},
                             std::chrono::day{static_cast<unsigned>(day)}};
  if (!in.is_good_end() || !date.ok() || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  std::int64_t days = sys_days{date}.time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute - offset_min) * 60'000 + second * 1'000
         + fraction_ms;
}

std::optional<std::int64_t> to_ms(double seconds) {
  // Whole and fraction apart, and to the nearest ms: 0.781 is no sum of powers of two.
  auto whole = std::floor(seconds);
  if (std::abs(whole) > static_cast<double>(query::query_time_ms_max))
    return std::nullopt; // No number of milliseconds that fits.
  return static_cast<std::int64_t>(whole) * 1000
         + static_cast<std::int64_t>(std::round((seconds - whole) * 1000.0));
}

std::size_t unicode_length(std::string_view text) {
  auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  auto is_tail = [&](std::size_t i) { return (at(i) & 0xc0u) == 0x80u; };
  auto first = at(0);
  if (first >= 0xc2 && first <= 0xdf && is_tail(1))
    return 2;
  if (first >= 0xe0 && first <= 0xef && is_tail(1) && is_tail(2)
      && !(first == 0xe0 && at(1) < 0xa0) && !(first == 0xed && at(1) > 0x9f))
    return 3;
  if (first >= 0xf0 && first <= 0xf4 && is_tail(1) && is_tail(2) && is_tail(3)
      && !(first == 0xf0 && at(1) < 0x90) && !(first == 0xf4 && at(1) > 0x8f))
    return 4;
  return 0;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
  case '"':
    out += "\\\"";
    break;
  case '\\':
    out += "\\\\";
    break;
  case '\n':
    out += "\\n";
    break;
  case '\r':
    out += "\\r";
    break;
  case '\t':
    out += "\\t";
    break;
  default:
    out += "\\u00";
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
}

std::string_view type_name(query::value_type x) {
  switch (x) {
  case query::value_type::scalar:
    return "scalar";
  case query::value_type::vector:
    return "vector";
  case query::value_type::matrix:
    return "matrix";
  case query::value_type::text:
    return "string";
  }
  return "";
}

void append_sample(std::string& out, std::int64_t time_ms, double value) {
  out += '[';
  append_sample_time(out, time_ms);
  out += ',';
  append_sample_value(out, value);
  out += ']';
}

void append_matrix(std::string& out, const query::answer& what) {
  std::size_t samples = 0;
  for (const auto& x : what.series)
    samples += x.values.size();
  out.reserve(out.size() + samples * 40 + what.series.size() * 200);
  out += '[';
  for (const auto& x : what.series) {
    if (&x != what.series.data())
      out += ',';
    out += R"({"metric":)";
    append_label_object(out, x.labels);
    out += R"(,"values":[)";
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      if (i != 0)
        out += ',';
      append_sample(out, x.times_ms[i], x.values[i]);
    }
    out += "]}";
  }
  out += ']';
}

void append_vector(std::string& out, const query::answer& what) {
  out += '[';
  for (const auto& x : what.series) {
    if (&x != what.series.data())
      out += ',';
    out += R"({"metric":)";
    append_label_object(out, x.labels);
    out += R"(,"value":)";
    append_sample(out, x.times_ms.back(), x.values.back());
    out += '}';
  }
  out += ']';
}

http_response json_body(unsigned status, std::string body) {
  http_response result;
  result.status = status;
  result.content_type = "application/json";
  result.headers.emplace_back("Cache-Control", "no-store");
  result.body = std::move(body);
  return result;
}

} // namespace

std::optional<std::int64_t> parse_prometheus_time(std::string_view text) {
  if (text == least_time)
    return -query::query_time_ms_max;
  if (text == greatest_time)
    return query::query_time_ms_max;
  auto seconds = parse_number(text);
  auto time_ms = seconds ? to_ms(*seconds) : parse_rfc3339(text);
  if (!time_ms || *time_ms < -query::query_time_ms_max
      || *time_ms > query::query_time_ms_max)
    return std::nullopt;
  return time_ms;
}

std::optional<std::int64_t> parse_prometheus_duration(std::string_view text) {
  if (auto seconds = parse_number(text)) {
    auto ms = *seconds * 1000.0;
    if (ms < 0.0 || ms > static_cast<double>(query::duration_ms_max))
      return std::nullopt;
    return static_cast<std::int64_t>(ms + 1e-6); // 0.57 s is 569.9999 ms.
  }
  auto words = query::lexer{text};
  auto word = words.next();
  if (word.kind != query::token_kind::duration || word.source != text)
    return std::nullopt;
  return word.duration_ms;
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
        append_escaped(out, text[i]);
      else
        out += text[i];
      ++i;
    } else if (auto length = unicode_length(text.substr(i)); length != 0) {
      out.append(text, i, length);
      i += length;
    } else {
      out += "\xef\xbf\xbd";
      ++i;
    }
  }
  out += '"';
}

void append_sample_value(std::string& out, double x) {
  if (std::isnan(x)) {
    out += R"("NaN")";
    return;
  }
  if (std::isinf(x)) {
    out += x > 0.0 ? R"("+Inf")" : R"("-Inf")";
    return;
  }
  // As Go's JSON writes numbers.
  auto size = std::abs(x);
  auto format = size != 0.0 && (size < 1e-6 || size >= 1e21)
                  ? std::chars_format::scientific
                  : std::chars_format::fixed;
  std::array<char, 64> buffer;
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x, format).ptr;
  out += '"';
  out.append(buffer.data(), end);
  out += '"';
}

void append_sample_time(std::string& out, std::int64_t time_ms) {
  std::array<char, 32> buffer;
  auto* at = buffer.data();
  if (time_ms < 0)
    *at++ = '-';
  auto size = time_ms < 0 ? -time_ms : time_ms;
  at = std::to_chars(at, buffer.data() + buffer.size(), size / 1000).ptr;
  if (auto rest = size % 1000; rest != 0) {
    *at++ = '.';
    *at++ = static_cast<char>('0' + rest / 100);
    *at++ = static_cast<char>('0' + rest / 10 % 10);
    *at++ = static_cast<char>('0' + rest % 10);
  }
  out.append(buffer.data(), at);
}

void append_label_object(std::string& out, const query::label_set& labels) {
  out += '{';
  bool is_first = true;
  for (const auto& x : labels.all()) {
    if (!is_first)
      out += ',';
    is_first = false;
    append_json_text(out, x.name);
    out += ':';
    append_json_text(out, x.value);
  }
  out += '}';
}

void append_text_array(std::string& out, std::span<const std::string> texts) {
  out += '[';
  bool is_first = true;
  for (const auto& x : texts) {
    if (!is_first)
      out += ',';
    is_first = false;
    append_json_text(out, x);
  }
  out += ']';
}

void append_answer(std::string& out, const query::answer& what, std::int64_t time_ms) {
  out += R"({"resultType":")";
  out += type_name(what.type);
  out += R"(","result":)";
  switch (what.type) {
  case query::value_type::scalar:
    append_sample(out, time_ms,
                  what.series.empty() ? std::nan("") : what.series[0].values.back());
    break;
  case query::value_type::vector:
    append_vector(out, what);
    break;
  case query::value_type::matrix:
    append_matrix(out, what);
    break;
  case query::value_type::text:
    out += '[';
    append_sample_time(out, time_ms);
    out += ',';
    append_json_text(out, what.text);
    out += ']';
    break;
  }
  out += '}';
}

http_response prometheus_success(std::string body,
                                 std::span<const std::string> warnings) {
  if (!warnings.empty()) {
    body += R"(,"warnings":)";
    append_text_array(body, warnings);
  }
  body += '}';
  return json_body(200, std::move(body));
}

http_response prometheus_error(unsigned status, std::string_view type,
                               std::string_view message) {
  std::string body = R"({"status":"error","errorType":)";
  append_json_text(body, type);
  body += R"(,"error":)";
  append_json_text(body, message);
  body += '}';
  return json_body(status, std::move(body));
}

http_response prometheus_error(const query::query_error& why, std::string_view text,
                               bool is_late) {
  switch (why.code) {
  case query::query_errc::syntax:
    return prometheus_error(400, "bad_data",
                            "invalid parameter \"query\": " + place_in(text, why.column)
                              + ": parse error: " + why.message);
  case query::query_errc::limit:
  case query::query_errc::execution:
    return prometheus_error(422, "execution", why.message);
  case query::query_errc::source:
    return prometheus_error(500, "internal", why.message);
  case query::query_errc::cancelled:
    break;
  }
  return is_late
           ? prometheus_error(503, "timeout", "query timed out in query execution")
           : prometheus_error(503, "canceled",
                              "query was canceled: the centre is being stopped");
}

std::string place_in(std::string_view text, std::size_t column) {
  std::size_t line = 1;
  std::size_t in_line = 1;
  std::size_t character = 1;
  for (char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0u) == 0x80u)
      continue; // A character goes on.
    if (character++ >= column)
      break;
    in_line = c == '\n' ? 1 : in_line + 1;
    line += c == '\n' ? 1 : 0;
  }
  return std::to_string(line) + ":" + std::to_string(in_line);
}

} // namespace weir::web
