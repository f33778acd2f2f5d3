#include "web/prometheus_api.hpp"

#include "actors/store_series_source.hpp"
#include "analytics/query/parser.hpp"
#include "analytics/query/series_labels.hpp"
#include "web/prometheus_values.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace weir::web {

namespace query = analytics::query;
using query::label_matcher;
using query::label_set;

namespace {

constexpr std::string_view truncated = "results truncated due to limit";
constexpr std::int64_t ms_ns = 1'000'000;

/// Reads parameters one by one; the first that is wrong becomes the answer.
class reader {
public:
  explicit reader(const query_params& params) : params_(params) {
  }

  std::int64_t time(std::string_view name, std::optional<std::int64_t> otherwise) {
    return parsed(name, otherwise, parse_prometheus_time, "timestamp");
  }

  std::int64_t duration(std::string_view name, std::optional<std::int64_t> otherwise) {
    return parsed(name, otherwise, parse_prometheus_duration, "duration");
  }

  /// 0 and what is not there: no limit.
  std::size_t limit(std::string_view name) {
    auto text = params_.find(name);
    auto value = text ? parse_unsigned(*text) : std::optional<std::uint64_t>{0};
    if (!value)
      wrong(name, "cannot parse \"" + std::string{*text} + "\" to a whole number");
    return value.value_or(0) == 0 ? std::numeric_limits<std::size_t>::max()
                                  : static_cast<std::size_t>(*value);
  }

  void wrong(std::string_view name, const std::string& what) {
    if (!error_)
      error_ = prometheus_error(
        400, "bad_data", "invalid parameter \"" + std::string{name} + "\": " + what);
  }

  const std::optional<http_response>& error() const {
    return error_;
  }

private:
  std::int64_t parsed(std::string_view name, std::optional<std::int64_t> otherwise,
                      std::optional<std::int64_t> (*parse)(std::string_view),
                      const char* kind) {
    auto text = params_.find(name);
    if (!text && otherwise)
      return *otherwise;
    if (auto value = parse(text.value_or("")))
      return *value;
    wrong(name,
          "cannot parse \"" + std::string{text.value_or("")} + "\" to a valid " + kind);
    return 0;
  }

  const query_params& params_;
  std::optional<http_response> error_;
};

template <class Xs>
std::vector<std::string> cut(Xs& xs, std::size_t limit) {
  if (xs.size() <= limit)
    return {};
  xs.resize(limit);
  return {std::string{truncated}};
}

/// `/api/v1/label/NAME/values`
std::string_view label_of_path(std::string_view path) {
  auto end = path.rfind('/');
  auto begin = path.rfind('/', end - 1) + 1;
  return path.substr(begin, end - begin);
}

http_response texts_response(std::vector<std::string> texts, std::size_t limit) {
  auto warnings = cut(texts, limit);
  std::string body{success_head};
  append_text_array(body, texts);
  return prometheus_success(std::move(body), warnings);
}

/// Parameters of the address and of a form in the body; those of the body first.
std::optional<query_params> read_params(const http_request& request) {
  auto text = request.body;
  if (!text.empty() && !request.query.empty())
    text += '&';
  return query_params::parse(text + request.query);
}

} // namespace

/// When a query has to end, and why it did.
struct prometheus_api::deadline {
  const prometheus_api& owner;
  std::int64_t at_ns = 0;
  bool is_late = false;

  bool is_over() {
    is_late = is_late || owner.services_.monotonic_ns() >= at_ns;
    return is_late || owner.stopped_;
  }
  std::function<bool()> check() {
    return [this] { return is_over(); };
  }
};

struct prometheus_api::found_labels {
  std::set<label_set> labels;
  bool is_cut = false;
};

bool is_for_prometheus(const route& route, const http_request& request) {
  switch (route.id) {
  case route_id::query_range:
  case route_id::labels:
  case route_id::label_values:
  case route_id::metadata:
  case route_id::build_info:
    return true;
  case route_id::query:
  case route_id::series: {
    if (request.method == "POST")
      return true;
    auto params = query_params::parse(request.query);
    return params && params->has(route.id == route_id::query ? "query" : "match[]");
  }
  default:
    return false;
  }
}

