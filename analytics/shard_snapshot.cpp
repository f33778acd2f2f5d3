// Saving and restoring a SHARD. Layout, version and errors: analytics/SNAPSHOT.md.
#include "analytics/shard_plan.hpp"
#include "analytics/snapshot_io.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics {

namespace {

constexpr std::string_view snapshot_magic = "WEIRSHRD";
constexpr std::uint32_t snapshot_version = 3;
constexpr std::uint32_t no_local = ~std::uint32_t{0};

struct saved_key {
  std::uint32_t local = no_local;
  std::uint32_t slot = 0;
  std::int64_t seen_ns = 0;
};

struct saved_member {
  std::uint64_t source = 0;
  std::int64_t watermark_ns = 0;
};

/// What it takes to close windows of a shape that is no longer configured.
void put_shape(byte_writer& out, const view_config& x) {
  out.put(x.kind);
  for (auto number :
       {x.width_ns, x.slide_ns, x.offset_ns, x.gap_ns, x.length_max_ns, x.delay_ns})
    out.put(number);
  out.put(x.size_events);
  out.put(x.slide_events);
  out.put_text(x.calendar_text);
  out.put(static_cast<std::uint8_t>(x.close_when.empty()));
  out.put(x.aggregates.alpha);
  out.put(static_cast<std::uint32_t>(x.aggregates.specs.size()));
  for (const auto& spec : x.aggregates.specs)
    out.put_text(spec.text);
}

view_config get_shape(byte_reader& in, const stream_config& config) {
  view_config x;
  x.kind = in.get<window_kind>();
  for (auto* number : {&x.width_ns, &x.slide_ns, &x.offset_ns, &x.gap_ns,
                       &x.length_max_ns, &x.delay_ns})
    *number = in.get<std::int64_t>();
  x.size_events = in.get<std::uint32_t>();
  x.slide_events = in.get<std::uint32_t>();
  x.calendar_text = in.get_text();
  if (in.get<std::uint8_t>() == 0)
    x.close_when = "true";
  auto alpha = in.get<double>();
  std::vector<std::string> texts;
  auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok() && i < aggregates_max; ++i)
    texts.emplace_back(in.get_text());
  if (auto plan = parse_aggregates(texts))
    x.aggregates = std::move(*plan);
  x.aggregates.alpha = alpha;
  if (!x.calendar_text.empty() && config.make_calendar)
    x.calendar = config.make_calendar(x.calendar_text);
  return x;
}

/// Whether windows of this shape can be made at all: a damaged one must not divide by
/// zero.
bool is_possible(const view_config& x) {
  switch (x.kind) {
  case window_kind::tumbling:
  case window_kind::sliding:
    return x.width_ns > 0;
  case window_kind::hopping:
    return x.width_ns > 0 && x.slide_ns > 0 && x.slide_ns <= x.width_ns;
  case window_kind::calendar:
    return x.calendar != nullptr;
  case window_kind::session:
    return x.gap_ns > 0 && x.length_max_ns > 0;
  case window_kind::count:
    return x.size_events > 0;
  case window_kind::state:
    return x.length_max_ns > 0;
  }
  return false;
}

} // namespace

// -- saving ----------------------------------------------------------------------

void shard::snapshot(std::string& out) const {
  auto start = out.size();
  out += snapshot_magic;
  byte_writer writer{out};
  writer.put(snapshot_version);
  writer.put(std::uint64_t{0}); // The checksum, below.
  auto body = out.size();
  save_series(out);
  save_windows(out);
  save_rules(out);
  auto sum = checksum(std::string_view{out}.substr(body));
  std::memcpy(out.data() + start + snapshot_magic.size() + sizeof(snapshot_version),
              &sum, sizeof(sum));
}

