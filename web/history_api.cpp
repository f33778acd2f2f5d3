#include "web/history_api.hpp"

#include "web/json_views.hpp"
#include "web/responses.hpp"
#include "web/url.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

namespace weir::web {

using nlohmann::json;

namespace {

constexpr std::size_t rows_max = 10'000;
constexpr std::size_t rows_default = 5'000;
// Pieces of time that one page looks through, and how far a piece grows over empty ones:
// what is read at once is at most 64 pages of windows, and a page is never long to wait
// for.
constexpr int pieces_max = 256;
constexpr std::int64_t growth_max = 64;
constexpr std::int64_t time_ns_max = std::numeric_limits<std::int64_t>::max() / 2;

http_response bad_parameter(std::string_view name, const std::string& what) {
  return error_response(400, "bad_parameter",
                        "The parameter `" + std::string{name} + "` " + what + ".");
}

http_response bad_query() {
  return error_response(400, "bad_parameter",
                        "The query string has a broken %-escape or more than 32 "
                        "parameters.");
}

template <class T>
std::optional<T> number(std::string_view text, int base = 10) {
  T value{};
  auto end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || stop != end || failed != std::errc{})
    return std::nullopt;
  return value;
}

std::optional<std::uint64_t> epoch_of(const query_params& params) {
  return number<std::uint64_t>(params.find("epoch").value_or(""), 16);
}

http_response to_response(const actors::import_answer& x) {
  using actors::import_result;
  switch (x.result) {
  case import_result::stored:
    return json_response(200, {{"through_seq", x.through_seq}});
  case import_result::malformed:
    return error_response(400, "malformed", "Nothing was stored: " + x.message + ".");
  case import_result::gap:
    return error_response(409, "gap",
                          "Nothing was stored: " + x.message
                            + ". GET this address tells where to go on.");
  case import_result::busy:
  case import_result::unavailable:
    break;
  }
  auto result = error_response(
    503, x.result == import_result::busy ? "busy" : "unavailable",
    "Nothing was stored, or it is not certain: " + x.message + "; send it again.");
  result.headers.emplace_back("Retry-After", "1");
  return result;
}

struct page_request {
  std::uint32_t series = 0;
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
  std::size_t limit = rows_default;
};

expected<page_request, http_response> read_page(const query_params& params,
                                                std::int64_t now_ns) {
  page_request result;
  auto series = number<std::uint32_t>(params.find("series").value_or(""));
  if (!series || *series == 0)
    return unexpected(
      bad_parameter("series", "must be the id of a series, see /api/v1/series"));
  result.series = *series;
  auto to_ns = params.has("to_ns") ? number<std::int64_t>(*params.find("to_ns"))
                                   : std::optional{now_ns};
  auto from_ns = number<std::int64_t>(params.find("from_ns").value_or(""));
  auto limit = number<std::size_t>(params.find("limit").value_or("5000"));
  if (!to_ns || std::abs(*to_ns) > time_ns_max)
    return unexpected(
      bad_parameter("to_ns", "must be a time in UTC nanoseconds since the epoch"));
  if (!from_ns || std::abs(*from_ns) > time_ns_max || *from_ns >= *to_ns)
    return unexpected(bad_parameter(
      "from_ns", "must be a time in UTC nanoseconds since the epoch, before `to_ns`"));
  if (!limit || *limit == 0 || *limit > rows_max)
    return unexpected(bad_parameter("limit", "must be a whole number from 1 to 10000"));
  result.from_ns = *from_ns;
  result.to_ns = *to_ns;
  result.limit = *limit;
  return result;
}

struct page {
  std::vector<analytics::summary> rows;
  std::int64_t next_ns = 0; ///< Where the next one begins; `to_ns`: it was the last.
};

/// Cuts behind `limit` rows, but never between two of one start.
void cut(page& x, std::size_t limit) {
  if (x.rows.size() <= limit)
    return;
  auto end = limit;
  while (end < x.rows.size() && x.rows[end].start_ns == x.rows[end - 1].start_ns)
    ++end;
  if (end == x.rows.size())
    return;
  x.next_ns = x.rows[end].start_ns;
  x.rows.resize(end);
}

expected<page, storage::error> find_page(const storage::store& store,
                                         const storage::stored_series& about,
                                         const page_request& what) {
  page result;
  result.next_ns = what.from_ns;
  // Nothing begins behind the newest window.
  auto end_ns = std::min(what.to_ns, about.last_start_ns + 1);
  auto width_ns = std::max<std::int64_t>(about.width_ns, 1);
  auto windows = static_cast<std::int64_t>(what.limit);
  auto piece_ns = width_ns > time_ns_max / windows ? time_ns_max : width_ns * windows;
  std::int64_t growth = 1;
  for (int i = 0; i < pieces_max && result.rows.empty() && result.next_ns < end_ns;
       ++i) {
    auto span_ns = piece_ns > time_ns_max / growth ? time_ns_max : piece_ns * growth;
    auto from_ns = result.next_ns;
    auto to_ns = end_ns - from_ns > span_ns && from_ns + span_ns > from_ns
                   ? from_ns + span_ns
                   : end_ns;
    auto found
      = store.query(what.series, from_ns, to_ns, std::numeric_limits<int>::max());
    if (!found)
      return unexpected(found.error());
    result.rows = std::move(*found);
    result.next_ns = to_ns;
    cut(result, what.limit);
    growth = std::min(growth * 2, growth_max);
  }
  if (result.next_ns >= end_ns)
    result.next_ns = what.to_ns;
  return result;
}

json row_json(const analytics::summary& x) {
  return {x.start_ns, x.width_ns, x.count,      x.sum,   x.min,
          x.max,      x.mean,     x.m2,         x.first, x.last,
          x.first_ns, x.last_ns,  x.late_count, x.early};
}

} // namespace

