// The interface catalogue: who can say what to whom. One typed interface for each
// actor; the picture of the whole is in docs/architecture.md.
#pragma once

#include "actors/messages.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace weir::actors {

// -- edge --------------------------------------------------------------------

using shard_actor = caf::typed_actor<
  // Events wait in the shard's inbox: take all of them.
  caf::reacts_to<drain>,
  // INTERNAL: closes windows of silent series, once a second.
  caf::reacts_to<tick>,
  // Events from another shard for groups of this one.
  caf::reacts_to<routed_batch_ptr>,
  // Goes on with another stream configuration.
  caf::replies_to<stream_program_ptr>::with<analytics::change_report>,
  // Takes what waits and hands on what belongs to others.
  caf::replies_to<finish>::with<outcome>,
  // Returns the state of all series. Sent once, at the end, after `finish` to all.
  caf::replies_to<save>::with<shard_snapshot>>;

using outbox_writer_actor = caf::typed_actor<
  // Records of a shard: on disk with the next group commit.
  caf::reacts_to<shard_output_ptr>,
  // Samples of rejected payloads: as above.
  caf::reacts_to<rejection_batch>,
  // INTERNAL: the group commit is due.
  caf::reacts_to<commit>,
  // Commits everything that waits together with the node's state.
  caf::replies_to<finish, node_snapshot>::with<outcome>>;

using alert_publisher_actor = caf::typed_actor<
  // Publishes the alerts among a shard's records.
  caf::reacts_to<shard_output_ptr>>;

using host_source_actor = caf::typed_actor<
  // INTERNAL: reads the machine's metrics, once an interval.
  caf::reacts_to<tick>>;

using quarantine_forwarder_actor = caf::typed_actor<
  // INTERNAL: hands new samples to the outbox writer, once a second.
  caf::reacts_to<tick>>;

// -- centre ------------------------------------------------------------------

using store_writer_actor = caf::typed_actor<
  // A block from an edge: stored with the next group commit, then acknowledged.
  caf::reacts_to<received_block>,
  // A range that an edge has expired.
  caf::reacts_to<storage::incoming_skip>,
  // An alert that the centre raised itself.
  caf::reacts_to<storage::stored_alert>,
  // INTERNAL: the group commit is due.
  caf::reacts_to<commit>,
  // Commits everything that waits.
  caf::replies_to<finish>::with<outcome>>;

using alert_manager_actor = caf::typed_actor<
  // New records in the store: their alerts are published.
  caf::reacts_to<commit_report_ptr>,
  // INTERNAL: looks for edges that fell silent, once a second.
  caf::reacts_to<tick>>;

} // namespace weir::actors