void shard::save_series(std::string& out) const {
  byte_writer writer{out};
  writer.put(static_cast<std::uint64_t>(sources_.size()));
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    writer.put_text(source_names_[i]);
    writer.put_struct(sources_[i]);
  }
  // Names of all ids of this shard: of series, and of the keys of views.
  auto locals = series_.size();
  for (const auto& view : views_)
    for (const auto& key : view->keys())
      if (key.local != stream_view::no_slot)
        locals = std::max<std::size_t>(locals, key.local + 1);
  std::vector<std::uint32_t> ends;
  std::vector<std::uint32_t> sources;
  ends.reserve(locals);
  sources.reserve(locals);
  std::string names;
  for (std::uint32_t local = 0; local < locals; ++local) {
    auto is_key
      = [&](const auto& view) { return view->find(local) != stream_view::no_slot; };
    // Those that are leaving too, as long as their windows are open.
    auto known
      = local < series_.size() && series_[local].known
        && !(series_[local].leaving && leaving_stage_ == eviction_stage::closed);
    if (known || std::any_of(views_.begin(), views_.end(), is_key))
      names += table_->text(table_->id_of(number_, local));
    ends.push_back(static_cast<std::uint32_t>(names.size()));
    sources.push_back(known ? series_[local].source : no_local);
  }
  put_counted(out, ends);
  put_counted(out, sources);
  writer.put(static_cast<std::uint64_t>(names.size()));
  out += names;
  writer.put(static_cast<std::uint64_t>(detectors_.size()));
  detectors_.for_each_run(
    [&](const ewma_detector* run, std::size_t n) { put_array(out, run, n); });
}

/// Which series the ids of waiting events stand for; only where that is asked for.
void shard::save_series_of(const stream_view& view, std::string& out) const {
  std::vector<series_id> ids;
  if (view.has_facts())
    view.windows().list_series(ids);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  byte_writer writer{out};
  writer.put(static_cast<std::uint32_t>(ids.size()));
  for (auto id : ids) {
    writer.put(id);
    writer.put_text(table_->text(id));
  }
}

/// The ids that those names have here.
window_operator::renaming shard::read_series_of(byte_reader& in) {
  auto ids = std::make_shared<std::unordered_map<series_id, series_id>>();
  auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    auto saved = in.get<series_id>();
    auto text = in.get_text();
    if (!in.ok() || text.empty())
      continue;
    if (auto id = table_->intern(text))
      ids->emplace(saved, *id);
  }
  return [ids](series_id saved) -> std::optional<series_id> {
    auto pos = ids->find(saved);
    return pos == ids->end() ? std::nullopt : std::optional{pos->second};
  };
}

void shard::save_windows(std::string& out) const {
  byte_writer writer{out};
  auto put_sized = [&](auto&& save) {
    auto at = out.size();
    writer.put(std::uint64_t{0});
    save();
    auto size = static_cast<std::uint64_t>(out.size() - at - sizeof(std::uint64_t));
    std::memcpy(out.data() + at, &size, sizeof(size));
  };
  writer.put(static_cast<std::uint32_t>(views_.size() + (default_ ? 1 : 0)));
  if (default_) {
    const auto& config = *program_->config().window;
    writer.put_text(config.name);
    writer.put_text(state_fingerprint(config));
    put_shape(writer, config);
    put_counted(out, std::vector<saved_key>{}); // Slot = local number.
    put_counted(out, std::vector<saved_member>{});
    writer.put_struct(window_clock{});
    writer.put(std::uint32_t{0}); // Nobody asks for series.
    put_sized([&] { default_->save(out); });
  }
  for (const auto& view : views_) {
    writer.put_text(view->config().name);
    writer.put_text(state_fingerprint(view->config()));
    put_shape(writer, view->config());
    std::vector<saved_key> keys;
    for (std::uint32_t slot = 0; slot < view->keys().size(); ++slot)
      if (const auto& key = view->keys()[slot]; key.local != stream_view::no_slot)
        keys.push_back({key.local, slot, key.seen_ns});
    put_counted(out, keys);
    std::vector<saved_member> members;
    for (const auto& [source, x] : view->groups().members())
      members.push_back({source, x.watermark_ns});
    put_counted(out, members);
    writer.put_struct(view->groups().clock());
    save_series_of(*view, out);
    put_sized([&] { view->windows().save(out); });
  }
}

