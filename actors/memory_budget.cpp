#include "actors/memory_budget.hpp"

#include "analytics/event.hpp"
#include "analytics/shard.hpp"

#include <algorithm>
#include <cassert>

namespace weir::actors {

namespace {

constexpr std::size_t mb = 1 << 20;

// Measured: 18 MB idle, code of its libraries included; the rest for what a checkpoint copies.
constexpr std::size_t base_bytes = 36 * mb;

// Least room for what waits.
constexpr std::size_t waiting_bytes_min = 16 * mb;

// A batch of 100 events is 8 KB; ZeroMQ receives it into blocks of 18 KB.
constexpr std::size_t received_message_bytes = 24 << 10;
constexpr std::size_t clients_usual = 16; // That are behind at a time, of a source.

constexpr std::size_t inbox_events_min = 1024;
constexpr std::size_t buffers = 2; // An inbox has two, and a growing vector's old half.

std::size_t part(std::size_t bytes, std::size_t percent) {
  return bytes / 100 * percent;
}

std::size_t filter_bytes(std::size_t horizon) {
  // analytics::duplicate_filter: 32 bytes each, and half as much while it grows.
  return horizon * 40;
}

} // namespace

std::size_t memory_bytes_min(const memory_budget_config& config) {
  return base_bytes + filter_bytes(config.duplicates_horizon) + waiting_bytes_min;
}

memory_budget plan_memory(const memory_budget_config& config) {
  assert(config.shards > 0 && config.bound_bytes >= memory_bytes_min(config));
  memory_budget x;
  x.base_bytes = base_bytes;
  x.filter_bytes = filter_bytes(config.duplicates_horizon);
  auto rest = config.bound_bytes - x.base_bytes - x.filter_bytes;
  x.state_bytes = part(rest, 30);
  x.receive_bytes = part(rest, 25);
  x.inbox_bytes = part(rest, 10);
  x.routed_bytes = part(rest, 15);
  x.record_bytes = part(rest, 20);

  auto messages = x.receive_bytes / received_message_bytes;
  auto clients = std::max<std::size_t>(config.zmq_sources, 1) * clients_usual;
  x.receive_messages_max
    = static_cast<int>(std::clamp<std::size_t>(messages / clients, 4, 100));

  // Half of the routed events may wait when a shard takes a whole inbox, and adds what
  // comes of that.
  auto routed_event_bytes = buffers * sizeof(analytics::routed_event);
  x.routed_events_max = x.routed_bytes / 2 / routed_event_bytes;
  x.inbox_events_max
    = x.inbox_bytes / config.shards / (buffers * sizeof(analytics::event));
  if (config.grouped_views > 0)
    x.inbox_events_max = std::min<std::size_t>(
      x.inbox_events_max, x.routed_events_max / config.shards / config.grouped_views);
  x.inbox_events_max = std::max(x.inbox_events_max, inbox_events_min);

  // A record is there a second time while its block is built, and encoded a third and,
  // in the database's pages, a fourth time, each half its size.
  x.backlog_bytes_max = x.record_bytes / 3;
  return x;
}

} // namespace weir::actors
