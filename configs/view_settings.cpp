#include "configs/view_settings.hpp"

#include "configs/calendar_text.hpp"
#include "configs/time_zones.hpp"

#include "analytics/quantile_sketch.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace weir::configs {

namespace {

using analytics::view_config;
using analytics::window_kind;
using kinds = std::vector<window_kind>;

constexpr std::array all_kinds{window_kind::tumbling, window_kind::hopping,
                               window_kind::calendar, window_kind::session,
                               window_kind::count,    window_kind::state,
                               window_kind::sliding};

/// Those of the default windows come first.
constexpr std::size_t default_kinds = 3;

window_kind read_kind(table_reader& table, std::size_t count) {
  std::vector<std::string> accepted;
  for (std::size_t i = 0; i < count; ++i)
    accepted.emplace_back(to_string(all_kinds[i]));
  auto text = table.one_of("kind", "tumbling", accepted);
  auto pos = std::find(accepted.begin(), accepted.end(), text);
  return all_kinds[static_cast<std::size_t>(pos - accepted.begin())];
}

/// A key that means nothing to this kind of windows, yet says something.
void check_kind(table_reader& table, const std::string& key, bool is_default,
                window_kind kind, const kinds& owners) {
  if (is_default || std::count(owners.begin(), owners.end(), kind) > 0)
    return;
  std::string names;
  for (auto x : owners)
    names += (names.empty() ? "\"" : ", \"") + std::string{to_string(x)} + "\"";
  table.complain(key, "this setting belongs to windows of kind = " + names
                        + ", but these are \"" + std::string{to_string(kind)} + "\"");
}

void read_calendar(table_reader& table, view_config& view, std::int64_t offset_ns) {
  auto every_text = table.text("every", "");
  auto zone_name = table.text("zone", "UTC");
  check_kind(table, "every", every_text.empty(), view.kind, {window_kind::calendar});
  check_kind(table, "zone", zone_name == "UTC", view.kind, {window_kind::calendar});
  if (view.kind != window_kind::calendar)
    return;
  auto every = parse_every(every_text);
  if (!every)
    return table.complain("every", every.error());
  if (auto good = analytics::validate(every->unit, every->count, offset_ns); !good)
    return table.complain("offset_ms", good.error());
  auto zone = load_time_zone(zone_name);
  if (!zone)
    return table.complain("zone", zone.error());
  view.calendar = make_calendar(*every, offset_ns, std::move(*zone));
  view.calendar_text = calendar_text(*every, offset_ns, zone_name);
}

void read_aggregates(table_reader& table, view_config& view) {
  using analytics::quantile_sketch;
  auto plan = analytics::parse_aggregates(table.texts("aggregates", {}));
  if (plan)
    view.aggregates = std::move(*plan);
  else
    table.complain("aggregates", plan.error());
  view.aggregates.alpha
    = table.number("relative_error", quantile_sketch::alpha_default,
                   quantile_sketch::alpha_min, quantile_sketch::alpha_max);
}

/// What the default windows have, too.
void read_common(table_reader& table, view_config& view) {
  const kinds fixed{window_kind::tumbling, window_kind::hopping};
  const kinds wide{window_kind::tumbling, window_kind::hopping, window_kind::sliding};
  const kinds cut{window_kind::tumbling, window_kind::hopping, window_kind::calendar};
  const view_config standard;
  view.width_ns = read_span(table, "width_ms", standard.width_ns, 1);
  check_kind(table, "width_ms", view.width_ns == standard.width_ns, view.kind, wide);
  view.slide_ns = read_span(table, "slide_ms", 0);
  check_kind(table, "slide_ms", view.slide_ns == 0, view.kind, {window_kind::hopping});
  auto offset_ns = table.integer("offset_ms", 0, -span_max_ms, span_max_ms) * ms_ns;
  check_kind(table, "offset_ms", offset_ns == 0, view.kind, cut);
  // A calendar has its own offset.
  view.offset_ns = view.kind == window_kind::calendar ? 0 : offset_ns;
  read_calendar(table, view, offset_ns);
  read_aggregates(table, view);
  view.early_ns = read_span(table, "early_ms", 0);
  check_kind(table, "early_ms", view.early_ns == 0, view.kind, cut);
  if (table.has("allowed_lateness_ms"))
    view.allowed_lateness_ns = read_span(table, "allowed_lateness_ms", 0);
}

void read_sessions_and_counts(table_reader& table, view_config& view) {
  const view_config standard;
  view.gap_ns = read_span(table, "gap_ms", standard.gap_ns, 1);
  check_kind(table, "gap_ms", view.gap_ns == standard.gap_ns, view.kind,
             {window_kind::session});
  view.length_max_ns = read_span(table, "length_max_ms", standard.length_max_ns, 1);
  check_kind(table, "length_max_ms", view.length_max_ns == standard.length_max_ns,
             view.kind, {window_kind::session, window_kind::state});
  view.size_events = static_cast<std::uint32_t>(
    table.integer("size_events", standard.size_events, 1, 1'000'000));
  check_kind(table, "size_events", view.size_events == standard.size_events, view.kind,
             {window_kind::count});
  view.slide_events = static_cast<std::uint32_t>(
    table.integer("slide_events", standard.slide_events, 0, 100'000));
  check_kind(table, "slide_events", view.slide_events == 0, view.kind,
             {window_kind::count});
}

void read_conditions(table_reader& table, view_config& view) {
  view.open_when = table.text("open_when", "");
  check_kind(table, "open_when", view.open_when.empty(), view.kind,
             {window_kind::state});
  view.close_when = table.text("close_when", "");
  check_kind(table, "close_when", view.close_when.empty(), view.kind,
             {window_kind::state});
  view.trigger_when = table.text("trigger_when", "");
  check_kind(table, "trigger_when", view.trigger_when.empty(), view.kind,
             {window_kind::sliding});
  view.delay_ns = read_span(table, "delay_ms", 0);
  check_kind(table, "delay_ms", view.delay_ns == 0, view.kind, {window_kind::sliding});
}

} // namespace

std::int64_t read_span(table_reader& table, const std::string& key,
                       std::int64_t fallback_ns, std::int64_t min_ms) {
  return table.integer(key, fallback_ns / ms_ns, min_ms, span_max_ms) * ms_ns;
}

view_config read_window(table_reader& table) {
  view_config result;
  result.kind = read_kind(table, default_kinds);
  read_common(table, result);
  table.moved("out_of_orderness_ms", "event_time.out_of_orderness_ms");
  table.moved("idle_close_ms", "event_time.idle_timeout_ms");
  table.finish();
  return result;
}

view_config read_view(table_reader& table) {
  view_config result;
  result.name = table.required_text("name");
  result.metric = table.text("metric", "*");
  result.source = table.text("source", "*");
  result.where = table.text("where", "");
  result.kind = read_kind(table, all_kinds.size());
  read_common(table, result);
  read_sessions_and_counts(table, result);
  read_conditions(table, result);
  result.group_by = table.texts("group_by", {});
  table.finish();
  return result;
}

} // namespace weir::configs
