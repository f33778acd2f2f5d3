// Restoring a SHARD.
#include "analytics/snapshot_format.hpp"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace weir::analytics {

namespace {

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

namespace {

/// What the checksum covers, if it is right.
std::optional<std::string_view> checked_body(byte_reader head, std::uint32_t version) {
  std::uint64_t sum = 0;
  std::string_view body;
  if (version == snapshot_version_sum_first) {
    sum = head.get<std::uint64_t>();
    body = head.rest();
  } else if (head.rest().size() >= sizeof(sum)) {
    body = head.get_bytes(head.rest().size() - sizeof(sum));
    sum = head.get<std::uint64_t>();
  } else {
    head.fail();
  }
  return head.ok() && checksum(body) == sum ? std::optional{body} : std::nullopt;
}

} // namespace

expected<shard::restore_report, std::string>
shard::restore(std::string_view snapshot, const batch_time& now, shard_output& out) {
  byte_reader head{snapshot};
  auto magic = head.get_bytes(snapshot_magic.size());
  auto version = head.get<std::uint32_t>();
  if (!head.ok() || magic != snapshot_magic)
    return unexpected(std::string{"this is no snapshot of a shard"});
  if (version != snapshot_version && version != snapshot_version_sum_first)
    return unexpected("the snapshot has version " + std::to_string(version)
                      + ", but this program reads versions "
                      + std::to_string(snapshot_version_sum_first) + " and "
                      + std::to_string(snapshot_version));
  auto body = checked_body(head, version);
  if (!body)
    return unexpected(std::string{"the snapshot is damaged: its checksum is wrong"});
  auto before = out.summaries.size();
  snapshot_reader reader{byte_reader{*body}, {}, {}};
  restore_series(reader, now);
  restore_windows(reader, now, out);
  restore_rules(reader);
  count_summaries(before, out);
  if (!reader.in.ok() || !reader.in.at_end())
    return unexpected(std::string{"the snapshot does not have the parts that it says"});
  return reader.report;
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
  std::unordered_set<std::uint32_t> keys;                       // Of views only.
  for (std::uint32_t i = 0; i < ends.size(); ++i) {
    if (mine[i].empty())
      continue;
    if (reader.ids[i] == series_table::no_series) {
      ++reader.report.refused;
      continue;
    }
    auto source = source_of_local[i];
    // The name of a series that was leaving may be that of a new one, too.
    auto local = table_->local_of(reader.ids[i]);
    auto is_known = source == no_local ? !keys.insert(local).second
                                       : local < series_.size() && series_[local].known;
    if (is_known)
      reader.ids[i] = series_table::no_series;
    if (is_known || source == no_local)
      continue; // There already, or the key of a view only.
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
    detectors_[local] = detectors[i];
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
      (*view)->windows().set_renaming(std::move(renaming));
      if (!restore_view(reader, **view, keys, now, bytes))
        return in.fail();
      (*view)->windows().set_renaming({});
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

bool shard::restore_view(snapshot_reader& reader, stream_view& view,
                         const array_view<saved_key>& keys, const batch_time& now,
                         std::string_view bytes) {
  if (!view.windows().begin_load(bytes))
    return false;
  for (std::size_t k = 0; k < keys.size(); ++k) {
    auto id = reader.id_of(keys[k].local);
    if (!id)
      continue;
    auto local = table_->local_of(*id);
    // Those of this shard's own series are there since their first sight.
    auto is_routed = view.find(local) == stream_view::no_slot;
    auto slot = view.slot_of(*id, local);
    if (is_routed && !view.is_grouped())
      view.set_routed(slot, now.local_ns);
    if (view.is_grouped())
      group_keys_[*id] = now.local_ns;
    if (!view.windows().load_slot(keys[k].slot, slot))
      return false;
  }
  view.windows().end_load();
  return true;
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
