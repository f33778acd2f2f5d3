#include "web/aggregate_columns.hpp"

#include "analytics/extended_aggregates.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace weir::web {

using analytics::aggregate_kind;
using analytics::aggregate_spec;
using analytics::extended_aggregates;
using nlohmann::json;

namespace {

/// Nothing where there is nothing, or what cannot be read: an answer without p99 is
/// better than none.
std::optional<extended_aggregates> decode(const analytics::summary& x) {
  if (x.extended.empty())
    return std::nullopt;
  auto decoded = extended_aggregates::decode(x.extended);
  return decoded ? std::optional{std::move(*decoded)} : std::nullopt;
}

json top_json(const extended_aggregates* extended, const aggregate_spec& spec) {
  const auto* values = extended == nullptr ? nullptr : extended->top(spec.name);
  if (values == nullptr)
    return nullptr;
  auto result = json::array();
  for (const auto& x : values->top(spec.k))
    result.push_back(json::array({x.text, x.weight}));
  return result;
}

} // namespace

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> result(1);
  std::size_t depth = 0;
  for (char c : text) {
    if (c == ',' && depth == 0) {
      result.emplace_back();
      continue;
    }
    if (c == '(')
      ++depth;
    if (c == ')' && depth > 0)
      --depth;
    result.back() += c;
  }
  return result;
}

expected<std::vector<aggregate_spec>, std::string>
parse_aggregate_list(std::string_view text) {
  auto plan = analytics::parse_aggregates(split_list(text));
  if (!plan)
    return unexpected(std::move(plan.error()));
  return std::move(plan->specs);
}

void append_aggregate_columns(json& columns, const std::vector<aggregate_spec>& specs) {
  for (const auto& spec : specs)
    columns.push_back(spec.text);
}

void append_aggregates(json& row, const analytics::summary& x,
                       const std::vector<aggregate_spec>& specs) {
  if (specs.empty())
    return; // Decoding costs more than all the rest of a row.
  auto decoded = decode(x);
  const auto* extended = decoded ? &*decoded : nullptr;
  for (const auto& spec : specs) {
    if (spec.kind == aggregate_kind::top) {
      row.push_back(top_json(extended, spec));
      continue;
    }
    auto value = analytics::value_of(x, extended, spec);
    row.push_back(std::isfinite(value) ? json(value) : json(nullptr));
  }
}

} // namespace weir::web
