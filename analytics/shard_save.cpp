// Saving a SHARD.
#include "analytics/snapshot_format.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics {

namespace {

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

void put_head(byte_writer& out, const view_config& x) {
  out.put_text(x.name);
  out.put_text(state_fingerprint(x));
  put_shape(out, x);
}

void put_sized(const window_operator& windows, std::string& out) {
  auto at = out.size();
  byte_writer{out}.put(std::uint64_t{0});
  windows.save(out);
  auto size = static_cast<std::uint64_t>(out.size() - at - sizeof(std::uint64_t));
  std::memcpy(out.data() + at, &size, sizeof(size));
}

} // namespace

void shard::snapshot(std::string& out) const {
  snapshot([&](std::string_view piece) { out += piece; });
}

void shard::snapshot(const piece_sink& sink) const {
  std::string piece{snapshot_magic};
  byte_writer{piece}.put(snapshot_version);
  sink(piece);
  checksummer sum;
  auto hand_on = [&] {
    sum.add(piece);
    sink(piece);
    piece.clear();
  };
  piece.clear();
  save_series(piece);
  hand_on();
  byte_writer{piece}.put(
    static_cast<std::uint32_t>(views_.size() + (default_ ? 1 : 0)));
  if (default_) {
    save_default(piece);
    hand_on();
  }
  for (const auto& view : views_) {
    save_view(*view, piece);
    hand_on();
  }
  save_rules(piece);
  hand_on();
  byte_writer{piece}.put(sum.value());
  sink(piece);
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

void shard::save_default(std::string& out) const {
  byte_writer writer{out};
  const auto& config = *program_->config().window;
  put_head(writer, config);
  put_counted(out, std::vector<saved_key>{}); // Slot = local number.
  put_counted(out, std::vector<saved_member>{});
  writer.put_struct(window_clock{});
  writer.put(std::uint32_t{0}); // Nobody asks for series.
  put_sized(*default_, out);
}

void shard::save_view(const stream_view& view, std::string& out) const {
  byte_writer writer{out};
  put_head(writer, view.config());
  std::vector<saved_key> keys;
  for (std::uint32_t slot = 0; slot < view.keys().size(); ++slot)
    if (const auto& key = view.keys()[slot]; key.local != stream_view::no_slot)
      keys.push_back({key.local, slot, key.seen_ns});
  put_counted(out, keys);
  std::vector<saved_member> members;
  for (const auto& [source, x] : view.groups().members())
    members.push_back({source, x.watermark_ns});
  put_counted(out, members);
  writer.put_struct(view.groups().clock());
  save_series_of(view, out);
  put_sized(view.windows(), out);
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

} // namespace weir::analytics