void shard::save_rules(std::string& out) const {
  byte_writer writer{out};
  std::uint32_t count = 0;
  for (const auto& [id, states] : rule_states_)
    count += static_cast<std::uint32_t>(states.size());
  writer.put(count);
  for (const auto& [id, states] : rule_states_)
    for (const auto& [number, state] : states) {
      writer.put(table_->local_of(id));
      writer.put_text(program_->config().rules[number].name);
      writer.put(state.state);
      writer.put(state.start_ns);
      writer.put(state.since_ns);
      writer.put(state.worst);
    }
  writer.put(static_cast<std::uint32_t>(derive_ids_.size()));
  for (const auto& [key, index] : derive_ids_) {
    const auto& state = derive_states_[index];
    writer.put_text(key);
    put_counted(out, state.slots);
    put_counted(out, state.times_ns);
  }
  count = 0;
  for (std::uint32_t local = 0; local < series_.size(); ++local)
    if (series_[local].plan && !series_[local].plan->samplers.empty())
      ++count;
  writer.put(count);
  for (std::uint32_t local = 0; local < series_.size(); ++local)
    if (const auto& plan = series_[local].plan; plan && !plan->samplers.empty()) {
      writer.put(local);
      put_counted(out, plan->samplers);
    }
}

// -- restoring -------------------------------------------------------------------

/// A snapshot's parts while it is being restored.
struct shard::snapshot_reader {
  byte_reader in;
  // By the saved local number; no_series where it is another shard's.
  std::vector<series_id> ids;
  restore_report report;

  std::optional<series_id> id_of(std::uint32_t saved_local) const {
    if (saved_local >= ids.size() || ids[saved_local] == series_table::no_series)
      return std::nullopt;
    return ids[saved_local];
  }
};

expected<shard::restore_report, std::string>
shard::restore(std::string_view snapshot, const batch_time& now, shard_output& out) {
  byte_reader head{snapshot};
  auto magic = head.get_bytes(snapshot_magic.size());
  auto version = head.get<std::uint32_t>();
  auto sum = head.get<std::uint64_t>();
  if (!head.ok() || magic != snapshot_magic)
    return unexpected(std::string{"this is no snapshot of a shard"});
  if (version != snapshot_version)
    return unexpected("the snapshot has version " + std::to_string(version)
                      + ", but this program reads version "
                      + std::to_string(snapshot_version));
  if (checksum(head.rest()) != sum)
    return unexpected(std::string{"the snapshot is damaged: its checksum is wrong"});
  auto before = out.summaries.size();
  snapshot_reader reader{byte_reader{head.rest()}, {}, {}};
  restore_series(reader, now);
  restore_windows(reader, now, out);
  restore_rules(reader);
  count_summaries(before, out);
  if (!reader.in.ok() || !reader.in.at_end())
    return unexpected(std::string{"the snapshot does not have the parts that it says"});
  return reader.report;
}

