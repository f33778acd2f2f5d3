// Times, spans and JSON as Prometheus' HTTP API has them (its version 2.42;
// https://prometheus.io/docs/prometheus/2.42/querying/api/). Pure.
#pragma once

#include "analytics/query/evaluator.hpp"
#include "web/http_message.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::web {

/// Seconds since 1970 ("1435781451.781", "1.4e9") or RFC 3339
/// ("2015-07-01T20:10:51.781Z", "...+02:00"), to milliseconds, rounded down from finer
/// ones. Nothing for anything else and beyond query_time_ms_max; but the least and the
/// greatest time of Go, which clients send for "no limit", become the ends of that.
std::optional<std::int64_t> parse_prometheus_time(std::string_view text);

/// Seconds ("15", "0.5") or a duration ("1h30m", "500ms"), to milliseconds. Nothing for
/// anything else, below 0 and beyond a hundred years.
std::optional<std::int64_t> parse_prometheus_duration(std::string_view text);

// -- writing; each appends to `out` --------------------------------------------------

/// A JSON string. Bytes that are not UTF-8 become U+FFFD.
void append_json_text(std::string& out, std::string_view text);

/// The shortest text that reads back as `x`, in quotes: "0.1", "1e+21", "NaN", "+Inf".
void append_sample_value(std::string& out, double x);

/// Seconds, with three digits behind the point where it is not whole: 1435781451.781.
void append_sample_time(std::string& out, std::int64_t time_ms);

/// `{"__name__":"up","edge":"e1"}`
void append_label_object(std::string& out, const analytics::query::label_set& labels);

/// `["a","b"]`
void append_text_array(std::string& out, std::span<const std::string> texts);

/// `{"resultType":"...","result":...}`; `time_ms` is that of an instant query.
void append_answer(std::string& out, const analytics::query::answer& what,
                   std::int64_t time_ms);

// -- responses -----------------------------------------------------------------------

/// What stands before the data of a response.
inline constexpr std::string_view success_head = R"({"status":"success","data":)";

/// 200; `body` is success_head and the data.
http_response prometheus_success(std::string body,
                                 std::span<const std::string> warnings = {});

/// `{"status":"error","errorType":"bad_data","error":"..."}`
http_response prometheus_error(unsigned status, std::string_view type,
                               std::string_view message);

/// What a query's failure is over HTTP: 400 bad_data, 422 execution, 500 internal, 503
/// timeout or canceled. `text` is the query; `is_late`: it was stopped for its time.
http_response prometheus_error(const analytics::query::query_error& why,
                               std::string_view text, bool is_late);

/// "2:7": line and column, from 1, of the `column`-th character of a text.
std::string place_in(std::string_view text, std::size_t column);

} // namespace weir::web
