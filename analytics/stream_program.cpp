#include "analytics/stream_program.hpp"

#include "analytics/series_facts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string_view>

namespace weir::analytics {

std::string_view to_string(window_kind x) {
  switch (x) {
  case window_kind::tumbling:
    return "tumbling";
  case window_kind::hopping:
    return "hopping";
  case window_kind::calendar:
    return "calendar";
  case window_kind::session:
    return "session";
  case window_kind::count:
    return "count";
  case window_kind::state:
    return "state";
  case window_kind::sliding:
    return "sliding";
  }
  return "tumbling";
}

std::string state_fingerprint(const view_config& view) {
  std::string result{to_string(view.kind)};
  auto add = [&result](const auto& x) {
    result += '/';
    if constexpr (requires { std::to_string(x); })
      result += std::to_string(x);
    else
      result += x;
  };
  for (auto x : {view.width_ns, view.slide_ns, view.offset_ns, view.gap_ns,
                 view.length_max_ns, view.delay_ns})
    add(x);
  add(view.size_events);
  add(view.slide_events);
  add(view.calendar_text);
  add(view.close_when.empty() ? 0 : 1);
  for (const auto& x : view.group_by)
    add(x);
  const auto& plan = view.aggregates;
  add((plan.quantiles ? 1 : 0) + (plan.rate ? 2 : 0) + (plan.time_weighted ? 4 : 0));
  add(plan.quantiles ? plan.alpha : 0.0);
  for (const auto& x : plan.distinct)
    add("distinct " + x);
  for (const auto& x : plan.top)
    add("top " + std::to_string(x.k) + " " + x.name);
  return result;
}

/// Checks and compiles, and collects what is wrong.
class stream_compiler {
public:
  explicit stream_compiler(stream_config config) {
    program_->config_ = std::move(config);
  }

  expected<std::shared_ptr<const stream_program>, std::vector<std::string>> run() {
    check_event_time();
    check_tables();
    if (config().window)
      check_default(*config().window);
    check_count("view", config().views.size(), views_max);
    std::set<std::string_view> names;
    for (const auto& x : config().views) {
      if (!is_name(x.name) || !names.insert(x.name).second)
        fail("view \"" + x.name
             + "\": its name must be 1 to 64 of A-Z a-z 0-9 . _ - and "
               "differ from the others'");
      compile_view(x);
    }
    compile_steps();
    compile_derives();
    check_detector();
    check_rules();
    if (!errors_.empty())
      return unexpected(std::move(errors_));
    return std::shared_ptr<const stream_program>{std::move(program_)};
  }

private:
  const stream_config& config() const {
    return program_->config_;
  }
  void fail(std::string text) {
    errors_.push_back(std::move(text));
  }
  void check(bool good, const std::string& text) {
    if (!good)
      fail(text);
  }
  void check_count(const std::string& what, std::size_t count, std::size_t max) {
    check(count <= max, "at most " + std::to_string(max) + " [[" + what + "]] tables");
  }

  static bool is_name(const std::string& text) {
    return !text.empty() && text.size() <= 64
           && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq"
                                     "rstuvwxyz0123456789._-")
                == std::string::npos;
  }

  void check_event_time() {
    const auto& x = config().event_time;
    check(x.out_of_orderness_ns >= 0 && x.allowed_lateness_ns >= 0,
          "event_time.out_of_orderness and event_time.allowed_lateness must not be "
          "negative");
    check(x.idle_timeout_ns > 0, "event_time.idle_timeout must be above 0");
    check(x.hold_max_ns >= 0 && x.retain_max_ns >= x.hold_max_ns,
          "event_time.hold_max must not be negative, and event_time.retain_max not be "
          "less than it");
  }

  void check_tables() {
    std::set<std::string_view> names{"dim"};
    for (const auto& x : config().tables) {
      check(is_name(x.name) && x.name.find('.') == std::string::npos
              && names.insert(x.name).second,
            "table \"" + x.name
              + "\": its name must be of A-Z a-z 0-9 _ - and differ "
                "from the others' and from \"dim\"");
      check(x.table != nullptr, "table \"" + x.name + "\" is not loaded");
    }
  }

  void check_default(const view_config& x) {
    check(
      x.name.empty() && x.where.empty() && x.group_by.empty(),
      "window: the default windows have no name, where or group_by: use a [[view]]");
    check(
      x.kind == window_kind::tumbling || x.kind == window_kind::hopping
        || x.kind == window_kind::calendar,
      "window.kind: the default windows are tumbling, hopping or calendar; for other "
      "kinds use a [[view]]");
    check_sizes(x, "window");
    check(x.aggregates.distinct.empty() && x.aggregates.top.empty(),
          "window.aggregates: distinct and top need a group: use a [[view]] with "
          "group_by");
  }

