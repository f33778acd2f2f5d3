#include "actors/shard_actor.hpp"

#include "actors/process_info.hpp"

#include <utility>

namespace weir::actors {

namespace {

using self_pointer = shard_actor::stateful_pointer<shard_actor_state>;

analytics::batch_time now_of(self_pointer self) {
  analytics::batch_time result;
  result.local_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                      self->clock().now().time_since_epoch())
                      .count();
  if (const auto& wall_ns = self->state.parts.wall_ns)
    result.wall_ns = wall_ns();
  return result;
}

/// Late events are in no window: they are counted by their source, and some are shown.
void tell_late(const shard_parts& parts, const analytics::shard_output& output) {
  if (parts.rejected == nullptr)
    return;
  for (const auto& x : output.late) {
    const auto& series = parts.series->text(x.series);
    parts.rejected->add_late(analytics::shard_key(series), series, x, wall_clock_ns());
  }
}

/// Each shard cuts the windows of its own groups; what belongs to others goes there.
void send_routed(self_pointer self,
                 std::vector<std::vector<analytics::routed_event>>& routed) {
  auto& parts = self->state.parts;
  for (std::size_t i = 0; i < routed.size(); ++i) {
    if (routed[i].empty())
      continue;
    *parts.routed += routed[i].size();
    self->send(
      (*parts.peers)[i],
      routed_batch{parts.number,
                   std::make_shared<const std::vector<analytics::routed_event>>(
                     std::move(routed[i]))});
  }
}

void hand_on(self_pointer self, analytics::shard_output output) {
  auto& st = self->state;
  st.parts.gauge->set(st.parts.core->status());
  tell_late(st.parts, output);
  send_routed(self, output.routed);
  if (!output.has_records())
    return;
  *st.parts.backlog += record_bytes(output);
  auto has_alerts = !output.alerts.empty();
  if (has_alerts && st.publisher && st.parts.on_alerts)
    st.parts.on_alerts(output.alerts.size());
  auto shared = std::make_shared<const analytics::shard_output>(std::move(output));
  if (has_alerts && st.publisher)
    self->send(st.publisher, shared);
  self->send(st.writer, shard_records{st.parts.number, std::move(shared)});
}

// -- cuts ------------------------------------------------------------------------

void take_routed(self_pointer self, const routed_batch& batch) {
  auto& st = self->state;
  analytics::shard_output output;
  st.parts.core->process_routed(*batch.events, now_of(self), output);
  *st.parts.routed -= batch.events->size();
  hand_on(self, std::move(output));
}

bool all_have_passed(const shard_actor_state& st) {
  for (std::size_t i = 0; i < st.passed.size(); ++i)
    if (i != st.parts.number && !st.passed[i])
      return false;
  return true;
}

void give_state(self_pointer self) {
  auto& st = self->state;
  shard_cut result{
    std::exchange(st.cut, 0), st.parts.number, {}, st.parts.core->status()};
  // Packed piece by piece: a plain copy would hold the state twice.
  st.parts.core->snapshot([&](std::string_view piece) { result.packed.append(piece); });
  result.packed.finish();
  st.cuts = result.number;
  self->send(st.writer, std::move(result));
  st.passed.assign(st.passed.size(), false);
  for (const auto& x : std::exchange(st.behind_cut, {}))
    take_routed(self, x);
  // Also without being asked: the inbox does not ask for what stands behind the cut.
  st.drain_waits = false;
  self->send(self, drain_v);
}

void begin_cut(self_pointer self, std::uint64_t number) {
  auto& st = self->state;
  st.cut = number;
  if (st.parts.peers) {
    st.passed.resize(st.parts.peers->size());
    for (std::size_t i = 0; i < st.parts.peers->size(); ++i)
      if (i != st.parts.number)
        self->send((*st.parts.peers)[i], routed_batch{st.parts.number, nullptr});
  }
  if (all_have_passed(st))
    give_state(self);
}

void on_routed(self_pointer self, const routed_batch& batch) {
  auto& st = self->state;
  if (st.passed.size() <= batch.from)
    st.passed.resize(st.parts.peers->size());
  if (!batch.events) {
    st.passed[batch.from] = true;
    if (st.cut != 0 && all_have_passed(st))
      give_state(self);
  } else if (st.passed[batch.from]) {
    st.behind_cut.push_back(batch); // Bounded: its sender stops at routed_backlog_max.
  } else {
    take_routed(self, batch);
  }
}

// -- events ----------------------------------------------------------------------

void take_events(self_pointer self) {
  auto& st = self->state;
  if (st.cut != 0) { // What waits in the inbox is behind the cut.
    st.drain_waits = true;
    return;
  }
  auto cut = st.parts.inbox->drain(st.batch);
  analytics::shard_output output;
  st.parts.core->process(st.batch, now_of(self), output);
  hand_on(self, std::move(output));
  if (cut != 0)
    begin_cut(self, cut);
}

bool is_behind(const shard_actor_state& st) {
  return *st.parts.backlog > st.config.writer_backlog_max
         || (st.parts.routed && *st.parts.routed > st.config.routed_backlog_max);
}

void on_drain(self_pointer self) {
  auto& st = self->state;
  // A cut is never held up: only its checkpoint lets the writer catch up.
  if (is_behind(st) && !st.parts.inbox->has_cut()) {
    // The inbox asks no second time before it is drained, so this asks instead.
    self->delayed_send(self, st.config.backlog_retry, drain_v);
    return;
  }
  take_events(self);
}

/// Whether what this shard made before its last tick has reached its last reader. With
/// checkpoints: a cut behind that tick is on disk.
bool has_handed_on(const shard_actor_state& st) {
  if (st.parts.committed)
    return st.cuts > st.cuts_at_tick && *st.parts.committed > st.cuts_at_tick;
  return *st.parts.backlog == 0 && (!st.parts.routed || *st.parts.routed == 0);
}

void on_tick(self_pointer self) {
  auto& st = self->state;
  // Ids of evicted series are free when nothing that names them is under way: what
  // waited has been taken, and what came of it is on disk.
  auto is_quiet = has_handed_on(st);
  if (is_quiet)
    st.cuts_at_tick = st.cuts;
  if (!is_behind(st) || st.parts.inbox->has_cut())
    take_events(self);
  // Closing adds to what waits for the writer, too.
  bool is_done = false;
  if (!is_behind(st)) {
    analytics::shard_output output;
    is_done = st.parts.core->tick(now_of(self), is_quiet, output);
    hand_on(self, std::move(output));
  }
  self->delayed_send(self, is_done ? st.config.tick_interval : st.config.backlog_retry,
                     tick_v);
}

analytics::change_report on_change(self_pointer self,
                                   const stream_program_ptr& program) {
  take_events(self);
  analytics::shard_output output;
  auto report = self->state.parts.core->change(program, output);
  hand_on(self, std::move(output));
  return report;
}

} // namespace

std::uint64_t record_bytes(const analytics::shard_output& x) {
  constexpr std::uint64_t alert_bytes = sizeof(analytics::alert) + 256; // Its texts.
  std::uint64_t result = x.summaries.size() * sizeof(analytics::summary)
                         + x.anomalies.size() * sizeof(analytics::anomaly)
                         + x.alerts.size() * alert_bytes;
  for (const auto& summary : x.summaries)
    result += summary.extended.size();
  return result;
}

shard_actor::behavior_type shard_behavior(self_pointer self, shard_actor_config config,
                                          shard_parts parts, outbox_writer_actor writer,
                                          alert_publisher_actor publisher) {
  auto& st = self->state;
  st.config = config;
  st.parts = std::move(parts);
  st.writer = std::move(writer);
  st.publisher = std::move(publisher);
  self->delayed_send(self, config.tick_interval, tick_v);
  return {
    [self](drain) { on_drain(self); },
    [self](tick) { on_tick(self); },
    [self](const routed_batch& batch) { on_routed(self, batch); },
    [self](const stream_program_ptr& program) { return on_change(self, program); },
  };
}

} // namespace weir::actors
