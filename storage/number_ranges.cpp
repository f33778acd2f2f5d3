#include "storage/number_ranges.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::storage {

namespace {

/// There is at least one number between them.
bool apart(const number_range& left, std::uint64_t right_first) {
  return left.last < right_first && right_first - left.last > 1;
}

} // namespace

void number_ranges::add(std::uint64_t first, std::uint64_t last) {
  auto joined = number_range{first, last};
  auto from = std::find_if(ranges_.begin(), ranges_.end(),
                           [&](const auto& x) { return !apart(x, first); });
  auto to = from;
  while (to != ranges_.end() && !apart(joined, to->first)) {
    joined.first = std::min(joined.first, to->first);
    joined.last = std::max(joined.last, to->last);
    ++to;
  }
  ranges_.insert(ranges_.erase(from, to), joined);
  while (ranges_.size() > ranges_max) {
    std::size_t nearest = 1;
    for (std::size_t i = 2; i < ranges_.size(); ++i)
      if (ranges_[i].first - ranges_[i - 1].last
          < ranges_[nearest].first - ranges_[nearest - 1].last)
        nearest = i;
    ranges_[nearest - 1].last = ranges_[nearest].last;
    ranges_.erase(std::next(ranges_.begin(), static_cast<std::ptrdiff_t>(nearest)));
  }
}

void number_ranges::remove(std::uint64_t first, std::uint64_t last) {
  std::vector<number_range> left;
  for (const auto& x : ranges_) {
    if (x.first < first)
      left.push_back({x.first, std::min(x.last, first - 1)});
    if (x.last > last)
      left.push_back({std::max(x.first, last + 1), x.last});
  }
  ranges_ = std::move(left);
}

bool number_ranges::touches(std::uint64_t first, std::uint64_t last) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const auto& x) { return x.first <= last && x.last >= first; });
}

bool number_ranges::covers(std::uint64_t first, std::uint64_t last) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const auto& x) { return x.first <= first && x.last >= last; });
}

} // namespace weir::storage
