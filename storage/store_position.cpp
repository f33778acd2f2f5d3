#include "storage/store_position.hpp"

#include <algorithm>

namespace weir::storage {

namespace {

/// Whether the numbers before `first` are all known in its lane. Written so that
/// nothing wraps: `first` may be anything.
bool continues(std::uint64_t first, std::uint64_t through) {
  return first <= through || first - through == 1;
}

void add_fresh(placement& result, std::uint64_t first, std::uint64_t last) {
  if (first > last)
    return;
  result.fresh[result.fresh_count] = {first, last};
  result.fresh_count += 1;
  result.result = commit_result::stored;
}

/// What of [range.first, range.last] lies behind `known`.
void add_behind(placement& result, seq_range range, std::uint64_t known) {
  add_fresh(result, std::max(range.first, known + 1), range.last);
}

void merge_lanes(edge_position& position) {
  if (position.lane_first == 0 || !continues(position.lane_first, position.through_seq))
    return;
  position.through_seq = std::max(position.through_seq, position.lane_through);
  position.lane_first = 0;
  position.lane_through = 0;
}

placement place_in_order(edge_position& position, seq_range range) {
  placement result;
  if (position.lane_first == 0) {
    add_behind(result, range, position.through_seq);
  } else {
    add_behind(result, {range.first, std::min(range.last, position.lane_first - 1)},
               position.through_seq);
    add_behind(result, range, position.lane_through);
  }
  position.through_seq = std::max(position.through_seq, range.last);
  merge_lanes(position);
  return result;
}

placement place_in_lane(edge_position& position, seq_range range) {
  placement result;
  if (position.lane_first == 0) {
    position.lane_first = range.first;
    position.lane_through = range.first - 1;
  }
  result.in_lane = true;
  add_behind(result, range, position.lane_through);
  position.lane_through = std::max(position.lane_through, range.last);
  return result;
}

bool is_in_lane(const edge_position& position, seq_range range) {
  return position.lane_first != 0 && range.first >= position.lane_first
         && range.last <= position.lane_through;
}

} // namespace

bool placement::is_new(std::uint64_t seq) const {
  for (std::size_t i = 0; i < fresh_count; ++i)
    if (seq >= fresh[i].first && seq <= fresh[i].last)
      return true;
  return false;
}

std::uint64_t placement::new_numbers() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < fresh_count; ++i)
    sum += fresh[i].last - fresh[i].first + 1;
  return sum;
}

placement place(edge_position& position, seq_range range, bool live_lane) {
  if (continues(range.first, position.through_seq))
    return place_in_order(position, range);
  if (is_in_lane(position, range))
    return {.in_lane = true}; // Known.
  bool fits = position.lane_first == 0
              || (range.first >= position.lane_first
                  && continues(range.first, position.lane_through));
  if (live_lane && fits)
    return place_in_lane(position, range);
  return {.result = commit_result::gap};
}

} // namespace weir::storage
