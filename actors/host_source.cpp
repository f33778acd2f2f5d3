#include "actors/host_source.hpp"

#include <utility>
#include <vector>

namespace weir::actors {

namespace {

using self_pointer = host_source_actor::stateful_pointer<host_source_state>;

void on_tick(self_pointer self) {
  auto& st = self->state;
  self->delayed_send(self, st.config.interval, tick_v);
  auto now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                  self->clock().now().time_since_epoch())
                  .count();
  std::vector<analytics::dimension> dimensions;
  for (const auto& x : st.metrics->read(now_ns)) {
    dimensions.clear();
    for (const auto& [key, value] : x.dimensions)
      dimensions.push_back({key, value});
    transport::raw_event event;
    event.series = {x.metric, st.config.source, dimensions};
    event.value = x.value;
    st.port->take_event(event);
  }
}

} // namespace

host_source_actor::behavior_type host_source(self_pointer self,
                                             host_source_config config,
                                             std::shared_ptr<event_port> port) {
  auto& st = self->state;
  st.config = std::move(config);
  st.metrics = std::make_unique<transport::host_metrics>(st.config.root);
  st.port = std::move(port);
  self->send(self, tick_v);
  return {[self](tick) { on_tick(self); }};
}

} // namespace weir::actors