void import_block(const server_services& services, http_request request,
                  std::function<void(http_response)> respond) {
  auto params = query_params::parse(request.query);
  if (!params)
    return respond(bad_query());
  auto epoch = epoch_of(*params);
  if (!epoch)
    return respond(
      bad_parameter("epoch", "must be 1 to 16 hex digits: the file's number"));
  auto seq = number<std::uint64_t>(params->find("seq").value_or(""));
  if (!seq || *seq == 0)
    return respond(bad_parameter(
      "seq", "must be the number of the block's first record, counted from 1"));
  if (!services.import)
    return respond(error_response(503, "unavailable", "This server stores nothing."));
  services.import(*epoch, *seq, std::move(request.body),
                  [respond = std::move(respond)](const actors::import_answer& x) {
                    respond(to_response(x));
                  });
}

http_response import_position(const storage::store& store,
                              const http_request& request) {
  auto params = query_params::parse(request.query);
  if (!params)
    return bad_query();
  auto epoch = epoch_of(*params);
  if (!epoch)
    return bad_parameter("epoch", "must be 1 to 16 hex digits: the file's number");
  auto known = store.position(actors::import_edge, *epoch);
  if (!known)
    return error_response(500, "store", known.error().message);
  return json_response(200, {{"edge", actors::import_edge},
                             {"through_seq", *known ? (*known)->through_seq : 0}});
}

http_response export_page(const storage::store& store, const http_request& request,
                          std::int64_t now_ns) {
  auto params = query_params::parse(request.query);
  if (!params)
    return bad_query();
  auto what = read_page(*params, now_ns);
  if (!what)
    return std::move(what.error());
  auto about = store.series(what->series);
  if (!about)
    return error_response(404, "not_found", about.error().message);
  auto found = find_page(store, *about, *what);
  if (!found)
    return error_response(500, "store", found.error().message);
  auto rows = json::array();
  for (const auto& x : found->rows)
    rows.push_back(row_json(x));
  return json_response(
    200, {{"series", series_json(*about)},
          {"columns",
           {"start_ns", "width_ns", "count", "sum", "min", "max", "mean", "m2", "first",
            "last", "first_ns", "last_ns", "late", "early"}},
          {"rows", std::move(rows)},
          {"next_ns", found->next_ns >= what->to_ns ? json{} : json(found->next_ns)}});
}

} // namespace weir::web
