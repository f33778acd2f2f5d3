#include "analytics/aggregates.hpp"

#include "analytics/extended_aggregates.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace weir::analytics {

namespace {

constexpr std::array<std::pair<std::string_view, aggregate_kind>, 12> plain_names{
  {{"count", aggregate_kind::count},
   {"sum", aggregate_kind::sum},
   {"min", aggregate_kind::min},
   {"max", aggregate_kind::max},
   {"mean", aggregate_kind::mean},
   {"variance", aggregate_kind::variance},
   {"stddev", aggregate_kind::stddev},
   {"first", aggregate_kind::first},
   {"last", aggregate_kind::last},
   {"range", aggregate_kind::range},
   {"rate", aggregate_kind::rate},
   {"time_weighted_mean", aggregate_kind::time_weighted_mean}}};

constexpr auto undefined = std::numeric_limits<double>::quiet_NaN();

std::string_view trimmed(std::string_view text) {
  auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

template <class Number>
std::optional<Number> to_number(std::string_view text) {
  Number x{};
  auto result = std::from_chars(text.data(), text.data() + text.size(), x);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size())
    return std::nullopt;
  return x;
}

tl::unexpected<std::string> refuse(std::string_view text, std::string_view why) {
  return unexpected("aggregate \"" + std::string{text} + "\": " + std::string{why});
}

/// What stands in the parentheses of NAME(...), or nothing.
std::optional<std::string_view> arguments(std::string_view text,
                                          std::string_view name) {
  if (!text.starts_with(name) || !text.ends_with(')'))
    return std::nullopt;
  auto rest = trimmed(text.substr(name.size()));
  if (!rest.starts_with('('))
    return std::nullopt;
  return trimmed(rest.substr(1, rest.size() - 2));
}

bool is_name(std::string_view x) {
  return !x.empty() && x.size() <= aggregate_name_bytes_max
         && x.find_first_of("(),\"") == std::string_view::npos;
}

constexpr std::string_view name_rule
  = "expected a dimension's name of 1 to 128 bytes without ( ) , or \"";

expected<aggregate_spec, std::string> parse_top(aggregate_spec spec,
                                                std::string_view inner) {
  auto comma = inner.find(',');
  auto k = to_number<std::uint32_t>(trimmed(inner.substr(0, comma)));
  if (comma == std::string_view::npos || !k || *k < 1 || *k > top_values::k_max)
    return refuse(spec.text, "expected top(K, NAME) with K from 1 to 100");
  auto name = trimmed(inner.substr(comma + 1));
  if (!is_name(name))
    return refuse(spec.text, name_rule);
  spec.kind = aggregate_kind::top;
  spec.k = *k;
  spec.name = name;
  return spec;
}

expected<aggregate_spec, std::string>
parse_quantile(aggregate_spec spec, std::string_view number, double whole) {
  auto q = to_number<double>(number);
  if (!q || !(*q >= 0.0 && *q <= whole))
    return refuse(spec.text, "expected quantile(Q) with Q from 0 to 1, or p0 to p100");
  spec.kind = aggregate_kind::quantile;
  spec.q = *q / whole;
  return spec;
}

double plain_value_of(const summary& x, aggregate_kind kind) {
  switch (kind) {
  case aggregate_kind::sum:
    return x.sum;
  case aggregate_kind::min:
    return x.min;
  case aggregate_kind::max:
    return x.max;
  case aggregate_kind::mean:
    return x.mean;
  case aggregate_kind::variance:
    return x.variance();
  case aggregate_kind::stddev:
    return std::sqrt(x.variance());
  case aggregate_kind::first:
    return x.first;
  case aggregate_kind::last:
    return x.last;
  case aggregate_kind::range:
    return x.max - x.min;
  default:
    return undefined;
  }
}

bool needs_extended(aggregate_kind kind) {
  return kind >= aggregate_kind::rate;
}

/// Empty, or what is too much.
std::string_view extend(aggregate_plan& plan, const aggregate_spec& spec) {
  plan.quantiles |= spec.kind == aggregate_kind::quantile;
  plan.rate |= spec.kind == aggregate_kind::rate;
  plan.time_weighted |= spec.kind == aggregate_kind::time_weighted_mean;
  if (spec.kind == aggregate_kind::distinct) {
    if (plan.distinct.size() == aggregate_names_max)
      return "at most 4 of distinct are possible";
    plan.distinct.push_back(spec.name);
  }
  if (spec.kind == aggregate_kind::top) {
    auto same = std::find_if(plan.top.begin(), plan.top.end(),
                             [&](const auto& x) { return x.name == spec.name; });
    if (same != plan.top.end()) {
      same->k = std::max(same->k, spec.k);
    } else {
      if (plan.top.size() == aggregate_names_max)
        return "at most 4 dimensions of top are possible";
      plan.top.push_back({spec.name, spec.k});
    }
  }
  return {};
}

} // namespace

