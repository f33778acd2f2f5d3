#include "analytics/stream_view.hpp"

#include "analytics/in_order.hpp"
#include "analytics/ordered_windows.hpp"
#include "analytics/pane_windows.hpp"

#include <utility>

namespace weir::analytics {

namespace {

group_clock::limits limits_of(const event_time_config& time) {
  return {time.idle_timeout_ns, time.hold_max_ns, time.retain_max_ns};
}

/// Rate and time-weighted mean need events in order: such views are put in order too.
bool needs_order(const aggregate_plan& plan) {
  return plan.rate || plan.time_weighted;
}

std::unique_ptr<window_operator> make_panes(const view_config& config,
                                            fact_book* facts) {
  pane_config panes;
  panes.width_ns = config.width_ns;
  panes.slide_ns
    = config.kind == window_kind::hopping ? config.slide_ns : config.width_ns;
  panes.offset_ns = config.offset_ns;
  if (config.kind == window_kind::calendar)
    panes.calendar = config.calendar;
  auto result
    = std::make_unique<pane_windows>(std::move(panes), config.aggregates, facts);
  if (!needs_order(config.aggregates))
    return result;
  return std::make_unique<in_order>(std::move(result));
}

} // namespace

std::unique_ptr<window_operator> make_windows(const view_config& config,
                                              fact_book* facts) {
  const auto& plan = config.aggregates;
  switch (config.kind) {
  case window_kind::session:
    return std::make_unique<session_windows>(
      session_windows::config{config.gap_ns, config.length_max_ns}, plan, facts);
  case window_kind::count:
    return std::make_unique<count_windows>(
      count_windows::config{config.size_events, config.slide_events == 0
                                                  ? config.size_events
                                                  : config.slide_events},
      plan, facts);
  case window_kind::state:
    return std::make_unique<state_windows>(
      state_windows::config{!config.close_when.empty(), config.length_max_ns}, plan,
      facts);
  case window_kind::sliding:
    return std::make_unique<sliding_windows>(
      sliding_windows::config{config.width_ns, config.delay_ns}, plan, facts);
  default:
    return make_panes(config, facts);
  }
}

void close_by_time(window_operator& windows, std::uint32_t slot, std::int64_t silent_ns,
                   const window_clock& clock, const event_time_config& time,
                   std::vector<summary>& out) {
  if (silent_ns >= time.idle_timeout_ns)
    windows.close_silent(slot, silent_ns, out);
  // Its sent windows wait for late events no longer than those would be taken.
  auto lateness_ns = clock.watermark_ns - clock.horizon_ns;
  auto forget = silent_ns >= time.idle_timeout_ns + lateness_ns;
  windows.advance(slot,
                  forget && windows.is_revisable()
                    ? window_clock{clock.watermark_ns, clock.watermark_ns}
                    : clock,
                  out);
}

stream_view::stream_view(const view_config& config, const event_time_config& time,
                         fact_book::lookup look_up)
  : config_(config),
    lateness_ns_(config.allowed_lateness_ns.value_or(time.allowed_lateness_ns)),
    groups_(limits_of(time)) {
  const auto& plan = config.aggregates;
  if (!plan.distinct.empty() || !plan.top.empty())
    facts_ = std::make_unique<fact_book>(plan, std::move(look_up));
  windows_ = make_windows(config, facts_.get());
}

void stream_view::change(const view_config& config, const event_time_config& time) {
  config_ = config;
  lateness_ns_ = config.allowed_lateness_ns.value_or(time.allowed_lateness_ns);
  groups_.change(limits_of(time));
}

std::uint32_t stream_view::slot_of(series_id series, std::uint32_t local) {
  if (local >= slots_.size())
    slots_.resize(std::max<std::size_t>(local + 1, slots_.size() * 5 / 4), no_slot);
  auto& slot = slots_[local];
  if (slot != no_slot)
    return slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(keys_.size());
    keys_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  keys_[slot] = key{};
  keys_[slot].series = series;
  keys_[slot].local = local;
  windows_->open(slot, series);
  return slot;
}

bool stream_view::add_routed(std::uint32_t slot, const keyed_event& event,
                             std::int64_t watermark_ns, std::int64_t local_ns,
                             std::vector<summary>& out) {
  set_routed(slot, local_ns);
  keys_[slot].watermark_ns = std::max(keys_[slot].watermark_ns, watermark_ns);
  return add(slot, event, watermark_ns, out);
}

bool stream_view::add_to_group(std::uint32_t slot, const keyed_event& event,
                               std::uint64_t source, std::int64_t watermark_ns,
                               std::int64_t local_ns, std::vector<summary>& out) {
  groups_.observe(source, watermark_ns, local_ns);
  keys_[slot].seen_ns = local_ns;
  return windows_->add(slot, event, group_clock_now(), out);
}

window_clock stream_view::group_clock_now() const {
  const auto& clock = groups_.clock();
  auto result = clock_at(clock.watermark_ns);
  // Windows whose order matters cannot be revised: they wait for the lateness, and no
  // longer. Panes take events of slow sources for as long as the clock says.
  if (windows_->is_revisable() && clock.horizon_ns != time_never)
    result.horizon_ns = clock.horizon_ns - lateness_ns_;
  return result;
}

void stream_view::settle(std::int64_t local_ns, std::vector<summary>& out) {
  windows_->settle(out);
  if (is_grouped())
    groups_.update(local_ns);
}

void stream_view::tick_groups(std::int64_t local_ns, std::vector<summary>& out) {
  groups_.update(local_ns);
  auto clock = group_clock_now();
  for (std::uint32_t slot = 0; slot < keys_.size(); ++slot) {
    if (keys_[slot].local == no_slot)
      continue;
    if (groups_.is_idle())
      windows_->close_silent(slot, groups_.silent_ns(local_ns), out);
    windows_->advance(slot, clock, out);
  }
}

void stream_view::tick_routed(std::int64_t local_ns, const event_time_config& time,
                              std::vector<summary>& out) {
  for (std::uint32_t slot = 0; slot < keys_.size(); ++slot)
    if (const auto& x = keys_[slot]; x.local != no_slot && x.routed)
      close_by_time(*windows_, slot, local_ns - x.seen_ns, clock_at(x.watermark_ns),
                    time, out);
}

bool stream_view::early_is_due(std::int64_t local_ns) {
  if (config_.early_ns == 0)
    return false;
  if (early_at_ns_ == time_never)
    early_at_ns_ = local_ns + config_.early_ns;
  if (local_ns < early_at_ns_)
    return false;
  early_at_ns_ = local_ns + config_.early_ns;
  return true;
}

bool stream_view::erase(std::uint32_t local, std::vector<summary>& out) {
  auto slot = find(local);
  if (slot == no_slot)
    return false;
  windows_->settle(out); // What waits for it names slots.
  windows_->close(slot, true, out);
  windows_->erase(slot);
  slots_[local] = no_slot;
  keys_[slot].local = no_slot;
  free_.push_back(slot);
  return true;
}

void stream_view::close_all(std::vector<summary>& out) {
  windows_->settle(out);
  for (std::uint32_t slot = 0; slot < keys_.size(); ++slot)
    if (keys_[slot].local != no_slot)
      windows_->close(slot, true, out);
}

std::size_t stream_view::size_bytes() const {
  return windows_->size_bytes() + slots_.capacity() * sizeof(std::uint32_t)
         + keys_.capacity() * sizeof(key);
}

} // namespace weir::analytics
