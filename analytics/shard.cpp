#include "analytics/shard.hpp"

#include "analytics/shard_plan.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

namespace weir::analytics {

namespace {

/// How far ahead memory is asked for, in events: first for what the event's id leads
/// to; when that is there, for what it leads to; and so on.
constexpr std::size_t prefetch_far = 28;
constexpr std::size_t prefetch_plan = 20;
constexpr std::size_t prefetch_members = 14;
constexpr std::size_t prefetch_near = 8;

} // namespace

void shard_output::clear() {
  summaries.clear();
  anomalies.clear();
  alerts.clear();
  late.clear();
  for (auto& x : routed)
    x.clear();
}

shard::shard(std::shared_ptr<const stream_program> program, series_table& table,
             std::size_t number)
  : program_(std::move(program)), table_(&table), number_(number) {
  make_default(program_->config());
  make_views(program_->config());
}

shard::~shard() = default;

// -- events --------------------------------------------------------------------

/// The slot of an event to come, if its series is known and has one.
inline const shard::series_slot* shard::slot_ahead(const event& x) const {
  auto local = table_->local_of(x.series);
  return local < series_.size() ? &series_[local] : nullptr;
}

/// Of events that have a plan, in three steps: plan, its members, their windows.
inline void shard::prefetch_planned(const event* next) const {
  if (const auto* slot = slot_ahead(next[prefetch_plan]))
    __builtin_prefetch(slot->plan.get(), 0);
  if (const auto* slot = slot_ahead(next[prefetch_members]); slot && slot->plan)
    __builtin_prefetch(slot->plan->members.data(), 0);
  if (const auto* slot = slot_ahead(next[prefetch_near]); slot && slot->plan)
    for (const auto& member : slot->plan->members)
      if (member.slot != stream_view::no_slot)
        views_[member.view]->windows().prefetch_slot(member.slot);
}

inline void shard::prefetch(const event* next) const {
  auto is_plain
    = panes_ != nullptr && plans_are_trivial_ && !program_->config().detector.enabled;
  if (auto local = table_->local_of(next[prefetch_far].series);
      local < series_.size()) {
    if (panes_ != nullptr)
      panes_->prefetch(local);
    if (!is_plain)
      __builtin_prefetch(&series_[local], 1);
  }
  if (!plans_are_trivial_)
    prefetch_planned(next);
  auto local = table_->local_of(next[prefetch_near].series);
  if (local >= series_.size())
    return;
  auto tag = panes_ != nullptr ? panes_->tag(local) : tag_take_fully;
  if (panes_ != nullptr)
    panes_->prefetch_older(local);
  if (tag != tag_take_fully) {
    __builtin_prefetch(&sources_[tag], 1);
  } else {
    __builtin_prefetch(&sources_[series_[local].source], 1);
    __builtin_prefetch(&detectors_[local], 1);
  }
}

void shard::process(std::span<const event> events, const batch_time& now,
                    shard_output& out) {
  auto before = out.summaries.size();
  forget_old_facts();
  status_.inputs += events.size();
  auto prefetched
    = events.size() > prefetch_far ? events.size() - prefetch_far : std::size_t{0};
  std::size_t i = 0;
  for (; i < prefetched; ++i) {
    prefetch(&events[i]);
    take(events[i], now, out);
  }
  for (; i < events.size(); ++i)
    take(events[i], now, out);
  settle(now, out);
  count_summaries(before, out);
}

/// Views remember facts of series of other shards, too, whose ids may stand for other
/// series by now.
void shard::forget_old_facts() {
  auto releases = table_->releases();
  if (releases == releases_seen_)
    return;
  releases_seen_ = releases;
  for (auto& view : views_)
    if (view->facts() != nullptr)
      view->facts()->forget_all();
}

void shard::settle(const batch_time& now, shard_output& out) {
  if (default_)
    default_->settle(out.summaries);
  for (auto& view : views_)
    view->settle(now.local_ns, out.summaries);
}

void shard::count_summaries(std::size_t before, const shard_output& out) {
  status_.summaries += out.summaries.size() - before;
}

void shard::take(const event& x, const batch_time& now, shard_output& out) {
  auto local = table_->local_of(x.series);
  if (panes_ == nullptr || local >= panes_->slots()
      || panes_->tag(local) == tag_take_fully) {
    take_fully(x, now, out);
    return;
  }
  auto number = panes_->tag(local);
  auto& source = sources_[number];
  source.observe(x.time_ns, now);
  if (add_to_default(x, source, out))
    ++status_.events;
  else
    note_late(x, number, watermark_of(source), out);
}

void shard::take_fully(const event& x, const batch_time& now, shard_output& out) {
  auto local = table_->local_of(x.series);
  auto& slot = local < series_.size() && series_[local].known ? series_[local]
                                                              : first_sight(x.series);
  auto& source = sources_[slot.source];
  source.observe(x.time_ns, now);
  if (slot.plan) {
    take_planned(slot, x, now, out);
    return;
  }
  if (!add_to_default(x, source, out)) {
    note_late(x, slot.source, watermark_of(source), out);
    return;
  }
  ++status_.events;
  if (slot.judged || slot.rules != 0)
    judge(slot, x, out);
}

/// Says in the default pane whether take() needs to look further.
void shard::set_tag(std::uint32_t local) {
  if (panes_ == nullptr)
    return;
  const auto& slot = series_[local];
  auto is_plain = slot.known && !slot.plan && !slot.judged && slot.rules == 0;
  panes_->set_tag(local, is_plain ? slot.source : tag_take_fully);
}

bool shard::add_to_default(const event& x, const source_clock& source,
                           shard_output& out) {
  auto watermark_ns = watermark_of(source);
  window_clock clock{watermark_ns, watermark_ns - lateness_ns_};
  keyed_event keyed{x.time_ns, x.value, x.series, 0};
  auto slot = table_->local_of(x.series);
  if (panes_ != nullptr)
    return panes_->add(slot, keyed, clock, out.summaries);
  return !default_ || default_->add(slot, keyed, clock, out.summaries);
}

void shard::take_planned(series_slot& slot, event x, const batch_time& now,
                         shard_output& out) {
  auto& plan = *slot.plan;
  if (!prepare(plan, x))
    return;
  const auto& source = sources_[slot.source];
  auto in_default = add_to_default(x, source, out);
  auto in_views = plan.members.empty() || add_to_views(plan, x, source, now, out);
  if (in_default && in_views)
    ++status_.events;
  else
    note_late(x, slot.source, watermark_of(source), out);
  if (!in_default)
    return;
  if (!plan.inputs.empty())
    derive(plan, x, now, out);
  if (slot.judged || slot.rules != 0)
    judge(slot, x, out);
}

/// Conversions, filters, sampling. False: the event goes no further.
bool shard::prepare(series_plan& plan, event& x) {
  if (plan.converts.empty() && plan.filters.empty() && plan.samplers.empty())
    return true;
  std::array<double, stream_program::event_slots> slots{
    x.value, static_cast<double>(x.time_ns) * 1e-9};
  for (const auto& code : plan.converts) {
    auto value = code.evaluate(slots);
    if (is_missing(value)) {
      ++status_.unconverted;
      return false;
    }
    x.value = slots[stream_program::slot_value] = value;
  }
  for (const auto& code : plan.filters)
    if (!code.passes(slots)) {
      ++status_.filtered;
      return false;
    }
  if (samples_out(plan, x)) {
    ++status_.sampled_out;
    return false;
  }
  return true;
}

bool shard::samples_out(series_plan& plan, const event& x) {
  for (auto& state : plan.samplers) {
    const auto& step = program_->config().samples[state.step];
    ++state.count;
    auto is_first = state.taken_ns == time_never;
    auto silent_ns = is_first ? 0 : x.time_ns - state.taken_ns;
    auto keeps_alive = step.silence_max_ns > 0 && silent_ns >= step.silence_max_ns;
    auto is_due
      = state.count >= step.every && silent_ns >= step.interval_ns
        && (step.dead_band == 0.0 || std::abs(x.value - state.taken) > step.dead_band);
    if (!is_first && !is_due && !keeps_alive)
      return true;
    state.count = 0;
    state.taken_ns = x.time_ns;
    state.taken = x.value;
  }
  return false;
}

bool shard::add_to_views(series_plan& plan, const event& x, const source_clock& source,
                         const batch_time& now, shard_output& out) {
  std::array<double, stream_program::event_slots> slots{
    x.value, static_cast<double>(x.time_ns) * 1e-9};
  auto watermark_ns = watermark_of(source);
  bool taken = true;
  for (auto& member : plan.members) {
    if (member.has_where && !member.where.passes(slots))
      continue;
    std::uint32_t marks = member.triggers_always ? mark_trigger : 0u;
    if (member.has_marks) {
      marks |= member.open_when.passes(slots) ? mark_open : 0u;
      marks |= member.close_when.passes(slots) ? mark_close : 0u;
      marks |= member.trigger_when.passes(slots) ? mark_trigger : 0u;
    }
    keyed_event keyed{x.time_ns, x.value, x.series, marks};
    auto& view = *views_[member.view];
    if (member.slot == stream_view::no_slot) {
      out.routed.resize(table_->shards());
      out.routed[table_->shard_of(member.key)].push_back(
        {keyed, member.key, member.view, plan.source_hash, watermark_ns});
      ++status_.routed;
    } else if (member.grouped) {
      taken = view.add_to_group(member.slot, keyed, plan.source_hash, watermark_ns,
                                now.local_ns, out.summaries)
              && taken;
    } else {
      taken = view.add(member.slot, keyed, watermark_ns, out.summaries) && taken;
    }
  }
  return taken;
}

void shard::process_routed(std::span<const routed_event> events, const batch_time& now,
                           shard_output& out) {
  auto before = out.summaries.size();
  forget_old_facts();
  for (const auto& x : events) {
    auto* found = view_of(x);
    if (found == nullptr)
      continue; // From before a change of configuration that has removed it.
    auto& view = *found;
    auto local = table_->local_of(x.key);
    group_keys_[x.key] = now.local_ns;
    auto slot = view.slot_of(x.key, local);
    auto taken
      = view.is_grouped()
          ? view.add_to_group(slot, x.event, x.source, x.watermark_ns, now.local_ns,
                              out.summaries)
          : view.add_routed(slot, x.event, x.watermark_ns, now.local_ns, out.summaries);
    if (taken)
      continue;
    ++status_.routed_late;
    tell_late({x.event.time_ns, x.event.value, x.event.series, 0}, source_of_routed(x),
              x.watermark_ns, out);
  }
  settle(now, out);
  count_summaries(before, out);
}

/// The view that an event was routed to. Its number is that of the sender's
/// configuration, which a change may just have replaced: what decides is the name, in
/// the key, and that is looked at once for each key.
stream_view* shard::view_of(const routed_event& x) {
  auto local = table_->local_of(x.key);
  if (x.view < views_.size() && views_[x.view]->find(local) != stream_view::no_slot)
    return views_[x.view].get();
  auto key = parse_series(table_->text(x.key));
  if (!key)
    return nullptr;
  for (auto& view : views_)
    for (const auto& [name, value] : key->dimensions)
      if (name == "view" && value == view->config().name)
        return view.get();
  return nullptr;
}

/// A number for the source of an event that another shard has routed here.
std::uint32_t shard::source_of_routed(const routed_event& x) {
  return source_of(shard_key(table_->text(x.event.series)));
}

void shard::note_late(const event& x, std::uint32_t number, std::int64_t watermark_ns,
                      shard_output& out) {
  ++status_.late;
  tell_late(x, number, watermark_ns, out);
}

void shard::tell_late(const event& x, std::uint32_t number, std::int64_t watermark_ns,
                      shard_output& out) {
  auto& source = sources_[number];
  ++source.late;
  // One entry a source and batch; the source remembers where its entry stands.
  if (source.late_entry < out.late.size()
      && out.late[source.late_entry].source == number) {
    ++out.late[source.late_entry].count;
    return;
  }
  source.late_entry = static_cast<std::uint32_t>(out.late.size()) & 0x7fffffffu;
  out.late.push_back(
    {x.series, x.time_ns, x.value, watermark_ns - x.time_ns, 1, number});
}

// -- derivations ---------------------------------------------------------------

void shard::derive(series_plan& plan, const event& x, const batch_time& now,
                   shard_output& out) {
  for (const auto& input : plan.inputs) {
    auto& state = derive_states_[input.state];
    auto variable = input.slot - stream_program::event_slots;
    if (x.time_ns < state.times_ns[variable])
      continue; // An older value than the one that is there.
    state.slots[input.slot] = x.value;
    state.times_ns[variable] = x.time_ns;
    if (!input.triggers)
      continue;
    auto stale_ns = program_->config().derives[state.rule].stale_max_ns;
    auto is_fresh = [&](std::int64_t time_ns) {
      return time_ns != time_never && x.time_ns - time_ns <= stale_ns;
    };
    if (!std::all_of(state.times_ns.begin(), state.times_ns.end(), is_fresh))
      continue;
    state.slots[stream_program::slot_value] = x.value;
    state.slots[stream_program::slot_time_s] = static_cast<double>(x.time_ns) * 1e-9;
    auto value = state.code.evaluate(state.slots);
    if (is_missing(value))
      continue;
    if (!state.has_result && !name_result(state)) {
      ++status_.unkeyed;
      continue;
    }
    ++status_.derived;
    // Derivations only look back at earlier ones, so this ends.
    take({x.time_ns, value, state.result, 0}, now, out);
  }
}

// -- detector and rules ----------------------------------------------------------

void shard::judge(series_slot& slot, const event& x, shard_output& out) {
  ewma_detector::verdict verdict;
  if (slot.judged) {
    const auto& config = program_->config().detector;
    verdict = detectors_[table_->local_of(x.series)].add(config, x.value);
    if (verdict.what == ewma_detector::change::began
        || verdict.what == ewma_detector::change::rose) {
      out.anomalies.push_back(
        {x.series, x.time_ns, x.value, verdict.expected, verdict.deviation,
         ewma_detector::score(config, verdict.deviation), verdict.severity, "ewma/1"});
      ++status_.anomalies;
    }
  }
  if (slot.rules != 0)
    run_rules(slot, x, verdict, out);
}

void shard::run_rules(series_slot& slot, const event& x,
                      const ewma_detector::verdict& verdict, shard_output& out) {
  rule_input input{x.time_ns, x.value, verdict.expected, verdict.in_excursion,
                   verdict.severity};
  for (auto bits = slot.rules; bits != 0; bits &= bits - 1) {
    auto number = static_cast<std::uint32_t>(std::countr_zero(bits));
    const auto& rule = program_->config().rules[number];
    if (!slot.alerting && !begins(rule, input))
      continue;
    auto& states = rule_states_[x.series];
    auto& current = states[number];
    auto was_open = current.state == alert_state::firing
                    || current.state == alert_state::recovering;
    if (current.step(rule, input)) {
      out.alerts.push_back(
        make_alert(rule, current, x.series, table_->text(x.series), input));
      ++status_.alerts;
    }
    auto is_open = current.state == alert_state::firing
                   || current.state == alert_state::recovering;
    status_.alerts_open += is_open ? 1 : 0;
    status_.alerts_open -= was_open ? 1 : 0;
    if (current.state == alert_state::inactive
        || current.state == alert_state::resolved)
      states.erase(number);
    slot.alerting = !states.empty();
    if (!slot.alerting)
      rule_states_.erase(x.series);
  }
}

std::vector<std::pair<std::string, std::uint64_t>>
shard::late_sources(std::size_t n) const {
  std::vector<std::pair<std::string, std::uint64_t>> result;
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (sources_[i].late > 0)
      result.emplace_back(source_names_[i], sources_[i].late);
  auto by_count = [](const auto& a, const auto& b) { return a.second > b.second; };
  n = std::min(n, result.size());
  std::partial_sort(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(n),
                    result.end(), by_count);
  result.resize(n);
  return result;
}

std::size_t shard::window_bytes() const {
  auto result = default_ ? default_->size_bytes() : 0;
  for (const auto& view : views_)
    result += view->size_bytes();
  return result;
}

std::size_t shard::state_bytes() const {
  return window_bytes() + detectors_.size_bytes() + series_.size_bytes()
         + sources_.size_bytes();
}

} // namespace weir::analytics
