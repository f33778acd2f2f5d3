// The part of a SHARD that decides once, at the first event of a series, what is to be
// done with all of its events.
#include "analytics/shard_plan.hpp"

#include "analytics/series_facts.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics {

void shard::make_default(const stream_config& config) {
  const auto& time = config.event_time;
  out_of_orderness_ns_ = time.out_of_orderness_ns;
  default_.reset();
  panes_ = nullptr;
  if (!config.window)
    return;
  lateness_ns_ = config.window->allowed_lateness_ns.value_or(time.allowed_lateness_ns);
  default_ = make_windows(*config.window, nullptr);
  panes_ = dynamic_cast<pane_windows*>(default_.get());
}

void shard::make_views(const stream_config& config) {
  plans_are_trivial_ = config.views.empty() && config.converts.empty()
                       && config.filters.empty() && config.samples.empty()
                       && config.derives.empty() && config.rules.empty()
                       && config.detector_ignores.empty();
  views_.clear();
  for (const auto& x : config.views)
    views_.push_back(std::make_unique<stream_view>(
      x, config.event_time,
      [this](series_id id, const std::string& name) { return look_up(id, name); }));
}

std::string shard::look_up(series_id id, const std::string& name) const {
  auto series = parse_series(table_->text(id));
  if (!series)
    return {};
  return std::string{series_facts{*series, program_->config().tables}.text(name)};
}

std::uint32_t shard::source_of(std::string_view text) {
  auto pos = source_ids_.find(text);
  if (pos != source_ids_.end())
    return pos->second;
  pos = source_ids_.try_emplace(std::string{text}, 0u).first;
  if (free_sources_.empty()) {
    pos->second = static_cast<std::uint32_t>(sources_.size());
    sources_.grow(sources_.size() + 1);
    source_names_.emplace_back();
  } else {
    pos->second = free_sources_.back();
    free_sources_.pop_back();
    sources_[pos->second] = source_clock{};
  }
  source_names_[pos->second] = pos->first;
  return pos->second;
}

shard::series_slot& shard::first_sight(series_id id) {
  return first_sight(id, source_of(shard_key(table_->text(id))));
}

shard::series_slot& shard::first_sight(series_id id, std::uint32_t source) {
  auto local = table_->local_of(id);
  series_.grow(local + 1);
  detectors_.grow(local + 1);
  auto& slot = series_[local];
  slot.known = true;
  slot.leaving = false;
  slot.source = source;
  ++sources_[source].series;
  ++status_.series;
  detectors_[local] = ewma_detector{};
  if (default_)
    default_->open(local, id);
  make_plan(slot, id);
  set_tag(local);
  return slot;
}

void shard::make_plan(series_slot& slot, series_id id) {
  const auto& config = program_->config();
  slot.plan.reset();
  slot.alerting = rule_states_.count(id) > 0;
  slot.rules = 0;
  slot.judged = config.detector.enabled && config.detector_ignores.empty();
  if (plans_are_trivial_)
    return; // The usual case at the start of a node with many series: no parsing.
  auto name = parse_series(table_->text(id));
  if (!name)
    return; // Not a series of ours; its default windows still are.
  auto plan = std::make_unique<series_plan>();
  series_facts facts{*name, config.tables};
  plan->source_hash = stable_hash(shard_key(table_->text(id)));
  slot.judged
    = config.detector.enabled
      && std::none_of(config.detector_ignores.begin(), config.detector_ignores.end(),
                      [&](const auto& x) { return matches_glob(x, name->metric); });
  for (std::size_t i = 0; i < config.rules.size(); ++i)
    if (matches_glob(config.rules[i].metric, name->metric)
        && matches_glob(config.rules[i].source, name->source))
      slot.rules |= std::uint64_t{1} << i;
  plan_steps(*plan, *name, facts);
  plan_views(*plan, *name, facts);
  plan_derives(*plan, *name, facts);
  if (!plan->is_trivial())
    slot.plan = std::move(plan);
}

namespace {

/// The constants of an expression, as the series has them.
specialised_expression specialise(const expression& code, const series_facts& facts) {
  return code.specialise([&](std::uint32_t index) -> constant_value {
    for (const auto& used : code.names())
      if (!used.stands_for.varies && used.stands_for.index == index)
        return facts.find(used.name);
    return {};
  });
}

specialised_expression specialise(const stream_program::condition& x,
                                  const series_facts& facts) {
  return x.code ? specialise(*x.code, facts) : specialised_expression{};
}

template <class Step>
bool applies(const Step& step, const series_name& name) {
  return matches_glob(step.metric, name.metric)
         && matches_glob(step.source, name.source);
}

} // namespace

void shard::plan_steps(series_plan& plan, const series_name& name,
                       const series_facts& facts) {
  const auto& config = program_->config();
  for (std::size_t i = 0; i < config.converts.size(); ++i)
    if (applies(config.converts[i], name))
      plan.converts.push_back(specialise(program_->converts()[i], facts));
  for (std::size_t i = 0; i < config.filters.size(); ++i) {
    if (!applies(config.filters[i], name))
      continue;
    auto code = specialise(program_->filters()[i], facts);
    if (!code.is_constant() || code.constant() != 1.0)
      plan.filters.push_back(std::move(code));
  }
  for (std::size_t i = 0; i < config.samples.size(); ++i)
    if (applies(config.samples[i], name)) {
      series_plan::sampler state;
      state.step = static_cast<std::uint32_t>(i);
      plan.samplers.push_back(state);
    }
}

