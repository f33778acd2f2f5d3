// MEMORY BUDGET: from the one number that an operator gives (node.memory_mb_max) to the
// limits of every place of the edge where something waits. Pure.
//
//   sockets -> [receive] -> inboxes -> [inbox] -> shards -> [routed] -> other shards
//                                                   '-----> [record] -> outbox
//
// What is full makes the one before it wait, up to the senders; none is ever skipped.
// Budgets are for the worst case that is usual. What is left of the unusual (huge
// messages, thousands of clients, fragmented memory) is the memory governor's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::actors {

struct memory_budget_config {
  std::size_t bound_bytes = 96ull << 20; ///< Resident memory of the whole process.
  std::size_t shards = 1;
  std::size_t zmq_sources = 0;
  std::size_t grouped_views = 0; ///< Of which each event may be sent to another shard.
  std::size_t duplicates_horizon = 0; ///< 0: no duplicate filter.
};

struct memory_budget {
  // Bytes; together at most the bound.
  std::size_t base_bytes = 0;    ///< Programs, stacks, buffers of fixed size.
  std::size_t filter_bytes = 0;  ///< The duplicate filter.
  std::size_t state_bytes = 0;   ///< Names, windows and their copies in a checkpoint.
  std::size_t receive_bytes = 0; ///< In sockets.
  std::size_t inbox_bytes = 0;   ///< Of all shards, both buffers of each.
  std::size_t routed_bytes = 0;  ///< Between shards.
  std::size_t record_bytes = 0;  ///< From shards to the disk, encoded copies included.

  // The limits that follow.
  int receive_messages_max = 0; ///< Of each ZeroMQ client.
  std::size_t inbox_events_max = 0;
  std::uint64_t routed_events_max = 0;
  std::uint64_t backlog_bytes_max = 0; ///< As writer_backlog counts.

  std::size_t sum_bytes() const {
    return base_bytes + filter_bytes + state_bytes + receive_bytes + inbox_bytes
           + routed_bytes + record_bytes;
  }
};

/// The smallest bound with which plan_memory() works.
std::size_t memory_bytes_min(const memory_budget_config& config);

/// @pre config.bound_bytes >= memory_bytes_min(config), shards > 0
memory_budget plan_memory(const memory_budget_config& config);

} // namespace weir::actors
