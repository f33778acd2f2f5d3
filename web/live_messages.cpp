#include "web/live_messages.hpp"

#include "web/url.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace weir::web {

using nlohmann::json;

namespace {

constexpr double id_max = 9'007'199'254'740'992.0; // 2^53: exact in a browser.
constexpr std::size_t snapshot_points_max = 50'000;
constexpr std::size_t series_points_max = 10'000;

/// Reads the one map of a message. Stops at the first thing that no message
/// has, which keeps the parser from following deep or long nesting.
class message_reader {
public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  std::optional<std::string> op;
  std::optional<double> id;
  std::optional<double> from_ms;
  std::optional<double> max_points;
  std::vector<double> series;
  bool has_series = false;
  bool too_many_series = false;

  bool null() {
    return true;
  }
  bool boolean(bool) {
    return true;
  }
  bool number_integer(number_integer_t x) {
    return number(static_cast<double>(x));
  }
  bool number_unsigned(number_unsigned_t x) {
    return number(static_cast<double>(x));
  }
  bool number_float(number_float_t x, const string_t&) {
    return number(x);
  }
  bool string(string_t& x) {
    if (depth_ == 1 && key_ == "op")
      op = std::move(x);
    return depth_ > 0;
  }
  bool binary(binary_t&) {
    return false;
  }
  bool start_object(std::size_t) {
    return ++depth_ == 1;
  }
  bool key(string_t& x) {
    key_ = std::move(x);
    return true;
  }
  bool end_object() {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) {
    has_series = has_series || key_ == "series";
    return ++depth_ == 2;
  }
  bool end_array() {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception&) {
    return false;
  }

private:
  bool number(double x) {
    if (depth_ == 2 && key_ == "series") {
      too_many_series = series.size() == subscription_series_max;
      series.push_back(x);
      return !too_many_series;
    }
    if (depth_ == 1 && key_ == "id")
      id = x;
    if (depth_ == 1 && key_ == "from_ms")
      from_ms = x;
    if (depth_ == 1 && key_ == "max_points")
      max_points = x;
    return depth_ > 0;
  }

  int depth_ = 0;
  std::string key_;
};

std::optional<std::int64_t> whole(std::optional<double> x, double max) {
  if (!x || !(*x >= 0.0 && *x <= max) || *x != std::floor(*x))
    return std::nullopt;
  return static_cast<std::int64_t>(*x);
}

/// Fills in what a subscription has; the message of an error, or nothing.
std::optional<std::string> read_subscription(const message_reader& from,
                                             client_message& to) {
  if (!from.has_series || from.series.empty())
    return "`series` must be a list of 1 to 50 series ids.";
  for (auto x : from.series) {
    auto id = whole(x, std::numeric_limits<storage::stored_series_id>::max());
    if (!id)
      return "`series` must hold series ids, which are whole numbers.";
    to.series.push_back(static_cast<storage::stored_series_id>(*id));
  }
  std::sort(to.series.begin(), to.series.end());
  to.series.erase(std::unique(to.series.begin(), to.series.end()), to.series.end());
  if (!from.from_ms || !std::isfinite(*from.from_ms))
    return "`from_ms` must be a time in UTC milliseconds since the epoch.";
  to.from_ns = ms_to_ns(*from.from_ms);
  auto points = from.max_points
                  ? whole(from.max_points, static_cast<double>(series_points_max))
                  : std::optional<std::int64_t>{800};
  if (!points || *points == 0)
    return "`max_points` must be a whole number from 1 to 10000.";
  to.points_max = std::min(static_cast<std::size_t>(*points),
                           snapshot_points_max / to.series.size());
  return std::nullopt;
}

} // namespace

expected<client_message, client_error> parse_message(bool text,
                                                     std::string_view bytes) {
  message_reader reader;
  auto format = text ? json::input_format_t::json : json::input_format_t::msgpack;
  bool parsed = json::sax_parse(bytes.begin(), bytes.end(), &reader, format);
  client_message result;
  auto id = whole(reader.id, id_max);
  if (reader.too_many_series)
    return unexpected(client_error{
      id, "too_many_series", "A subscription has at most 50 series; use several."});
  if (!parsed || !reader.op)
    return unexpected(client_error{
      id, "malformed",
      "A message is one map {\"op\": \"sub\" or \"unsub\", \"id\": ...} in "
      "msgpack (binary) or JSON (text)."});
  if (!id)
    return unexpected(client_error{std::nullopt, "malformed",
                                   "`id` must be a whole number from 0 to 2^53."});
  result.id = *id;
  if (*reader.op == "unsub") {
    result.op = client_message::operation::unsubscribe;
    return result;
  }
  if (*reader.op != "sub")
    return unexpected(
      client_error{id, "unknown_op", "`op` must be \"sub\" or \"unsub\"."});
  if (auto wrong = read_subscription(reader, result))
    return unexpected(client_error{id, "malformed", std::move(*wrong)});
  return result;
}

} // namespace weir::web
