#include "actors/shard_inbox.hpp"

#include <algorithm>
#include <utility>

namespace weir::actors {

shard_inbox::shard_inbox(shard_inbox_config config, std::function<void(wake)> on_ready)
  : config_(config), on_ready_(std::move(on_ready)) {
  waiting_.reserve(config_.events_max);
}

bool shard_inbox::push(std::span<const analytics::event> events) {
  while (!events.empty()) {
    bool ask_now = false;
    bool ask_later = false;
    {
      std::unique_lock lock{mutex_};
      if (waiting_.size() >= config_.events_max && !closed_) {
        ++waits_;
        room_.wait(lock,
                   [this] { return waiting_.size() < config_.events_max || closed_; });
      }
      if (closed_)
        return false;
      // A batch larger than the room goes in by parts; their order stays.
      auto count = std::min(events.size(), config_.events_max - waiting_.size());
      waiting_.insert(waiting_.end(), events.begin(),
                      events.begin() + static_cast<std::ptrdiff_t>(count));
      events = events.subspan(count);
      ask_now
        = waiting_.size() >= config_.wake_at_events && !std::exchange(asked_now_, true);
      if (!asked_now_)
        ask_later = !std::exchange(asked_later_, true);
    }
    if (ask_now)
      on_ready_(wake::now);
    else if (ask_later)
      on_ready_(wake::after_linger);
  }
  return true;
}

void shard_inbox::drain(std::vector<analytics::event>& batch) {
  batch.clear();
  {
    std::lock_guard lock{mutex_};
    std::swap(batch, waiting_);
    asked_now_ = false;
    asked_later_ = false;
    if (waiting_.capacity() < config_.events_max)
      waiting_.reserve(config_.events_max);
  }
  room_.notify_all();
}

void shard_inbox::close() {
  {
    std::lock_guard lock{mutex_};
    closed_ = true;
  }
  room_.notify_all();
}

std::size_t shard_inbox::size() const {
  std::lock_guard lock{mutex_};
  return waiting_.size();
}

std::uint64_t shard_inbox::waits() const {
  std::lock_guard lock{mutex_};
  return waits_;
}

} // namespace weir::actors
