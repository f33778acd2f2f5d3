#include "web/api.hpp"

#include "web/aggregate_columns.hpp"
#include "web/history_api.hpp"
#include "web/ledger_views.hpp"
#include "web/metrics.hpp"
#include "web/responses.hpp"
#include "web/url.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <limits>
#include <system_error>
#include <unordered_map>

namespace weir::web {

using nlohmann::json;

namespace {

constexpr std::size_t list_limit_max = 10'000;
constexpr std::size_t points_max = 10'000;
constexpr std::size_t top_texts_max = 200'000; // Of an answer: some 50 MB at worst.
constexpr std::int64_t hour_ns = 3600ll * 1'000'000'000;
constexpr auto time_min = std::numeric_limits<std::int64_t>::min();
constexpr auto time_max = std::numeric_limits<std::int64_t>::max();

http_response store_failure(const storage::error& why) {
  if (why.code == storage::errc::not_found)
    return error_response(404, "not_found", why.message);
  return error_response(500, "store", why.message);
}

/// Reads parameters one by one; the first that is wrong becomes the answer.
class reader {
public:
  explicit reader(const query_params& params) : params_(params) {
  }

  std::uint64_t number(std::string_view name, std::uint64_t otherwise,
                       std::uint64_t min, std::uint64_t max) {
    auto text = params_.find(name);
    if (!text)
      return otherwise;
    auto value = parse_unsigned(*text);
    if (value && *value >= min && *value <= max)
      return *value;
    wrong(name, "must be a whole number from " + std::to_string(min) + " to "
                  + std::to_string(max));
    return otherwise;
  }

  std::int64_t time(std::string_view name, std::int64_t otherwise) {
    auto text = params_.find(name);
    if (!text)
      return otherwise;
    auto value = parse_ms(*text);
    if (!value)
      wrong(name, "must be a time in UTC milliseconds since the epoch");
    return value.value_or(otherwise);
  }

  /// 1 to 16 hex digits.
  std::uint64_t hex(std::string_view name, std::uint64_t otherwise) {
    auto text = params_.find(name);
    if (!text)
      return otherwise;
    std::uint64_t value = 0;
    auto end = text->data() + text->size();
    auto [stop, failed] = std::from_chars(text->data(), end, value, 16);
    if (text->empty() || stop != end || failed != std::errc{})
      wrong(name, "must be 1 to 16 hex digits");
    return value;
  }

  std::string text(std::string_view name) const {
    return std::string{params_.find(name).value_or("")};
  }

  void wrong(std::string_view name, const std::string& what) {
    if (!error_)
      error_
        = error_response(400, "bad_parameter",
                         "The parameter `" + std::string{name} + "` " + what + ".");
  }

