// FEED: one thread that sends the events of one worker as they fall due and notes what
// was acknowledged. Two kinds: MQTT QoS 1 to a broker, and numbered ZeroMQ messages to
// the edge itself. Both send again what was not acknowledged when a connection ends.
#pragma once

#include "tests/chaos/event_grid.hpp"
#include "tests/chaos/owed_ledger.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::chaos {

struct feed_config {
  std::size_t worker = 0;
  event_grid grid;
  std::chrono::milliseconds tick{100}; ///< Between messages, when nothing is behind.
  std::size_t steps_max = 100;         ///< Of the grid in one message.
  std::size_t window_max = 64;         ///< Messages without acknowledgement.

  // ZeroMQ.
  std::string endpoint;

  // MQTT.
  std::uint16_t port = 0;
  std::string topic;
  /// After a reconnect messages that were acknowledged so lately are sent again: what
  /// a broker acknowledges it has not yet saved. See configs/mosquitto.conf.
  std::chrono::milliseconds overlap{0};
  std::size_t overlap_messages = 0; ///< And at least so many.
};

class feed {
public:
  virtual ~feed() = default;

  /// Sends what is due until now and no more; true when all of it was acknowledged.
  virtual bool finish(std::chrono::milliseconds limit) = 0;

  /// Messages acknowledged so far. Thread-safe.
  std::uint64_t acknowledged() const {
    return acknowledged_.load(std::memory_order_relaxed);
  }
  /// Messages sent again, of those that had been acknowledged. Thread-safe.
  std::uint64_t repeated() const {
    return repeated_.load(std::memory_order_relaxed);
  }

protected:
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> repeated_{0};
};

/// All feeds of a run.
struct feeds {
  std::vector<std::unique_ptr<feed>> all; ///< By worker.
  std::vector<feed*> mqtt;
  std::vector<feed*> zmq;
};

std::unique_ptr<feed> make_mqtt_feed(feed_config config, worker_ledger& ledger);
std::unique_ptr<feed> make_zmq_feed(feed_config config, worker_ledger& ledger);

inline std::int64_t wall_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

/// The events that one message takes, as they fall due.
class due_events {
public:
  struct range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };

  due_events(const event_grid& grid, std::chrono::milliseconds tick,
             std::size_t steps_max)
    : grid_(grid), steps_min_(static_cast<std::uint64_t>(std::max<std::int64_t>(
                     1, tick.count() * 1'000'000 / grid.step_ns))),
      steps_max_(steps_max) {
  }

  /// Nothing (first == last) if it is too early for the next message.
  range next() {
    auto due = ended_ ? end_ : grid_.due(wall_ns());
    if (due < next_ + (ended_ ? 1 : steps_min_))
      return {next_, next_};
    range result{next_, std::min(due, next_ + steps_max_)};
    next_ = result.last;
    return result;
  }

  /// No more events than those due now.
  void end() {
    end_ = grid_.due(wall_ns());
    ended_ = true;
  }
  bool done() const {
    return ended_ && next_ >= end_;
  }

private:
  const event_grid& grid_;
  const std::uint64_t steps_min_;
  const std::uint64_t steps_max_;
  std::uint64_t next_ = 0;
  std::uint64_t end_ = 0;
  bool ended_ = false;
};

} // namespace weir::chaos
