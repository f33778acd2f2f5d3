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
  // Events from another shard for groups of this one, or the mark of a cut.
  caf::reacts_to<routed_batch>,
  // Goes on with another stream configuration.
  caf::replies_to<stream_program_ptr>::with<analytics::change_report>>;

using outbox_writer_actor = caf::typed_actor<
  // Records of a shard: on disk with the next checkpoint.
  caf::reacts_to<shard_records>,
  // Samples of rejected payloads: as above.
  caf::reacts_to<rejection_batch>,
  // A shard has reached the cut: its records before it belong to this checkpoint.
  caf::reacts_to<shard_cut>,
  // Time for a checkpoint, if there is something to be kept: the journal fills up, or
  // the writer has asked itself.
  caf::reacts_to<commit>,
  // A last checkpoint of everything that waits. Answered when it is on disk.
  caf::replies_to<finish>::with<outcome>>;

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
  // A block or a given up range of an edge: stored with the next group commit, then
  // acknowledged.
  caf::reacts_to<received_block>,
  // An edge has connected: the ledger notes where its numbers stand.
  caf::reacts_to<storage::edge_hello>,
  // An alert that the centre raised itself.
  caf::reacts_to<storage::stored_alert>,
  // INTERNAL: the group commit is due.
  caf::reacts_to<commit>,
  // INTERNAL: keeps the counters of the edges, every 10 s.
  caf::reacts_to<tick>,
  // INTERNAL: a part of the store's own work, while no block waits.
  caf::reacts_to<compact>,
  // Commits everything that waits.
  caf::replies_to<finish>::with<outcome>>;

using alert_manager_actor = caf::typed_actor<
  // New records in the store: their alerts are published.
  caf::reacts_to<commit_report_ptr>,
  // INTERNAL: looks for edges that fell silent, once a second.
  caf::reacts_to<tick>>;

} // namespace weir::actors
