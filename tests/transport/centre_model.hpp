// What a centre does with what comes over the uplink: the rules of its positions, and
// every number exactly once, without a store.
#pragma once

#include "transport/uplink_entry.hpp"

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>

namespace weir::test {

class centre_model {
public:
  struct question {
    std::uint64_t from_seq = 0;
    bool live_lane = false;
  };

  /// What has to be asked again, if the entry lies behind a gap.
  std::optional<question> take(const transport::uplink_entry& x, bool live_lane) {
    auto has_lane = position_.lane_first != 0;
    auto known = x.last_seq() <= position_.through_seq
                 || (has_lane && x.first_seq >= position_.lane_first
                     && x.last_seq() <= position_.lane_through);
    if (known)
      return {};
    if (x.first_seq == position_.through_seq + 1) {
      expect(!has_lane || x.last_seq() < position_.lane_first);
      position_.through_seq = x.last_seq();
    } else if (live_lane && has_lane && x.first_seq == position_.lane_through + 1) {
      position_.lane_through = x.last_seq();
    } else if (live_lane && !has_lane && x.first_seq > position_.through_seq + 1) {
      position_.lane_first = x.first_seq;
      position_.lane_through = x.last_seq();
      ++lanes_opened;
    } else if (live_lane && has_lane && x.first_seq > position_.lane_through) {
      return question{position_.lane_through + 1, true};
    } else {
      return question{position_.through_seq + 1, false};
    }
    position_ = transport::merged(position_);
    store(x);
    return {};
  }

  const transport::uplink_position& position() const {
    return position_;
  }

  int lanes_opened = 0;
  int violations = 0; ///< Numbers that were stored twice.
  std::map<std::uint64_t, transport::uplink_entry> stored; ///< By first number.
  std::uint64_t numbers = 0;

private:
  void store(const transport::uplink_entry& x) {
    auto [pos, is_new] = stored.emplace(x.first_seq, x);
    auto after = std::next(pos);
    expect(is_new);
    expect(after == stored.end() || after->first > x.last_seq());
    expect(pos == stored.begin() || std::prev(pos)->second.last_seq() < x.first_seq);
    numbers += x.seq_span;
  }

  void expect(bool holds) {
    violations += holds ? 0 : 1;
  }

  transport::uplink_position position_;
};

} // namespace weir::test