void shard::restore_series(snapshot_reader& reader, const batch_time& now) {
  auto& in = reader.in;
  std::vector<std::pair<std::string_view, source_clock>> sources;
  auto source_count = in.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < source_count && in.ok(); ++i) {
    auto name = in.get_text();
    sources.emplace_back(name, in.get_struct<source_clock>());
  }
  auto ends = get_counted<std::uint32_t>(in);
  auto source_of_local = get_counted<std::uint32_t>(in);
  auto names = in.get_bytes(in.get<std::uint64_t>());
  auto detectors = get_counted<ewma_detector>(in);
  if (!in.ok() || source_of_local.size() != ends.size())
    return in.fail();
  std::vector<std::string_view> mine(ends.size());
  std::uint32_t begin = 0;
  for (std::uint32_t i = 0; i < ends.size(); ++i) {
    auto end = ends[i];
    if (end < begin || end > names.size())
      return in.fail();
    auto text = names.substr(begin, end - begin);
    begin = end;
    if (!text.empty() && table_->shard_for(text) == number_)
      mine[i] = text;
  }
  reader.ids = table_->intern_all(mine);
  std::vector<std::uint32_t> numbers(sources.size(), no_local); // Of sources, today.
  std::vector<bool> restored;                                   // By local number here.
  for (std::uint32_t i = 0; i < ends.size(); ++i) {
    if (mine[i].empty())
      continue;
    if (reader.ids[i] == series_table::no_series) {
      ++reader.report.refused;
      continue;
    }
    // The name of a series that was leaving may be that of a new one, too.
    auto local = table_->local_of(reader.ids[i]);
    restored.resize(std::max<std::size_t>(restored.size(), local + 1));
    if (restored[local]) {
      reader.ids[i] = series_table::no_series;
      continue;
    }
    restored[local] = true;
    auto source = source_of_local[i];
    if (source == no_local)
      continue; // The key of a view only.
    if (source >= sources.size() || i >= detectors.size())
      return in.fail();
    if (numbers[source] == no_local) {
      numbers[source] = source_of(sources[source].first);
      auto& clock = sources_[numbers[source]];
      const auto& saved = sources[source].second;
      clock.time_max_ns = std::max(clock.time_max_ns, saved.time_max_ns);
      clock.late = saved.late;
      clock.seen_ns = now.local_ns;
    }
    ++reader.report.series;
    first_sight(reader.ids[i], numbers[source]);
    detectors_[table_->local_of(reader.ids[i])] = detectors[i];
  }
}

void shard::restore_windows(snapshot_reader& reader, const batch_time& now,
                            shard_output& out) {
  auto& in = reader.in;
  auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    auto name = in.get_text();
    auto fingerprint = in.get_text();
    auto shape = get_shape(in, program_->config());
    auto keys = get_counted<saved_key>(in);
    auto members = get_counted<saved_member>(in);
    auto clock = in.get_struct<window_clock>();
    auto renaming = read_series_of(in);
    auto bytes = in.get_bytes(in.get<std::uint64_t>());
    if (!in.ok())
      return;
    auto view = std::find_if(views_.begin(), views_.end(), [&](const auto& x) {
      return !name.empty() && x->config().name == name
             && state_fingerprint(x->config()) == fingerprint;
    });
    auto label = name.empty() ? std::string{"the default windows"}
                              : "view \"" + std::string{name} + "\"";
    if (name.empty() && default_
        && state_fingerprint(*program_->config().window) == fingerprint) {
      if (!restore_default(reader, bytes))
        return in.fail();
      reader.report.views.kept.push_back(label);
    } else if (view != views_.end()) {
      auto& windows = (*view)->windows();
      windows.set_renaming(std::move(renaming));
      if (!windows.begin_load(bytes))
        return in.fail();
      for (std::size_t k = 0; k < keys.size(); ++k)
        if (auto id = reader.id_of(keys[k].local)) {
          auto local = table_->local_of(*id);
          // Those of this shard's own series are there since their first sight.
          auto is_routed = (*view)->find(local) == stream_view::no_slot;
          auto slot = (*view)->slot_of(*id, local);
          if (is_routed && !(*view)->is_grouped())
            (*view)->set_routed(slot, now.local_ns);
          if ((*view)->is_grouped())
            group_keys_[*id] = now.local_ns;
          if (!windows.load_slot(keys[k].slot, slot))
            return in.fail();
        }
      windows.end_load();
      windows.set_renaming({});
      for (std::size_t m = 0; m < members.size(); ++m)
        (*view)->groups().load(members[m].source,
                               {members[m].watermark_ns, now.local_ns});
      (*view)->groups().load(clock);
      reader.report.views.kept.push_back(label);
    } else {
      if (!close_saved(
            reader, shape, name.empty(), keys.size(),
            [&](std::size_t k) {
              auto key = keys[k];
              return std::pair{key.local, key.slot};
            },
            std::move(renaming), bytes, out))
        return in.fail();
      reader.report.views.closed.push_back(label);
    }
  }
}

