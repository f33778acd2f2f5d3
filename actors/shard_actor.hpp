// SHARD: the thin actor around analytics::shard. Takes what waits in its inbox, hands
// what comes out to the outbox writer and the alert publisher.
//
//   inbox ==events==> [shard] --shard_records--> outbox writer, alert publisher
//                        |------routed_batch---> other shards, for their groups
//                        |------shard_cut------> outbox writer, at each cut
//                        '------late events----> quarantine
//
// Back-pressure: while the writer is behind (disk slow or full) the shard leaves its
// inbox alone; the inbox fills and the sources wait.
//
// CUTS: a shard that reaches a cut in its inbox marks the place in what it sends to
// the other shards, waits until all their marks have come, and gives its state: what
// came before any mark is in it, what came behind is not (aligned barriers: Carbone et
// al., "Lightweight Asynchronous Snapshots for Distributed Dataflows", 2015).
#pragma once

#include "actors/interfaces.hpp"
#include "actors/quarantine.hpp"
#include "actors/shard_inbox.hpp"
#include "analytics/shard.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace weir::actors {

/// Bytes of records, as record_bytes() counts, that shards have handed to the outbox
/// writer and that are not yet on disk.
using writer_backlog = std::atomic<std::uint64_t>;

/// Memory of the records in `x`; above 0 if there are any.
std::uint64_t record_bytes(const analytics::shard_output& x);

/// The number of the newest cut whose checkpoint is on disk.
using committed_cut = std::atomic<std::uint64_t>;

/// A shard's newest status, for whoever asks from another thread.
class shard_gauge {
public:
  void set(const analytics::shard_status& status) {
    std::lock_guard lock{mutex_};
    status_ = status;
  }
  analytics::shard_status get() const {
    std::lock_guard lock{mutex_};
    return status_;
  }

private:
  mutable std::mutex mutex_;
  analytics::shard_status status_;
};

struct shard_actor_config {
  std::chrono::milliseconds tick_interval{1000};
  std::uint64_t writer_backlog_max = 4 << 20; ///< Bytes; the node's memory_budget.
  std::uint64_t routed_backlog_max = 100'000; ///< Events between shards.
  std::chrono::milliseconds backlog_retry{20};
};

/// Events that shards have sent each other and that are not yet in a window.
using routed_backlog = std::atomic<std::uint64_t>;

/// What the node shares with its shard; all of it outlives the actor.
struct shard_parts {
  std::shared_ptr<analytics::shard> core;
  std::shared_ptr<shard_inbox> inbox;
  std::shared_ptr<shard_gauge> gauge;
  std::shared_ptr<writer_backlog> backlog;
  std::shared_ptr<routed_backlog> routed;
  std::shared_ptr<committed_cut> committed; ///< May be null: ids are then free when
                                            ///< nothing is on its way.
  std::size_t number = 0;                   ///< Its own, among `peers`.
  std::function<void(std::size_t alerts)> on_alerts; ///< Go to the publisher; may be
                                                     ///< empty.
  /// All shards by number; complete before the first event.
  std::shared_ptr<const std::vector<shard_actor>> peers;
  const analytics::series_table* series = nullptr; ///< Names of late series.
  quarantine* rejected = nullptr;                  ///< Takes late events; may be null.
  /// The wall clock, or time_forever while it is not trusted; may be empty.
  std::function<std::int64_t()> wall_ns;
};

struct shard_actor_state {
  static constexpr const char* name = "shard";
  shard_actor_config config;
  shard_parts parts;
  outbox_writer_actor writer;
  alert_publisher_actor publisher; ///< May be null: alerts then only go uplink.
  std::vector<analytics::event> batch;

  // The cut that this shard has reached and not yet taken; 0: none.
  std::uint64_t cut = 0;
  bool drain_waits = false;             ///< Asked to drain meanwhile.
  std::vector<bool> passed;             ///< By peer: its mark has come.
  std::vector<routed_batch> behind_cut; ///< Came from peers behind their mark.
  std::uint64_t cuts = 0;               ///< The newest that it has taken.
  std::uint64_t cuts_at_tick = 0;       ///< As it was at the last tick.
};

shard_actor::behavior_type
shard_behavior(shard_actor::stateful_pointer<shard_actor_state> self,
               shard_actor_config config, shard_parts parts, outbox_writer_actor writer,
               alert_publisher_actor publisher);

} // namespace weir::actors