expected<aggregate_spec, std::string> parse_aggregate(std::string_view text) {
  text = trimmed(text);
  aggregate_spec spec;
  spec.text = text;
  for (const auto& [name, kind] : plain_names)
    if (text == name) {
      spec.kind = kind;
      return spec;
    }
  if (text == "median")
    return parse_quantile(std::move(spec), "0.5", 1.0);
  if (auto inner = arguments(text, "quantile"))
    return parse_quantile(std::move(spec), *inner, 1.0);
  if (auto inner = arguments(text, "distinct")) {
    if (!is_name(*inner))
      return refuse(text, name_rule);
    spec.kind = aggregate_kind::distinct;
    spec.name = *inner;
    return spec;
  }
  if (auto inner = arguments(text, "top"))
    return parse_top(std::move(spec), *inner);
  if (text.size() > 1 && text[0] == 'p' && text[1] >= '0' && text[1] <= '9')
    return parse_quantile(std::move(spec), text.substr(1), 100.0);
  return refuse(text, "expected count, sum, min, max, mean, variance, stddev, first, "
                      "last, range, rate, time_weighted_mean, distinct(NAME), "
                      "top(K, NAME), quantile(Q), median or p50, p95, p99");
}

expected<aggregate_plan, std::string>
parse_aggregates(const std::vector<std::string>& texts) {
  aggregate_plan plan;
  if (texts.size() > aggregates_max)
    return unexpected(std::to_string(texts.size())
                      + " aggregates: at most 32 are possible");
  for (const auto& text : texts) {
    auto spec = parse_aggregate(text);
    if (!spec)
      return unexpected(std::move(spec.error()));
    auto is_same = [&](const aggregate_spec& x) {
      return x.kind == spec->kind && x.name == spec->name && x.k == spec->k
             && x.q == spec->q;
    };
    if (std::any_of(plan.specs.begin(), plan.specs.end(), is_same))
      return refuse(spec->text, "it is there twice");
    if (auto why = extend(plan, *spec); !why.empty())
      return refuse(spec->text, why);
    plan.specs.push_back(std::move(*spec));
  }
  return plan;
}

double value_of(const summary& x, const aggregate_spec& spec) {
  if (!needs_extended(spec.kind) || x.extended.empty())
    return value_of(x, nullptr, spec);
  auto extended = extended_aggregates::decode(x.extended);
  return value_of(x, extended ? &*extended : nullptr, spec);
}

double value_of(const summary& x, const extended_aggregates* extended,
                const aggregate_spec& spec) {
  if (spec.kind == aggregate_kind::count)
    return static_cast<double>(x.count);
  if (x.count == 0)
    return undefined;
  if (!needs_extended(spec.kind))
    return plain_value_of(x, spec.kind);
  if (!extended)
    return undefined;
  if (spec.kind == aggregate_kind::rate)
    return extended->rate();
  if (spec.kind == aggregate_kind::time_weighted_mean)
    return extended->time_weighted_mean();
  if (spec.kind == aggregate_kind::distinct) {
    const auto* sketch = extended->distinct(spec.name);
    return sketch ? sketch->estimate() : undefined;
  }
  if (spec.kind == aggregate_kind::quantile && extended->quantiles()) {
    if (spec.q == 0.0 || spec.q == 1.0)
      return spec.q == 0.0 ? x.min : x.max;
    auto result = extended->quantiles()->quantile(spec.q);
    // Not std::clamp: bytes from outside may say that min is above max.
    return std::isnan(result) ? undefined : std::max(x.min, std::min(x.max, result));
  }
  return undefined;
}

} // namespace weir::analytics
