// The message vocabulary: every type and atom that may cross a mailbox, and nothing
// else. Types are nouns; atoms are verbs (10 characters at most). All messages stay
// inside one process, so none is serializable.
#pragma once

#include "analytics/records.hpp"
#include "analytics/shard.hpp"
#include "storage/packed_state.hpp"
#include "storage/store.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/type_id.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::actors {

/// What a shard made of some batches. Shared and never changed after sending:
/// the outbox writer and the alert publisher read the same one.
using shard_output_ptr = std::shared_ptr<const analytics::shard_output>;

/// Records of a shard on their way to the outbox.
struct shard_records {
  std::size_t shard = 0;
  shard_output_ptr records;
};

/// Events for groups of another shard; null marks the place of a cut in what `from`
/// sends.
struct routed_batch {
  std::size_t from = 0;
  std::shared_ptr<const std::vector<analytics::routed_event>> events;
};

/// A compiled stream configuration.
using stream_program_ptr = std::shared_ptr<const analytics::stream_program>;

/// Samples of what was rejected since the last one.
using rejection_batch = std::vector<analytics::rejection>;

/// A shard's state exactly at a cut; every record that it made before was sent before.
struct shard_cut {
  std::uint64_t number = 0; ///< Of the cut.
  std::size_t shard = 0;
  storage::packed_state packed; ///< analytics::shard::snapshot, finished.
  analytics::shard_status status;
};

/// Why something that was asked for was not done; empty: it was.
struct outcome {
  std::string error;
};

/// An entry as it came over the link: a block of records, bytes of
/// transport::encode_block, or a range of numbers that the edge has given up.
struct received_block {
  std::string edge;
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::uint64_t first_seq = 0;
  std::uint64_t seq_span = 0;
  std::uint32_t record_count = 0; ///< Below seq_span once it was coalesced.
  bool live_lane = false;
  storage::range_fate fate = storage::range_fate::stored;
  std::string bytes; ///< Empty unless `stored`.
};

/// What a commit added to the store.
using commit_report_ptr = std::shared_ptr<const storage::commit_report>;

} // namespace weir::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::shard_output_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::shard_records)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::routed_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::stream_program_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::analytics::change_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::rejection_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::shard_cut)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::received_block)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::actors::commit_report_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::storage::edge_hello)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::storage::stored_alert)

CAF_BEGIN_TYPE_ID_BLOCK(weir, first_custom_type_id)
  CAF_ADD_ATOM(weir, weir::actors, drain, "drain")
  CAF_ADD_ATOM(weir, weir::actors, tick, "tick")
  CAF_ADD_ATOM(weir, weir::actors, commit, "commit")
  CAF_ADD_ATOM(weir, weir::actors, finish, "finish")
  CAF_ADD_ATOM(weir, weir::actors, compact, "compact")
CAF_END_TYPE_ID_BLOCK(weir)
