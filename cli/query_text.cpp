#include "cli/query_text.hpp"

#include "analytics/query/labels.hpp"
#include "cli/text_table.hpp"
#include "cli/time_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace weir::cli {

using nlohmann::json;

namespace {

json field(const json& x, const char* name) {
  return x.is_object() ? x.value(name, json{}) : json{};
}

std::string name_of(const json& metric) {
  std::vector<analytics::query::label> labels;
  if (metric.is_object())
    for (const auto& [name, value] : metric.items())
      if (value.is_string())
        labels.push_back({name, value.get<std::string>()});
  return to_string(analytics::query::label_set{std::move(labels)});
}

bool is_sample(const json& x) {
  return x.is_array() && x.size() == 2 && x[0].is_number() && x[1].is_string();
}

std::string time_of(const json& sample) {
  constexpr double seconds_max = 9e9; // Beyond it, ns do not fit into 64 bits.
  auto seconds = std::clamp(sample[0].get<double>(), -seconds_max, seconds_max);
  return iso_ms(std::llround(seconds * 1000.0) * 1'000'000);
}

std::string vector_table(const json& result) {
  text_table table{{"SERIES", "TIME", ">VALUE"}};
  for (const auto& x : result)
    if (auto sample = field(x, "value"); is_sample(sample))
      table.add(
        {name_of(field(x, "metric")), time_of(sample), sample[1].get<std::string>()});
  return table.rows() == 0 ? "no series\n" : table.text();
}

std::string matrix_table(const json& result) {
  text_table table{{"SERIES", "TIME", ">VALUE"}};
  for (const auto& x : result) {
    auto name = name_of(field(x, "metric"));
    for (const auto& sample : field(x, "values"))
      if (is_sample(sample)) {
        table.add({name, time_of(sample), sample[1].get<std::string>()});
        name.clear(); // Once is enough.
      }
  }
  return table.rows() == 0 ? "no series\n" : table.text();
}

std::string single_table(const json& result) {
  text_table table{{"TIME", ">VALUE"}};
  if (is_sample(result))
    table.add({time_of(result), result[1].get<std::string>()});
  return table.text();
}

bool is_tail(char c) {
  return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u;
}

} // namespace

std::string query_result_table(const json& answer) {
  auto data = field(answer, "data");
  auto type = field(data, "resultType");
  auto result = field(data, "result");
  if (type == "vector")
    return vector_table(result);
  return type == "matrix" ? matrix_table(result) : single_table(result);
}

std::string marked_error(std::string_view expression, std::size_t column,
                         std::string_view message) {
  // The byte at which the character begins, and its line.
  std::size_t at = 0;
  for (std::size_t left = column; at < expression.size(); ++at)
    if (!is_tail(expression[at]) && --left == 0)
      break;
  at = column == 0 ? 0 : at;
  auto begin = at == 0 ? std::string_view::npos : expression.rfind('\n', at - 1);
  begin = begin == std::string_view::npos ? 0 : begin + 1;
  auto line = expression.substr(begin);
  line = line.substr(0, line.find('\n'));
  std::string shown;
  std::string below;
  for (char c : line)
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  for (char c : line.substr(0, at - begin))
    if (!is_tail(c))
      below += ' ';
  return std::string{message} + "\n  " + shown + "\n  " + below + "^";
}

std::string query_refusal(const std::string& url, unsigned status, const json& body) {
  auto result = url + " answered " + std::to_string(status);
  auto error = field(body, "error");
  // The text of Prometheus' API, or the object of Weir's own (who may not ask).
  auto message = error.is_string() ? error : field(error, "message");
  if (message.is_string())
    result += ": " + message.get<std::string>();
  if (status == 401 || status == 403)
    result += "; name the key with --data DIR or --key-file FILE";
  return result;
}

} // namespace weir::cli
