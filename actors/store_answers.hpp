// What follows from a commit of the centre's store: counters, answers to the edges,
// their lag. For the STORE WRITER alone.
#pragma once

#include "actors/store_writer.hpp"

namespace weir::actors {

/// Counts, and tells each edge how far it is: one message an edge and commit, and one
/// for each lane that has a gap. `blocks` are those of the report, same order.
void answer_edges(const store_writer_parts& parts,
                  const std::vector<storage::incoming_block>& blocks,
                  const storage::commit_report& report);

/// Notes how old the newest summary of each edge is. While an edge sends what is new
/// before its backlog, the backlog says nothing about that.
void note_lag(const store_writer_parts& parts,
              const std::vector<storage::incoming_block>& blocks,
              const storage::commit_report& report);

/// About what a decoded block takes in memory.
std::size_t memory_bytes(const storage::incoming_block& block);

} // namespace weir::actors
