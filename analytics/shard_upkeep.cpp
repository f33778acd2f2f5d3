// What a SHARD does once a second, at the end, and when its configuration changes.
#include "analytics/shard_plan.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics {

namespace {

/// Summaries. One series may add as many as its views have windows open.
constexpr std::size_t closed_a_tick_max = 1000;

} // namespace

bool shard::tick(const batch_time& now, bool all_handed_on, shard_output& out) {
  auto before = out.summaries.size();
  auto is_done = close_by_time(now, out);
  const auto& time = program_->config().event_time;
  for (auto& view : views_)
    if (view->is_grouped())
      view->tick_groups(now.local_ns, out.summaries);
    else
      view->tick_routed(now.local_ns, time, out.summaries);
  tell_early(now, out);
  finish_eviction(all_handed_on, out);
  if (leaving_.empty())
    if (auto wanted = table_->to_evict(); wanted > 0)
      evict(wanted / table_->shards() + 1);
  settle(now, out);
  count_summaries(before, out);
  window_counters total;
  auto add = [&total](const window_counters& x) {
    total.revisions += x.revisions;
    total.early += x.early;
    total.forced += x.forced;
  };
  if (default_)
    add(default_->counters());
  for (const auto& view : views_)
    add(view->windows().counters());
  status_.revisions = total.revisions;
  status_.early = total.early;
  status_.forced = total.forced;
  status_.state_bytes = state_bytes();
  return is_done;
}

/// False: at its limit it stopped, to go on there.
bool shard::close_by_time(const batch_time& now, shard_output& out) {
  const auto& time = program_->config().event_time;
  auto end = out.summaries.size() + closed_a_tick_max;
  auto& local = close_from_;
  for (; local < series_.size(); ++local) {
    if (out.summaries.size() >= end)
      return false;
    auto& slot = series_[local];
    if (!slot.known)
      continue;
    auto& source = sources_[slot.source];
    auto silent_ns = now.local_ns - source.seen_ns;
    source.idle = silent_ns >= time.idle_timeout_ns ? 1 : 0;
    auto watermark_ns = watermark_of(source);
    if (default_) {
      analytics::close_by_time(*default_, local, silent_ns,
                               {watermark_ns, watermark_ns - lateness_ns_}, time,
                               out.summaries);
      open_seen_ += default_->is_open(local) ? 1 : 0;
    }
    if (!slot.plan)
      continue;
    for (const auto& member : slot.plan->members)
      if (!member.grouped && member.slot != stream_view::no_slot)
        analytics::close_by_time(views_[member.view]->windows(), member.slot, silent_ns,
                                 views_[member.view]->clock_at(watermark_ns), time,
                                 out.summaries);
  }
  status_.series_open = open_seen_;
  open_seen_ = 0;
  close_from_ = 0;
  return true;
}

void shard::tell_early(const batch_time& now, shard_output& out) {
  for (auto& view : views_) {
    if (!view->early_is_due(now.local_ns))
      continue;
    for (std::uint32_t slot = 0; slot < view->keys().size(); ++slot)
      if (view->keys()[slot].local != stream_view::no_slot)
        view->windows().tell_early(slot, out.summaries);
  }
  if (!default_ || program_->config().window->early_ns == 0)
    return;
  if (default_early_at_ns_ == time_never)
    default_early_at_ns_ = now.local_ns + program_->config().window->early_ns;
  if (now.local_ns < default_early_at_ns_)
    return;
  default_early_at_ns_ = now.local_ns + program_->config().window->early_ns;
  for (std::uint32_t local = 0; local < series_.size(); ++local)
    if (series_[local].known)
      default_->tell_early(local, out.summaries);
}

void shard::flush(shard_output& out) {
  auto before = out.summaries.size();
  if (default_) {
    default_->settle(out.summaries);
    for (std::uint32_t local = 0; local < series_.size(); ++local)
      if (series_[local].known)
        default_->close(local, true, out.summaries);
  }
  for (auto& view : views_)
    view->close_all(out.summaries);
  count_summaries(before, out);
  status_.series_open = 0;
}

// -- eviction --------------------------------------------------------------------