http_response prometheus_api::answer(const route& route, const http_request& request,
                                     std::int64_t arrived_ns) const {
  auto params = read_params(request);
  if (!params)
    return prometheus_error(400, "bad_data",
                            "the parameters have a broken %-escape, or there are more "
                            "than 32");
  reader in{*params};
  auto timeout_ms = std::min(in.duration("timeout", services_.limits.timeout_ms),
                             services_.limits.timeout_ms_max);
  if (in.error())
    return *in.error();
  auto until = deadline{*this, arrived_ns + timeout_ms * ms_ns};
  try {
    switch (route.id) {
    case route_id::query:
      return query(*params, until);
    case route_id::query_range:
      return query_range(*params, until);
    case route_id::series:
      return series(*params, until);
    case route_id::labels:
      return labels(*params, until);
    case route_id::label_values:
      return label_values(request, *params, until);
    case route_id::metadata:
      return metadata(*params, until);
    case route_id::build_info:
      return build_info();
    default:
      break;
    }
  } catch (const std::exception& error) { // Out of memory: this query, no other.
    return prometheus_error(500, "internal", error.what());
  }
  return prometheus_error(404, "not_found", "there is nothing at this address");
}

query::evaluation_options prometheus_api::options(const query_params& params,
                                                  deadline& until) const {
  query::evaluation_options result;
  if (auto text = params.find("lookback_delta"))
    if (auto lookback_ms = parse_prometheus_duration(*text); lookback_ms > 0)
      result.lookback_ms = *lookback_ms;
  result.series_max = services_.limits.series_max;
  result.samples_max = services_.limits.samples_max;
  result.points_max = services_.limits.points_max;
  result.steps_max = static_cast<std::size_t>(services_.limits.steps_max) + 1;
  result.should_stop = until.check();
  return result;
}

http_response prometheus_api::query(const query_params& params, deadline& until) const {
  reader in{params};
  auto time_ms = in.time("time", services_.now_ns() / ms_ns);
  auto limit = in.limit("limit");
  in.duration("lookback_delta", 0);
  if (in.error())
    return *in.error();
  auto text = params.find("query").value_or("");
  auto tree = query::parse(text);
  if (!tree)
    return prometheus_error(tree.error(), text, false);
  actors::store_series_source source{services_.store, until.check()};
  auto found = query::evaluate_at(*tree, time_ms, source, options(params, until));
  if (!found)
    return prometheus_error(found.error(), text, until.is_late);
  auto warnings = cut(found->series, limit);
  std::string body{success_head};
  append_answer(body, *found, time_ms);
  return prometheus_success(std::move(body), warnings);
}

http_response prometheus_api::query_range(const query_params& params,
                                          deadline& until) const {
  reader in{params};
  query::time_range range;
  range.start_ms = in.time("start", std::nullopt);
  range.end_ms = in.time("end", std::nullopt);
  range.step_ms = in.duration("step", std::nullopt);
  auto limit = in.limit("limit");
  in.duration("lookback_delta", 0);
  if (range.end_ms < range.start_ms)
    in.wrong("end", "end timestamp must not be before start time");
  if (range.step_ms <= 0)
    in.wrong("step", "zero or negative query resolution step widths are not accepted. "
                     "Try a positive integer");
  if (in.error())
    return *in.error();
  if ((range.end_ms - range.start_ms) / range.step_ms > services_.limits.steps_max)
    return prometheus_error(400, "bad_data",
                            "exceeded maximum resolution of 11,000 points per "
                            "timeseries. Try decreasing the query resolution "
                            "(?step=XX)");
  auto text = params.find("query").value_or("");
  auto tree = query::parse(text);
  if (!tree)
    return prometheus_error(tree.error(), text, false);
  if (tree->type == query::value_type::matrix || tree->type == query::value_type::text)
    return prometheus_error(400, "bad_data",
                            "invalid parameter \"query\": invalid expression type \""
                              + std::string{query::to_string(tree->type)}
                              + "\" for range query, must be Scalar or instant Vector");
  actors::store_series_source source{services_.store, until.check()};
  auto found = query::evaluate_range(*tree, range, source, options(params, until));
  if (!found)
    return prometheus_error(found.error(), text, until.is_late);
  auto warnings = cut(found->series, limit);
  std::string body{success_head};
  append_answer(body, *found, range.end_ms);
  return prometheus_success(std::move(body), warnings);
}

// -- names and labels ------------------------------------------------------------------