/// The series whose windows a view cuts for `name`: the group, or the series itself
/// with the view's name. Nothing: the table is full.
std::optional<series_id> shard::view_key(const view_config& view,
                                         const series_name& name,
                                         const series_facts& facts) {
  series_view key;
  std::vector<dimension> dimensions;
  auto has_metric = false;
  for (const auto& by : view.group_by) {
    if (by == "metric")
      has_metric = true;
    else if (by == "source")
      key.source = name.source;
    else if (auto text = facts.text(by); !text.empty())
      dimensions.push_back({by, text});
  }
  if (view.group_by.empty()) {
    has_metric = true;
    key.source = name.source;
    for (const auto& [k, v] : name.dimensions)
      dimensions.push_back({k, v});
  }
  // A group of several metrics goes by the view's name.
  key.metric = has_metric ? std::string_view{name.metric} : std::string_view{view.name};
  dimensions.push_back({"view", view.name});
  key.dimensions = dimensions;
  std::string text;
  append_canonical(text, key);
  return table_->intern(text);
}

void shard::plan_views(series_plan& plan, const series_name& name,
                       const series_facts& facts) {
  const auto& config = program_->config();
  for (std::uint32_t i = 0; i < config.views.size(); ++i) {
    const auto& view = config.views[i];
    if (!applies(view, name))
      continue;
    const auto& code = program_->views()[i];
    series_plan::member member;
    member.view = i;
    member.grouped = !view.group_by.empty();
    member.where = specialise(code.where, facts);
    if (code.where.code && member.where.is_constant() && member.where.constant() != 1.0)
      continue; // It holds for no event of this series.
    member.has_where = code.where.code && !member.where.is_constant();
    member.open_when = specialise(code.open_when, facts);
    member.close_when = specialise(code.close_when, facts);
    member.trigger_when = specialise(code.trigger_when, facts);
    member.has_marks
      = code.open_when.code || code.close_when.code || code.trigger_when.code;
    member.triggers_always
      = view.kind == window_kind::sliding && !code.trigger_when.code;
    auto key = view_key(view, name, facts);
    if (!key) {
      ++status_.unkeyed;
      continue;
    }
    member.key = *key;
    if (table_->shard_of(*key) == number_) {
      auto local = table_->local_of(*key);
      member.slot = views_[i]->slot_of(*key, local);
      if (member.grouped)
        group_keys_.try_emplace(*key, 0);
    }
    plan.members.push_back(std::move(member));
  }
}

std::uint32_t shard::derive_state_of(std::size_t rule, const series_name& name) {
  const auto& config = program_->config().derives[rule];
  series_view result;
  std::vector<dimension> dimensions;
  result.metric = config.metric;
  result.source = name.source;
  if (config.by_dimensions)
    for (const auto& [k, v] : name.dimensions)
      dimensions.push_back({k, v});
  result.dimensions = dimensions;
  std::string text;
  append_canonical(text, result);
  auto [pos, is_new] = derive_ids_.try_emplace(text, 0u);
  if (!is_new)
    return pos->second;
  if (free_derive_states_.empty()) {
    pos->second = static_cast<std::uint32_t>(derive_states_.size());
    derive_states_.emplace_back();
  } else {
    pos->second = free_derive_states_.back();
    free_derive_states_.pop_back();
  }
  auto& state = derive_states_[pos->second];
  const auto& program = program_->derives()[rule];
  state.key = text;
  state.rule = static_cast<std::uint32_t>(rule);
  state.source = source_of(shard_key(text));
  state.slots.assign(stream_program::event_slots + program.metrics.size(),
                     missing_value);
  state.times_ns.assign(program.metrics.size(), time_never);
  if (auto parsed = parse_series(text))
    state.code
      = specialise(*program.code, series_facts{*parsed, program_->config().tables});
  name_result(state);
  return pos->second;
}

/// Gives the result an id; false: the table is full.
bool shard::name_result(derive_state& state) {
  auto id = table_->intern(state.key);
  state.has_result = id.has_value();
  state.result = id.value_or(0);
  return state.has_result;
}

void shard::plan_derives(series_plan& plan, const series_name& name,
                         const series_facts&) {
  const auto& config = program_->config();
  if (name.source.empty())
    return; // Nothing says what belongs together.
  for (std::size_t i = 0; i < config.derives.size(); ++i) {
    const auto& metrics = program_->derives()[i].metrics;
    auto pos = std::find(metrics.begin(), metrics.end(), name.metric);
    if (pos == metrics.end() || !matches_glob(config.derives[i].source, name.source))
      continue;
    series_plan::input input;
    input.state = derive_state_of(i, name);
    input.slot
      = stream_program::event_slots + static_cast<std::uint32_t>(pos - metrics.begin());
    input.triggers
      = config.derives[i].on.empty() || config.derives[i].on == name.metric;
    plan.inputs.push_back(input);
  }
}

} // namespace weir::analytics