bool shard::restore_default(snapshot_reader& reader, std::string_view bytes) {
  if (!default_->begin_load(bytes))
    return false;
  for (std::uint32_t saved = 0; saved < reader.ids.size(); ++saved)
    if (auto id = reader.id_of(saved)) {
      auto local = table_->local_of(*id);
      if (local < series_.size() && series_[local].known
          && !default_->load_slot(saved, local))
        return false;
    }
  default_->end_load();
  return true;
}

/// Sends windows of a shape that is no longer configured, as far as they came.
bool shard::close_saved(
  snapshot_reader& reader, const view_config& shape, bool is_default,
  std::size_t key_count,
  const std::function<std::pair<std::uint32_t, std::uint32_t>(std::size_t)>& key_at,
  window_operator::renaming renaming, std::string_view bytes, shard_output& out) {
  if (!is_possible(shape))
    return true;
  fact_book facts{shape.aggregates, [this](series_id id, const std::string& name) {
                    return look_up(id, name);
                  }};
  auto windows = make_windows(shape, &facts);
  windows->set_renaming(std::move(renaming));
  if (!windows->begin_load(bytes))
    return false;
  auto count = is_default ? reader.ids.size() : key_count;
  for (std::size_t k = 0; k < count; ++k) {
    auto [local, slot] = is_default ? std::pair{static_cast<std::uint32_t>(k),
                                                static_cast<std::uint32_t>(k)}
                                    : key_at(k);
    auto id = reader.id_of(local);
    if (!id)
      continue;
    windows->open(0, *id);
    // Keys of views beyond the last series have no default windows.
    if (!windows->load_slot(slot, 0)) {
      if (is_default)
        continue;
      return false;
    }
    windows->close(0, true, out.summaries);
    windows->erase(0);
  }
  return true;
}

void shard::restore_rules(snapshot_reader& reader) {
  auto& in = reader.in;
  const auto& config = program_->config();
  auto count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    auto id = reader.id_of(in.get<std::uint32_t>());
    auto name = in.get_text();
    rule_state rule;
    rule.state = in.get<alert_state>();
    rule.start_ns = in.get<std::int64_t>();
    rule.since_ns = in.get<std::int64_t>();
    rule.worst = in.get<double>();
    if (!in.ok() || !id || rule.state > alert_state::recovering)
      continue;
    for (std::uint32_t number = 0; number < config.rules.size(); ++number) {
      if (config.rules[number].name != name)
        continue;
      rule_states_[*id][number] = rule;
      if (auto local = table_->local_of(*id); local < series_.size())
        series_[local].alerting = true;
      status_.alerts_open += rule.state >= alert_state::firing ? 1 : 0;
    }
  }
  count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    auto key = in.get_text();
    auto slots = get_counted<double>(in);
    auto times = get_counted<std::int64_t>(in);
    auto pos = derive_ids_.find(std::string{key});
    if (pos == derive_ids_.end())
      continue;
    auto& state = derive_states_[pos->second];
    if (slots.size() != state.slots.size() || times.size() != state.times_ns.size())
      continue; // The derivation names other metrics now.
    for (std::size_t k = 0; k < slots.size(); ++k)
      state.slots[k] = slots[k];
    for (std::size_t k = 0; k < times.size(); ++k)
      state.times_ns[k] = times[k];
  }
  count = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    auto id = reader.id_of(in.get<std::uint32_t>());
    auto samplers = get_counted<series_plan::sampler>(in);
    if (!id || table_->local_of(*id) >= series_.size())
      continue;
    const auto& plan = series_[table_->local_of(*id)].plan;
    if (!plan || plan->samplers.size() != samplers.size())
      continue;
    for (std::size_t k = 0; k < samplers.size(); ++k) {
      auto step = plan->samplers[k].step;
      plan->samplers[k] = samplers[k];
      plan->samplers[k].step = step;
    }
  }
}

} // namespace weir::analytics
