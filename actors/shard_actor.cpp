#include "actors/shard_actor.hpp"

#include <utility>

namespace weir::actors {

namespace {

using self_pointer = shard_actor::stateful_pointer<shard_actor_state>;

std::int64_t local_ns(self_pointer self) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           self->clock().now().time_since_epoch())
    .count();
}

void hand_on(self_pointer self, analytics::shard_output output) {
  auto& st = self->state;
  st.parts.gauge->set(st.parts.core->status());
  if (output.empty())
    return;
  *st.parts.backlog
    += output.summaries.size() + output.anomalies.size() + output.alerts.size();
  auto has_alerts = !output.alerts.empty();
  auto shared = std::make_shared<const analytics::shard_output>(std::move(output));
  if (has_alerts && st.publisher)
    self->send(st.publisher, shared);
  self->send(st.writer, std::move(shared));
}

void take_events(self_pointer self) {
  auto& st = self->state;
  st.parts.inbox->drain(st.batch);
  analytics::shard_output output;
  st.parts.core->process(st.batch, local_ns(self), output);
  hand_on(self, std::move(output));
}

void on_drain(self_pointer self) {
  auto& st = self->state;
  if (*st.parts.backlog > st.config.writer_backlog_max) {
    // The inbox asks no second time before it is drained, so this asks instead.
    self->delayed_send(self, st.config.backlog_retry, drain_v);
    return;
  }
  take_events(self);
}

void on_tick(self_pointer self) {
  auto& st = self->state;
  analytics::shard_output output;
  st.parts.core->tick(local_ns(self), output);
  hand_on(self, std::move(output));
  self->delayed_send(self, st.config.tick_interval, tick_v);
}

} // namespace

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
    [self](save) {
      take_events(self);
      shard_snapshot result;
      self->state.parts.core->snapshot(result.bytes);
      return result;
    },
  };
}

} // namespace weir::actors