  void check_sizes(const view_config& x, const std::string& where) {
    auto is_sized = x.kind == window_kind::tumbling || x.kind == window_kind::hopping
                    || x.kind == window_kind::sliding;
    check(!is_sized || x.width_ns > 0, where + ": width must be above 0");
    if (x.kind == window_kind::hopping) {
      if (x.slide_ns <= 0 || x.slide_ns > x.width_ns)
        fail(where + ": slide must be above 0 and at most width");
      else if (x.width_ns / std::gcd(x.width_ns, x.slide_ns) > panes_max)
        fail(where
             + ": width and slide have too small a common divisor: a window may "
               "have at most "
             + std::to_string(panes_max) + " panes");
    }
    check(x.kind != window_kind::calendar || x.calendar != nullptr,
          where + ": a calendar window needs `every`");
    check(x.kind != window_kind::session || x.gap_ns > 0,
          where + ": gap must be above 0");
    check(x.length_max_ns > 0, where + ": length_max must be above 0");
    check(x.kind != window_kind::count
            || (x.size_events > 0 && x.slide_events <= x.size_events
                && x.size_events <= 1'000'000
                && (x.slide_events == 0 || x.size_events <= 100'000)),
          where
            + ": size must be from 1 to 1000000 events (100000 where it slides), and "
              "slide at most size");
    check(x.kind == window_kind::state || (x.open_when.empty() && x.close_when.empty()),
          where + ": open_when and close_when belong to state windows");
    check(x.kind != window_kind::state || !x.open_when.empty(),
          where + ": a state window needs open_when");
    check(x.kind == window_kind::sliding || (x.trigger_when.empty() && x.delay_ns == 0),
          where + ": trigger_when and delay belong to sliding windows");
    check(x.delay_ns >= 0, where + ": delay must not be negative");
    check(x.early_ns == 0 || x.kind == window_kind::tumbling
            || x.kind == window_kind::hopping || x.kind == window_kind::calendar,
          where
            + ": early results are for tumbling, hopping and calendar windows: the end "
              "of others is not known before it has come");
    check(x.allowed_lateness_ns.value_or(0) >= 0,
          where + ": allowed_lateness must not be negative");
  }

  /// Resolves `value`, `time`, and what is constant for a series; `metrics`, if given,
  /// take every other plain name as a metric.
  symbol_resolver make_resolver(std::vector<std::string>* metrics,
                                std::vector<std::string>& constants) const {
    return [this, metrics, &constants](std::string_view name) -> std::optional<symbol> {
      if (name == "value")
        return symbol{value_type::number, true, stream_program::slot_value};
      if (name == "time")
        return symbol{value_type::number, true, stream_program::slot_time_s};
      if (metrics != nullptr && !is_fact(name))
        return symbol{value_type::number, true,
                      stream_program::event_slots + index_in(*metrics, name)};
      auto type = fact_type(name, config().tables);
      if (!type)
        return std::nullopt;
      return symbol{*type, false, index_in(constants, name)};
    };
  }

  /// In a derivation every other name is a metric, dots in it or not.
  bool is_fact(std::string_view name) const {
    auto prefix = name.substr(0, std::min(name.find('.'), name.size()));
    return name == "metric" || name == "source"
           || (prefix.size() < name.size()
               && (prefix == "dim"
                   || std::any_of(config().tables.begin(), config().tables.end(),
                                  [&](const auto& x) { return x.name == prefix; })));
  }

  static std::uint32_t index_in(std::vector<std::string>& names,
                                std::string_view name) {
    auto pos = std::find(names.begin(), names.end(), name);
    if (pos == names.end())
      pos = names.insert(names.end(), std::string{name});
    return static_cast<std::uint32_t>(pos - names.begin());
  }

  std::optional<expression> compile(const std::string& text, value_type wanted,
                                    const std::string& where,
                                    std::vector<std::string>* metrics = nullptr) {
    std::vector<std::string> constants;
    std::vector<std::string> known{"value", "time", "metric", "source"};
    for (const auto& x : config().tables)
      if (x.table)
        for (const auto& column : x.table->columns())
          known.push_back(x.name + "." + column.name);
    std::vector<std::string_view> known_views{known.begin(), known.end()};
    auto made = expression::compile(text, wanted, make_resolver(metrics, constants),
                                    known_views);
    if (made)
      return *made;
    fail(where + ", column " + std::to_string(made.error().column) + ": "
         + made.error().message);
    return std::nullopt;
  }

  stream_program::condition compile_condition(const std::string& text,
                                              const std::string& where) {
    if (text.empty())
      return {};
    return {compile(text, value_type::boolean, where)};
  }

  void compile_view(const view_config& x) {
    auto name = "view \"" + x.name + "\"";
    check_sizes(x, name);
    for (const auto& key : x.group_by)
      check(!key.empty() && fact_type(key, config().tables).has_value(),
            name + ": group_by: there is no \"" + key + "\"");
    program_->views_.push_back(
      {compile_condition(x.where, name + ": where"),
       compile_condition(x.open_when, name + ": open_when"),
       compile_condition(x.close_when, name + ": close_when"),
       compile_condition(x.trigger_when, name + ": trigger_when")});
  }

  void compile_steps() {
    check_count("convert", config().converts.size(), steps_max);
    check_count("filter", config().filters.size(), steps_max);
    check_count("sample", config().samples.size(), steps_max);
    for (const auto& x : config().converts)
      if (auto code
          = compile(x.value, value_type::number, "convert \"" + x.metric + "\": value"))
        program_->converts_.push_back(*code);
    for (const auto& x : config().filters)
      if (auto code
          = compile(x.where, value_type::boolean, "filter \"" + x.metric + "\": where"))
        program_->filters_.push_back(*code);
    for (const auto& x : config().samples)
      check(x.every >= 1 && x.interval_ns >= 0 && std::isfinite(x.dead_band)
              && x.dead_band >= 0.0 && x.silence_max_ns >= 0,
            "sample \"" + x.metric
              + "\": every must be at least 1, and nothing may be negative");
  }

  void compile_derives() {
    check_count("derive", config().derives.size(), steps_max);
    std::set<std::string> results; // Of this one and later ones: no way back.
    for (const auto& x : config().derives)
      results.insert(x.metric);
    std::set<std::string> made;
    for (const auto& x : config().derives) {
      auto name = "derive \"" + x.metric + "\"";
      check(!x.metric.empty() && made.insert(x.metric).second,
            name + ": its metric must be there and differ from the others'");
      check(x.stale_max_ns >= 0, name + ": stale must not be negative");
      stream_program::derive result;
      result.code
        = compile(x.value, value_type::number, name + ": value", &result.metrics);
      check(!result.code || !result.metrics.empty(),
            name + ": value must name at least one metric");
      check(result.metrics.size() <= derive_inputs_max,
            name + ": at most " + std::to_string(derive_inputs_max) + " metrics");
      for (const auto& metric : result.metrics)
        check(results.count(metric) == 0,
              name + ": \"" + metric + "\" is derived, but not before this one");
      check(x.on.empty()
              || std::find(result.metrics.begin(), result.metrics.end(), x.on)
                   != result.metrics.end(),
            name + ": on must be a metric that value names");
      results.erase(x.metric);
      program_->derives_.push_back(std::move(result));
    }
  }

  void check_detector() {
    const auto& x = config().detector;
    check(x.threshold > 0.0 && x.clip > 0.0,
          "detector.threshold and detector.clip must be above 0");
    check(x.memory_events >= 1.0 && x.warmup_events >= 2,
          "detector.memory_events must be at least 1 and detector.warmup_events at "
          "least 2");
  }

  void check_rules() {
    check(config().rules.size() <= rules_max,
          "at most " + std::to_string(rules_max) + " rules");
    std::set<std::string_view> names;
    for (const auto& rule : config().rules) {
      auto name = "rule \"" + rule.name + "\"";
      check(!rule.name.empty() && names.insert(rule.name).second,
            "rule names must be there and differ: \"" + rule.name + "\"");
      check(std::isfinite(rule.limit) && std::isfinite(rule.clear_limit.value_or(0.0)),
            name + ": limits must be finite");
      check(rule.hold_ns >= 0 && rule.recover_ns >= 0,
            name + ": times must not be negative");
    }
  }

  std::shared_ptr<stream_program> program_ = std::make_shared<stream_program>();
  std::vector<std::string> errors_;
};

expected<std::shared_ptr<const stream_program>, std::vector<std::string>>
stream_program::compile(stream_config config) {
  return stream_compiler{std::move(config)}.run();
}

} // namespace weir::analytics