expected<prometheus_api::found_labels, http_response>
prometheus_api::find(const query_params& params, deadline& until) const {
  reader in{params};
  auto start_ms = in.time("start", -query::query_time_ms_max);
  auto end_ms = in.time("end", query::query_time_ms_max);
  if (end_ms < start_ms)
    in.wrong("end", "end timestamp must not be before start time");
  std::vector<std::vector<label_matcher>> wanted;
  for (const auto& text : params.all("match[]")) {
    auto selector = query::parse_selector(text);
    if (!selector) {
      in.wrong("match[]", place_in(text, selector.error().column)
                            + ": parse error: " + selector.error().message);
      break;
    }
    wanted.push_back(std::move(selector->matchers));
  }
  if (in.error())
    return unexpected(*in.error());
  if (wanted.empty())
    wanted.emplace_back();
  actors::store_series_source source{services_.store, until.check()};
  found_labels result;
  for (const auto& matchers : wanted) {
    auto found = source.find(matchers, start_ms, services_.limits.series_max);
    if (!found)
      return unexpected(prometheus_error(found.error(), "", until.is_late));
    result.is_cut = result.is_cut || found->size() == services_.limits.series_max;
    for (auto& x : *found)
      result.labels.insert(std::move(x));
  }
  return result;
}

http_response prometheus_api::series(const query_params& params,
                                     deadline& until) const {
  if (params.all("match[]").empty())
    return prometheus_error(400, "bad_data", "no match[] parameter provided");
  reader in{params};
  auto limit = in.limit("limit");
  if (in.error())
    return *in.error();
  auto found = find(params, until);
  if (!found)
    return std::move(found.error());
  std::string body{success_head};
  body += '[';
  std::size_t written = 0;
  for (const auto& x : found->labels) {
    if (written == limit)
      break;
    if (written++ != 0)
      body += ',';
    append_label_object(body, x);
  }
  body += ']';
  std::vector<std::string> warnings;
  if (found->is_cut || found->labels.size() > limit)
    warnings.emplace_back(truncated);
  return prometheus_success(std::move(body), warnings);
}

http_response prometheus_api::labels(const query_params& params,
                                     deadline& until) const {
  reader in{params};
  auto limit = in.limit("limit");
  if (in.error())
    return *in.error();
  auto found = find(params, until);
  if (!found)
    return std::move(found.error());
  std::set<std::string> names;
  for (const auto& x : found->labels)
    for (const auto& label : x.all())
      names.insert(label.name);
  if (!names.empty())
    names.emplace(query::stat_label); // Can be asked for, of all of them.
  return texts_response({names.begin(), names.end()}, limit);
}

http_response prometheus_api::label_values(const http_request& request,
                                           const query_params& params,
                                           deadline& until) const {
  auto name = std::string{label_of_path(request.path)};
  if (!query::is_plain_label(name))
    return prometheus_error(400, "bad_data", "invalid label name: \"" + name + "\"");
  reader in{params};
  auto limit = in.limit("limit");
  if (in.error())
    return *in.error();
  auto found = find(params, until);
  if (!found)
    return std::move(found.error());
  std::set<std::string> values;
  for (const auto& x : found->labels)
    if (auto value = x.get(name); !value.empty())
      values.emplace(value);
  if (name == query::stat_label && !found->labels.empty())
    values.insert(query::plain_stats().begin(), query::plain_stats().end());
  return texts_response({values.begin(), values.end()}, limit);
}

http_response prometheus_api::metadata(const query_params& params,
                                       deadline& until) const {
  reader in{params};
  auto limit = in.limit("limit");
  if (in.error())
    return *in.error();
  std::vector<label_matcher> matchers;
  if (auto metric = params.find("metric"))
    matchers.push_back(
      label_matcher::make(query::match_kind::equal, query::metric_label, *metric)
        .value());
  actors::store_series_source source{services_.store, until.check()};
  auto found
    = source.find(matchers, -query::query_time_ms_max, services_.limits.series_max);
  if (!found)
    return prometheus_error(found.error(), "", until.is_late);
  std::set<std::string_view> metrics;
  for (const auto& x : *found)
    metrics.insert(x.get(query::metric_label));
  std::string body{success_head};
  body += '{';
  std::size_t written = 0;
  for (auto metric : metrics) {
    if (written == limit)
      break;
    if (written++ != 0)
      body += ',';
    append_json_text(body, metric);
    body += R"(:[{"type":"gauge","help":"","unit":""}])";
  }
  body += '}';
  return prometheus_success(std::move(body));
}

http_response prometheus_api::build_info() const {
  // Clients choose what they ask for by the version: it is that of the API, not ours.
  std::string body{success_head};
  body += R"({"version":"2.42.0","revision":)";
  append_json_text(body, "weir " + services_.version);
  body += R"(,"branch":"","buildUser":"","buildDate":"","goVersion":""})";
  return prometheus_success(std::move(body));
}

} // namespace weir::web