/// Closes and forgets what there is of a series; its id stays taken.
void shard::forget(series_id id, shard_output& out) {
  auto local = table_->local_of(id);
  for (auto& view : views_)
    view->erase(local, out.summaries);
  group_keys_.erase(id);
  if (local >= series_.size() || !series_[local].known)
    return;
  auto& slot = series_[local];
  if (default_) {
    default_->settle(out.summaries); // What waits for it names slots.
    default_->close(local, true, out.summaries);
    default_->erase(local);
  }
  if (slot.plan)
    for (const auto& member : slot.plan->members)
      if (!member.grouped && member.slot != stream_view::no_slot)
        views_[member.view]->erase(table_->local_of(member.key), out.summaries);
  slot.plan.reset();
  // An alert that an event on its way has raised must not become another series'.
  if (auto states = rule_states_.find(id); states != rule_states_.end()) {
    for (const auto& [number, state] : states->second)
      status_.alerts_open
        -= state.state == alert_state::firing || state.state == alert_state::recovering
             ? 1
             : 0;
    rule_states_.erase(states);
  }
  slot.alerting = false;
  for (auto& view : views_)
    if (view->facts() != nullptr)
      view->facts()->forget(id);
}

/// Gives up the series that were seen longest ago, but for those that alert. Nobody
/// finds their names any more; what is on its way still comes into their windows.
void shard::evict(std::size_t count) {
  struct candidate {
    std::int64_t seen_ns;
    series_id id;
  };
  std::vector<candidate> candidates;
  for (std::uint32_t local = 0; local < series_.size(); ++local) {
    const auto& slot = series_[local];
    if (!slot.known || slot.alerting)
      continue;
    auto seen_ns = panes_ != nullptr ? panes_->last_time_ns(local)
                                     : sources_[slot.source].time_max_ns;
    candidates.push_back({seen_ns, table_->id_of(number_, local)});
  }
  count = std::min(count, candidates.size());
  auto by_age = [](const candidate& a, const candidate& b) {
    return a.seen_ns != b.seen_ns ? a.seen_ns < b.seen_ns : a.id < b.id;
  };
  std::nth_element(candidates.begin(),
                   candidates.begin() + static_cast<std::ptrdiff_t>(count),
                   candidates.end(), by_age);
  candidates.resize(count);
  for (const auto& x : candidates) {
    leaving_.push_back(x.id);
    // The series of its own views go with it.
    if (const auto& plan = series_[table_->local_of(x.id)].plan)
      for (const auto& member : plan->members)
        if (!member.grouped && member.slot != stream_view::no_slot)
          leaving_.push_back(member.key);
    series_[table_->local_of(x.id)].leaving = true;
    ++status_.evicted;
  }
  if (leaving_.empty())
    return;
  leaving_epoch_ = table_->retire(leaving_);
  leaving_stage_ = eviction_stage::retired;
}

/// Steps of an eviction, one a tick at most: events that were on their way are taken,
/// then the windows are sent, each once; then the ids are free.
void shard::finish_eviction(bool all_handed_on, shard_output& out) {
  if (leaving_.empty() || !all_handed_on)
    return;
  if (leaving_stage_ == eviction_stage::retired) {
    if (table_->passed(leaving_epoch_))
      leaving_stage_ = eviction_stage::passed;
    return;
  }
  if (leaving_stage_ == eviction_stage::passed) {
    std::sort(leaving_.begin(), leaving_.end());
    for (auto id : leaving_)
      forget(id, out);
    // What is derived anew gets an id anew.
    for (auto& state : derive_states_)
      if (std::binary_search(leaving_.begin(), leaving_.end(), state.result))
        state.has_result = false;
    leaving_stage_ = eviction_stage::closed;
    return;
  }
  for (auto id : leaving_) {
    auto local = table_->local_of(id);
    if (local >= series_.size() || !series_[local].known)
      continue;
    auto number = series_[local].source;
    series_[local] = series_slot{};
    set_tag(local);
    --status_.series;
    if (--sources_[number].series == 0)
      free_source(number);
  }
  free_derivations();
  table_->release(leaving_);
  leaving_.clear();
}

/// Its last series has gone.
void shard::free_source(std::uint32_t number) {
  source_ids_.erase(source_names_[number]);
  source_names_[number].clear();
  sources_[number] = source_clock{};
  free_sources_.push_back(number);
}

/// Those whose source has gone, and with it the plans that know them. All at once: many
/// sources may go together.
void shard::free_derivations() {
  std::erase_if(derive_ids_, [&](const auto& x) {
    auto& state = derive_states_[x.second];
    if (!source_names_[state.source].empty())
      return false;
    state = derive_state{};
    free_derive_states_.push_back(x.second);
    return true;
  });
}

// -- change of configuration -------------------------------------------------------

