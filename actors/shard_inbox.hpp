// SHARD INBOX: the bounded, double-buffered queue between source threads and one
// shard actor. CAF 0.17 mailboxes have no bound and cost one allocation a message;
// here a source appends to plain memory and the shard takes all of it at once, so
// batches grow by themselves exactly when the shard is busy.
//
// Back-pressure: wait_for_room() blocks while the inbox is full. For MQTT that delays
// the PUBACK, for ZeroMQ it leaves messages in the socket.
//
// A CUT (actors/checkpointer) is a mark between two events: the drain that reaches it
// stops there, so that the shard's state can be taken exactly at the mark.
#pragma once

#include "analytics/event.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace weir::actors {

struct shard_inbox_config {
  std::size_t events_max = 32'768;

  /// The shard is woken at once when this many events wait...
  std::size_t wake_at_events = 512;
  // ...and otherwise after the linger (shard_config), so that single messages share
  // a wake-up.
};

class shard_inbox {
public:
  enum class wake { now, after_linger };

  /// `on_ready` asks the shard to drain; called under no lock, on the source's
  /// thread, at most once per drain and kind.
  shard_inbox(shard_inbox_config config, std::function<void(wake)> on_ready);

  /// Waits until there is room for at least one event. Returns false once closed.
  bool wait_for_room();

  /// Whether there is room for what may be let go: three quarters of the inbox. The
  /// rest is for sources that wait, which would else never find any.
  bool has_room_to_spare() const;

  /// Uses only so much of events_max, from now on: memory is short. At least 1 event.
  void set_room_percent(unsigned percent);

  /// Appends all of `events` without waiting, also beyond the limit: callers ask for
  /// room first, so that the limit is overshot by one payload of each source at most.
  /// The caller passes what comes back to ring(), under no lock of its own.
  [[nodiscard]] std::optional<wake> put(std::span<const analytics::event> events);

  /// Wakes the shard as put() and put_cut() asked.
  void ring(std::optional<wake> when) const {
    if (when)
      on_ready_(*when);
  }

  /// wait_for_room(), put() and ring() in one; for callers that need no journal.
  bool push(std::span<const analytics::event> events);

  /// Marks the place behind everything that waits as cut `number` (> 0). At most one
  /// cut waits at a time. The shard is to be woken at once.
  [[nodiscard]] std::optional<wake> put_cut(std::uint64_t number);
  bool has_cut() const;

  /// Moves what waits into `batch` (whose old content is dropped and whose memory is
  /// reused): everything, or what stands before a cut. Returns the number of the cut
  /// that was reached, else 0.
  std::uint64_t drain(std::vector<analytics::event>& batch);

  /// Wakes waiting sources; they are told that the inbox is closed. What waits can
  /// still be drained.
  void close();

  std::size_t size() const;

  /// How often a source had to wait for room.
  std::uint64_t waits() const;

private:
  const shard_inbox_config config_;
  const std::function<void(wake)> on_ready_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::vector<analytics::event> waiting_;
  std::size_t cut_at_ = 0;       // Events before the cut.
  std::uint64_t cut_number_ = 0; // 0: none waits.
  std::size_t limit_;            // Of events_max, now.
  bool asked_now_ = false;
  bool asked_later_ = false;
  bool closed_ = false;
  std::uint64_t waits_ = 0;
};

} // namespace weir::actors
