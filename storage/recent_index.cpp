#include "storage/recent_index.hpp"

#include <algorithm>

namespace weir::storage {

namespace {

void sort(std::vector<recent_window>& windows) {
  if (!std::is_sorted(windows.begin(), windows.end(), is_shown_before))
    std::sort(windows.begin(), windows.end(), is_shown_before);
  // A commit that failed is tried again.
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
}

} // namespace

void recent_index::add(stored_series_id series, const recent_window& window) {
  auto lock = std::unique_lock{mutex_};
  windows_[series].push_back(window);
  ++size_;
}

void recent_index::freeze() {
  auto lock = std::unique_lock{mutex_};
  size_ = 0;
  for (auto& [series, windows] : windows_) {
    sort(windows);
    windows.shrink_to_fit();
    size_ += windows.size();
    if (!windows.empty())
      last_start_ns_ = std::max(last_start_ns_, windows.back().start_ns);
  }
}

bool recent_index::contains(stored_series_id series,
                            const recent_window& window) const {
  auto lock = std::shared_lock{mutex_};
  auto found = windows_.find(series);
  return found != windows_.end()
         && std::binary_search(found->second.begin(), found->second.end(), window,
                               is_shown_before);
}

std::vector<recent_window> recent_index::of(stored_series_id series,
                                            std::int64_t from_ns,
                                            std::int64_t to_ns) const {
  std::vector<recent_window> result;
  {
    auto lock = std::shared_lock{mutex_};
    auto found = windows_.find(series);
    if (found == windows_.end())
      return result;
    for (const auto& x : found->second)
      if (x.start_ns >= from_ns && x.start_ns < to_ns)
        result.push_back(x);
  }
  sort(result);
  return result;
}

std::vector<stored_series_id> recent_index::series() const {
  std::vector<stored_series_id> result;
  {
    auto lock = std::shared_lock{mutex_};
    result.reserve(windows_.size());
    for (const auto& [series, windows] : windows_)
      result.push_back(series);
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::size_t recent_index::size() const {
  auto lock = std::shared_lock{mutex_};
  return size_;
}

} // namespace weir::storage
