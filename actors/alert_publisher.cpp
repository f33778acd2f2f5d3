#include "actors/alert_publisher.hpp"

#include "actors/alert_json.hpp"

#include <utility>

namespace weir::actors {

alert_publisher_actor::behavior_type
alert_publisher(alert_publisher_actor::stateful_pointer<alert_publisher_state> self,
                alert_publisher_parts parts) {
  self->state.parts = std::move(parts);
  return {
    [self](const shard_output_ptr& records) {
      const auto& st = self->state.parts;
      for (const auto& x : records->alerts) {
        auto sent = st.publish(alert_topic(st.topic_pattern, st.edge, x),
                               alert_to_json(x, st.edge, st.series->text(x.series)));
        ++(sent ? st.counters->published : st.counters->failed);
      }
      st.counters->taken += records->alerts.size();
    },
  };
}

} // namespace weir::actors