  const std::optional<http_response>& error() const {
    return error_;
  }

private:
  const query_params& params_;
  std::optional<http_response> error_;
};

std::vector<analytics::aggregate_spec> read_aggregates(reader& params,
                                                       std::size_t points) {
  auto text = params.text("aggregates");
  if (text.empty())
    return {};
  auto specs = parse_aggregate_list(text);
  if (!specs) {
    params.wrong("aggregates", "is wrong: " + specs.error());
    return {};
  }
  std::size_t top_texts = 0;
  for (const auto& x : *specs)
    top_texts += x.k * points;
  if (top_texts > top_texts_max)
    params.wrong("aggregates", "asks for up to " + std::to_string(top_texts)
                                 + " texts of `top`, at most "
                                 + std::to_string(top_texts_max)
                                 + " are possible: lower K or `max_points`");
  return std::move(*specs);
}

storage::stored_series_id read_series(reader& params, std::uint64_t min) {
  return static_cast<storage::stored_series_id>(params.number(
    "series", 0, min, std::numeric_limits<storage::stored_series_id>::max()));
}

http_response series(const storage::store& store, reader params) {
  storage::series_filter filter;
  filter.text_contains = params.text("search");
  filter.edge = params.text("edge");
  auto limit = static_cast<std::size_t>(params.number("limit", 200, 1, list_limit_max));
  if (params.error())
    return *params.error();
  filter.limit = limit + 1; // One more tells whether there are more.
  auto found = store.find_series(filter);
  if (!found)
    return store_failure(found.error());
  bool truncated = found->size() > limit;
  if (truncated)
    found->resize(limit);
  auto list = json::array();
  for (const auto& x : *found)
    list.push_back(series_json(x));
  return json_response(200, {{"series", std::move(list)}, {"truncated", truncated}});
}

http_response query(const storage::store& store, reader params, std::int64_t now_ns) {
  auto id = read_series(params, 1);
  auto to_ns = params.time("to", now_ns);
  auto from_ns = params.time("from", to_ns - hour_ns);
  auto points
    = static_cast<std::size_t>(params.number("max_points", 1000, 1, points_max));
  auto aggregates = read_aggregates(params, points);
  if (id == 0)
    params.wrong("series", "is missing: the id of a series, see /api/v1/series");
  if (from_ns >= to_ns)
    params.wrong("from", "must be before `to`");
  if (params.error())
    return *params.error();
  auto about = store.series(id);
  if (!about)
    return store_failure(about.error());
  auto found = store.query(id, from_ns, to_ns, points);
  if (!found)
    return store_failure(found.error());
  auto columns = summary_columns_json();
  append_aggregate_columns(columns, aggregates);
  auto rows = json::array();
  for (const auto& x : *found) {
    rows.push_back(summary_row_json(x));
    append_aggregates(rows.back(), x, aggregates);
  }
  return json_response(200, {{"series", series_json(*about)},
                             {"columns", std::move(columns)},
                             {"rows", std::move(rows)}});
}

http_response anomalies(const storage::store& store, reader params) {
  auto id = read_series(params, 0);
  auto from_ns = params.time("from", time_min);
  auto to_ns = params.time("to", time_max);
  auto limit = static_cast<std::size_t>(params.number("limit", 200, 1, list_limit_max));
  if (params.error())
    return *params.error();
  auto found = store.anomalies(id, from_ns, to_ns, limit);
  if (!found)
    return store_failure(found.error());
  std::unordered_map<storage::stored_series_id, storage::stored_series> names;
  auto list = json::array();
  for (auto& x : *found) {
    auto [name, is_new] = names.try_emplace(x.series);
    if (is_new)
      name->second = store.series(x.series).value_or(storage::stored_series{});
    list.push_back(anomaly_json(
      {x.series, name->second.edge, name->second.text, std::move(x.value)}));
  }
  return json_response(200, {{"anomalies", std::move(list)}});
}

http_response alerts(const storage::store& store, reader params) {
  bool only_open = params.number("open", 0, 0, 1) == 1;
  auto limit = static_cast<std::size_t>(params.number("limit", 200, 1, list_limit_max));
  if (params.error())
    return *params.error();
  auto found = store.alerts(only_open, limit);
  if (!found)
    return store_failure(found.error());
  auto list = json::array();
  for (const auto& x : *found)
    list.push_back(alert_json(x.edge, x.series_text, x.value));
  return json_response(200, {{"alerts", std::move(list)}});
}

http_response quarantine(const storage::store& store, reader params) {
  auto limit = static_cast<std::size_t>(params.number("limit", 200, 1, list_limit_max));
  if (params.error())
    return *params.error();
  auto found = store.quarantine(limit);
  if (!found)
    return store_failure(found.error());
  auto list = json::array();
  for (const auto& x : *found)
    list.push_back(rejection_json(x));
  return json_response(200, {{"rejections", std::move(list)}});
}

} // namespace

expected<store_totals, storage::error> api::totals() const {
  auto open = services_.store.alerts(true, list_limit_max);
  if (!open)
    return unexpected(open.error());
  return store_totals{open->size(), services_.store.stats().series};
}

http_response api::overview() const {
  auto totals_now = totals();
  if (!totals_now)
    return store_failure(totals_now.error());
  auto now_ns = services_.now_ns();
  auto view = services_.fleet.view(now_ns);
  return json_response(200, {{"server_ms", ms_json(now_ns)},
                             {"totals", totals_json(view.totals, *totals_now)},
                             {"edges", edges_json(view)}});
}

http_response api::ledger() const {
  auto positions = services_.store.positions();
  if (!positions)
    return store_failure(positions.error());
  auto list = json::array();
  bool balanced = true;
  for (const auto& x : *positions) {
    list.push_back(position_json(x));
    balanced = balanced && list.back()["balanced"].get<bool>();
  }
  auto events = json::object();
  for (const auto& x : services_.fleet.view(services_.now_ns()).edges) {
    auto own = event_ledger_json(x);
    balanced = balanced && (own.is_null() || own["balanced"].get<bool>());
    events[x.name] = std::move(own);
  }
  return json_response(200, {{"balanced", balanced},
                             {"positions", std::move(list)},
                             {"events", std::move(events)}});
}

http_response api::edge_ledger(const query_params& params) const {
  auto in = reader{params};
  auto name = in.text("edge");
  storage::ledger_page page;
  page.epoch = in.hex("epoch", 0);
  page.before_seq = in.number("before", page.before_seq, 1, page.before_seq);
  page.limit = static_cast<std::size_t>(in.number("limit", 1000, 1, list_limit_max));
  if (name.empty())
    in.wrong("edge", "is missing: the name of an edge");
  if (in.error())
    return *in.error();
  auto epochs = services_.store.ledger(name, page);
  if (!epochs)
    return store_failure(epochs.error());
  auto happened = services_.store.ledger_events(name);
  if (!happened)
    return store_failure(happened.error());
  json own;
  bool is_known = !epochs->empty();
  for (const auto& x : services_.fleet.view(services_.now_ns()).edges)
    if (x.name == name) {
      own = event_ledger_json(x);
      is_known = true;
    }
  if (!is_known)
    return error_response(404, "not_found", "There is no edge `" + name + "`.");
  auto list = json::array();
  for (const auto& x : *epochs)
    list.push_back(epoch_json(x, page));
  auto history = json::array();
  for (const auto& x : *happened)
    history.push_back(ledger_event_json(x));
  return json_response(200, {{"edge", name},
                             {"epochs", std::move(list)},
                             {"events", std::move(own)},
                             {"history", std::move(history)}});
}

http_response api::metrics() const {
  auto positions = services_.store.positions();
  if (!positions)
    return store_failure(positions.error());
  http_response result;
  result.content_type = "text/plain; version=0.0.4; charset=utf-8";
  result.headers.emplace_back("Cache-Control", "no-store");
  result.body = prometheus_text(services_.fleet.view(services_.now_ns()),
                                services_.counters, services_.store.stats(), *positions,
                                counters_, read_process_usage());
  return result;
}

http_response api::answer(const route& route, const http_request& request) const {
  auto params = query_params::parse(request.query);
  if (!params)
    return error_response(400, "bad_parameter",
                          "The query string has a broken %-escape or more than "
                          "32 parameters.");
  const auto& store = services_.store;
  switch (route.id) {
  case route_id::overview:
    return overview();
  case route_id::series:
    return web::series(store, reader{*params});
  case route_id::query:
    return web::query(store, reader{*params}, services_.now_ns());
  case route_id::anomalies:
    return web::anomalies(store, reader{*params});
  case route_id::alerts:
    return web::alerts(store, reader{*params});
  case route_id::quarantine:
    return web::quarantine(store, reader{*params});
  case route_id::ledger:
    return ledger();
  case route_id::edge_ledger:
    return edge_ledger(*params);
  case route_id::import_position:
    return import_position(store, request);
  case route_id::export_page:
    return export_page(store, request, services_.now_ns());
  case route_id::metrics:
    return metrics();
  default:
    return error_response(404, "not_found", "There is nothing at this address.");
  }
}

} // namespace weir::web
