#include "web/query_queue.hpp"

#include <utility>

namespace weir::web {

query_queue::~query_queue() {
  stop();
}

void query_queue::start() {
  thread_ = std::thread{[this] { run(); }};
}

void query_queue::stop() {
  std::deque<std::function<void()>> dropped; // Freed outside of the lock.
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
    dropped.swap(jobs_);
  }
  wake_.notify_all();
  if (thread_.joinable())
    thread_.join();
}

bool query_queue::try_post(std::function<void()> job) {
  {
    std::lock_guard guard{mutex_};
    if (stopped_ || jobs_.size() >= capacity_)
      return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

std::size_t query_queue::size() const {
  std::lock_guard guard{mutex_};
  return jobs_.size();
}

void query_queue::run() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
      if (stopped_)
        return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

} // namespace weir::web
