#include "analytics/query/series_labels.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace weir::analytics::query {

namespace {

constexpr std::array<std::string_view, 10> plain{
  "count", "first", "last", "max", "mean", "min", "range", "stddev", "sum", "variance"};

constexpr std::array<std::string_view, 4> taken_names{edge_label, series_label,
                                                      source_label, stat_label};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string legal(std::string_view text, bool with_colons) {
  std::string result;
  result.reserve(text.size() + 1);
  if (text.empty() || is_digit(text.front()))
    result += '_';
  for (char c : text)
    result
      += is_letter(c) || is_digit(c) || c == '_' || (with_colons && c == ':') ? c : '_';
  return result;
}

bool all_pass(std::span<const label_matcher> matchers, std::string_view value) {
  return std::all_of(matchers.begin(), matchers.end(),
                     [&](const auto& m) { return m.matches(value); });
}

std::optional<aggregate_spec> stat_spec(std::string_view text) {
  auto spec = parse_aggregate(text);
  if (!spec || spec->kind == aggregate_kind::top) // A list is no sample.
    return std::nullopt;
  return std::move(*spec);
}

/// The texts of `stat` that the matchers let pass: of those that everything has, and of
/// those that they name.
std::vector<stat_choice> choose_stats(const std::vector<label_matcher>& matchers) {
  std::vector<std::string> texts{""};
  if (!matchers.empty())
    texts.insert(texts.end(), plain.begin(), plain.end());
  for (const auto& m : matchers) {
    if (m.kind() == match_kind::equal)
      texts.push_back(m.value());
    else if (m.kind() == match_kind::like && m.compiled().literals())
      texts.insert(texts.end(), m.compiled().literals()->begin(),
                   m.compiled().literals()->end());
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  std::vector<stat_choice> result;
  for (auto& text : texts)
    if (all_pass(matchers, text))
      if (auto spec = stat_spec(text.empty() ? "mean" : text))
        result.push_back({std::move(text), std::move(*spec)});
  return result;
}

} // namespace

std::span<const std::string_view> plain_stats() {
  return plain;
}

std::string to_metric_label(std::string_view metric) {
  return legal(metric, true);
}

std::string to_label_name(std::string_view key) {
  auto result = legal(key, false);
  if (result.starts_with("__")
      || std::find(taken_names.begin(), taken_names.end(), result) != taken_names.end())
    result.insert(0, "dim_");
  return result;
}

label_set labels_of(std::string_view edge, const series_name& series) {
  std::vector<label> labels;
  labels.reserve(series.dimensions.size() + 3);
  labels.push_back({std::string{metric_label}, to_metric_label(series.metric)});
  labels.push_back({std::string{edge_label}, std::string{edge}});
  labels.push_back({std::string{source_label}, series.source});
  for (const auto& [key, value] : series.dimensions) {
    auto name = to_label_name(key);
    auto is_taken = [&](const label& x) { return x.name == name; };
    while (std::any_of(labels.begin(), labels.end(), is_taken))
      name += '_';
    labels.push_back({std::move(name), value});
  }
  return label_set{std::move(labels)};
}

series_selector::series_selector(std::span<const label_matcher> matchers) {
  std::vector<label_matcher> stat;
  for (const auto& m : matchers) {
    bool is_equal = m.kind() == match_kind::equal && !m.value().empty();
    if (m.name() == metric_label) {
      metric_.push_back(m);
      // Where it may stand for another character, a search would miss that.
      if (is_equal && m.value().find('_') == std::string::npos)
        part_ = m.value();
    } else if (m.name() == stat_label) {
      stat.push_back(m);
    } else if (m.name() == series_label) {
      series_.push_back(m);
    } else {
      if (m.name() == edge_label && is_equal)
        edge_ = m.value();
      // `{"line.no"="3"}`: the key as it is stored.
      auto renamed
        = is_plain_label(m.name())
            ? m
            : label_matcher::make(m.kind(), to_label_name(m.name()), m.value())
                .value_or(m);
      rest_.push_back(std::move(renamed));
    }
  }
  stats_ = choose_stats(stat);
}

bool series_selector::passes_metric(std::string_view metric) const {
  if (metric_.empty())
    return true;
  auto shown = to_metric_label(metric);
  return std::all_of(metric_.begin(), metric_.end(), [&](const auto& m) {
    bool is_positive = m.kind() == match_kind::equal || m.kind() == match_kind::like;
    return is_positive ? m.matches(shown) || m.matches(metric)
                       : m.matches(shown) && m.matches(metric);
  });
}

bool series_selector::passes(const label_set& labels,
                             std::string_view canonical) const {
  return matches(rest_, labels) && all_pass(series_, canonical);
}

} // namespace weir::analytics::query
