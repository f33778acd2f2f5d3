// QUARANTINE FORWARDER: once a second takes the new samples from the quarantine and
// hands them to the outbox writer, so that they can be read at the centre.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/quarantine.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace weir::actors {

struct quarantine_forwarder_state {
  static constexpr const char* name = "quarantine-forwarder";
};

/// `rejected` outlives the actor.
quarantine_forwarder_actor::behavior_type quarantine_forwarder(
  quarantine_forwarder_actor::stateful_pointer<quarantine_forwarder_state> self,
  quarantine* rejected, outbox_writer_actor writer);

} // namespace weir::actors
