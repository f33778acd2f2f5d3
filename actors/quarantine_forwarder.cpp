#include "actors/quarantine_forwarder.hpp"

#include <chrono>
#include <utility>

namespace weir::actors {

quarantine_forwarder_actor::behavior_type quarantine_forwarder(
  quarantine_forwarder_actor::stateful_pointer<quarantine_forwarder_state> self,
  quarantine* rejected, outbox_writer_actor writer) {
  self->delayed_send(self, std::chrono::seconds{1}, tick_v);
  return {
    [self, rejected, writer](tick) {
      auto samples = rejected->take_samples();
      if (!samples.empty())
        self->send(writer, std::move(samples));
      self->delayed_send(self, std::chrono::seconds{1}, tick_v);
    },
  };
}

} // namespace weir::actors
