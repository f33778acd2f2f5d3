// EVENT FEED: what the devices of one edge send, and what must become of it. The second
// is worked out from the list of deliveries and the clock that the edge saw, without any
// part of the product.
#pragma once

#include "tests/simulation/expected_windows.hpp"
#include "tests/simulation/seeded.hpp"
#include "transport/raw_event.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace weir::simulation {

struct feed_event {
  std::uint64_t number = 0; ///< Unique in its feed, from 1.
  std::size_t series = 0;
  std::optional<std::int64_t> time_ns; ///< Nothing: the edge stamps it.
  double value = 0.0;
  bool is_too_late = false; ///< By hours.
  std::string id;           ///< May be empty.
};

/// By number of events.
struct event_fates {
  std::uint64_t received = 0; ///< Deliveries; the sum of the rest.
  std::uint64_t taken = 0;
  std::uint64_t late = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t quarantined = 0;
};

class event_feed {
public:
  /// `has_clockless`: one of the devices sends no times. `delayed`: so many of the events
  /// arrive up to an hour after others, and correct windows that have been sent.
  event_feed(seeded random, bool has_clockless, double delayed);

  /// A new event at this true time.
  feed_event make(std::int64_t utc_ns);

  /// Borrows from both.
  transport::raw_event view(const feed_event& x) const;

  /// The edge has taken a delivery when its clocks said this.
  void delivered(const feed_event& x, std::int64_t wall_ns, std::int64_t steady_ns);

  /// Without events that are still held.
  const event_fates& fates() const {
    return fates_;
  }
  const expected_windows& windows() const {
    return windows_;
  }
  std::uint64_t made() const {
    return made_;
  }

private:
  struct series_name {
    std::string metric;
    std::string source;
    std::string text;
    std::string group_text;
  };
  struct held_event {
    feed_event event;
    std::int64_t steady_ns;
  };

  void settle(const feed_event& x, std::int64_t time_ns);

  seeded random_;
  const bool has_clockless_;
  const double delayed_;
  std::int64_t began_ns_ = 0;
  std::vector<series_name> series_;
  std::uint64_t made_ = 0;
  std::unordered_set<std::uint64_t> known_; // Numbers.
  std::vector<held_event> held_;
  event_fates fates_;
  expected_windows windows_;
};

} // namespace weir::simulation
