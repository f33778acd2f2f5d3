#include "actors/shard_inbox.hpp"

#include <algorithm>
#include <utility>

namespace weir::actors {

shard_inbox::shard_inbox(shard_inbox_config config, std::function<void(wake)> on_ready)
  : config_(config), on_ready_(std::move(on_ready)), limit_(config.events_max) {
  waiting_.reserve(config_.events_max);
}

bool shard_inbox::wait_for_room() {
  std::unique_lock lock{mutex_};
  if (waiting_.size() >= limit_ && !closed_) {
    ++waits_;
    room_.wait(lock, [this] { return waiting_.size() < limit_ || closed_; });
  }
  return !closed_;
}

bool shard_inbox::has_room_to_spare() const {
  std::lock_guard lock{mutex_};
  return waiting_.size() < limit_ - limit_ / 4;
}

void shard_inbox::set_room_percent(unsigned percent) {
  {
    std::lock_guard lock{mutex_};
    limit_ = std::max<std::size_t>(config_.events_max * percent / 100, 1);
  }
  room_.notify_all();
}

std::optional<shard_inbox::wake>
shard_inbox::put(std::span<const analytics::event> events) {
  std::lock_guard lock{mutex_};
  waiting_.insert(waiting_.end(), events.begin(), events.end());
  if (waiting_.size() >= config_.wake_at_events) {
    if (!std::exchange(asked_now_, true))
      return wake::now;
  } else if (!asked_now_ && !std::exchange(asked_later_, true)) {
    return wake::after_linger;
  }
  return std::nullopt;
}

bool shard_inbox::push(std::span<const analytics::event> events) {
  while (!events.empty()) {
    if (!wait_for_room())
      return false;
    // A batch larger than the inbox goes in by parts; their order stays.
    auto part = events.first(std::min(events.size(), config_.events_max));
    events = events.subspan(part.size());
    ring(put(part));
  }
  return true;
}

std::optional<shard_inbox::wake> shard_inbox::put_cut(std::uint64_t number) {
  std::lock_guard lock{mutex_};
  cut_at_ = waiting_.size();
  cut_number_ = number;
  asked_now_ = true;
  return wake::now;
}

bool shard_inbox::has_cut() const {
  std::lock_guard lock{mutex_};
  return cut_number_ != 0;
}

std::uint64_t shard_inbox::drain(std::vector<analytics::event>& batch) {
  batch.clear();
  std::uint64_t cut = 0;
  {
    std::lock_guard lock{mutex_};
    std::swap(batch, waiting_);
    cut = std::exchange(cut_number_, 0);
    asked_now_ = false;
    asked_later_ = false;
    if (waiting_.capacity() < config_.events_max)
      waiting_.reserve(config_.events_max);
    if (cut != 0 && cut_at_ < batch.size()) {
      auto behind = batch.begin() + static_cast<std::ptrdiff_t>(cut_at_);
      waiting_.assign(behind, batch.end());
      batch.erase(behind, batch.end());
      // Nobody asks for these a second time: who reached the cut drains again.
      asked_now_ = true;
    }
  }
  room_.notify_all();
  return cut;
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
