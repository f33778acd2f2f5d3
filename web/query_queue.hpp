// One thread that reads the store, so that the socket thread never does.
// Bounded: beyond `capacity` waiting jobs the caller is told, and answers 503.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace weir::web {

class query_queue {
public:
  explicit query_queue(std::size_t capacity) : capacity_(capacity) {
  }
  ~query_queue(); ///< Stops.

  void start();

  /// Ends after the running job; waiting jobs are dropped.
  void stop();

  /// Any thread. False: full, or stopped.
  bool try_post(std::function<void()> job);

  /// Waiting jobs; only an estimate by the time it is looked at.
  std::size_t size() const;

private:
  void run();

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopped_ = false;
  std::thread thread_;
};

} // namespace weir::web