change_report shard::change(std::shared_ptr<const stream_program> program,
                            shard_output& out) {
  auto before = out.summaries.size();
  change_report report;
  auto old_program = std::exchange(program_, std::move(program));
  const auto& was = old_program->config();
  const auto& is = program_->config();
  change_default(was, report, out);
  auto old_views = std::move(views_);
  make_views(is);
  constexpr auto gone = ~std::uint32_t{0};
  std::vector<std::uint32_t> moved_to; // Of views, by their old number.
  for (auto& old : old_views) {
    moved_to.push_back(gone);
    auto same = std::find_if(views_.begin(), views_.end(), [&](const auto& x) {
      return x->config().name == old->config().name
             && state_fingerprint(x->config()) == state_fingerprint(old->config());
    });
    if (same == views_.end()) {
      old->close_all(out.summaries);
      report.closed.push_back("view \"" + old->config().name + "\"");
      continue;
    }
    moved_to.back() = static_cast<std::uint32_t>(same - views_.begin());
    old->change((*same)->config(), is.event_time);
    *same = std::move(old);
    report.kept.push_back("view \"" + (*same)->config().name + "\"");
    if ((*same)->facts() != nullptr)
      (*same)->facts()->forget_all(); // A device table may say other things now.
  }
  change_rules(was);
  derive_states_.clear();
  derive_ids_.clear();
  free_derive_states_.clear();
  for (std::uint32_t local = 0; local < series_.size(); ++local)
    if (auto& slot = series_[local]; slot.known && !slot.leaving) {
      make_plan(slot, table_->id_of(number_, local));
    } else if (slot.plan) {
      // Its name is not its own any more, so it keeps its old plan for what is on its
      // way: the views that still are, by their new numbers.
      std::erase_if(slot.plan->members,
                    [&](auto& x) { return (x.view = moved_to[x.view]) == gone; });
      slot.plan->inputs.clear();
      slot.plan->samplers.clear();
    }
  for (std::uint32_t local = 0; local < series_.size(); ++local)
    set_tag(local);
  close_unused_keys(out);
  count_summaries(before, out);
  return report;
}

/// Keys of one series that no series feeds any more: a view chooses others than before.
void shard::close_unused_keys(shard_output& out) {
  std::vector<std::vector<bool>> used(views_.size());
  for (std::size_t i = 0; i < views_.size(); ++i)
    used[i].resize(views_[i]->keys().size());
  for (std::uint32_t local = 0; local < series_.size(); ++local)
    if (const auto& plan = series_[local].plan)
      for (const auto& member : plan->members)
        if (member.slot != stream_view::no_slot)
          used[member.view][member.slot] = true;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    // Groups have a clock of their own, which closes them.
    if (views_[i]->is_grouped())
      continue;
    for (std::size_t slot = 0; slot < used[i].size(); ++slot) {
      const auto& key = views_[i]->keys()[slot];
      if (!used[i][slot] && !key.routed && key.local != stream_view::no_slot)
        views_[i]->erase(key.local, out.summaries);
    }
  }
}

void shard::change_default(const stream_config& was, change_report& report,
                           shard_output& out) {
  const auto& is = program_->config();
  out_of_orderness_ns_ = is.event_time.out_of_orderness_ns;
  if (was.window && is.window
      && state_fingerprint(*was.window) == state_fingerprint(*is.window)) {
    lateness_ns_
      = is.window->allowed_lateness_ns.value_or(is.event_time.allowed_lateness_ns);
    report.kept.push_back("the default windows");
    return;
  }
  if (default_) {
    default_->settle(out.summaries);
    for (std::uint32_t local = 0; local < series_.size(); ++local)
      if (series_[local].known)
        default_->close(local, true, out.summaries);
    report.closed.push_back("the default windows");
  }
  make_default(is);
  // Also for numbers that are free now: whoever has a slot in series_ has one here.
  if (default_)
    for (std::uint32_t local = 0; local < series_.size(); ++local)
      default_->open(local, table_->id_of(number_, local));
}

/// Rules are known by name; the states of those that are gone go too.
void shard::change_rules(const stream_config& was) {
  const auto& is = program_->config();
  status_.alerts_open = 0;
  for (auto& [id, states] : rule_states_) {
    std::unordered_map<std::uint32_t, rule_state> next;
    for (const auto& [number, state] : states)
      for (std::uint32_t i = 0; i < is.rules.size(); ++i)
        if (is.rules[i].name == was.rules[number].name) {
          next.emplace(i, state);
          status_.alerts_open += state.state == alert_state::firing
                                     || state.state == alert_state::recovering
                                   ? 1
                                   : 0;
        }
    states = std::move(next);
  }
  std::erase_if(rule_states_, [](const auto& x) { return x.second.empty(); });
}

} // namespace weir::analytics
