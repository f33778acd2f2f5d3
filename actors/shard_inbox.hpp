// SHARD INBOX: the bounded, double-buffered queue between source threads and one
// shard actor. CAF 0.17 mailboxes have no bound and cost one allocation a message;
// here a source appends to plain memory and the shard takes all of it at once, so
// batches grow by themselves exactly when the shard is busy.
//
// Back-pressure: push() blocks while the inbox is full. For MQTT that delays the
// PUBACK, for ZeroMQ it leaves messages in the socket.
#pragma once

#include "analytics/event.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
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

  /// Appends all of `events`, waiting for room. Returns false once closed: nothing
  /// was taken then.
  bool push(std::span<const analytics::event> events);

  /// Moves everything that waits into `batch` (whose old content is dropped and whose
  /// memory is reused).
  void drain(std::vector<analytics::event>& batch);

  /// Wakes waiting sources; push() returns false from now on. What waits can still
  /// be drained.
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
  bool asked_now_ = false;
  bool asked_later_ = false;
  bool closed_ = false;
  std::uint64_t waits_ = 0;
};

} // namespace weir::actors
