// EXPECTED WINDOWS: the oracle. Which windows an edge's events make, from the list of
// these events alone; and whether that is what stands in the centre's store.
#pragma once

#include "storage/store.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weir::simulation {

class expected_windows {
public:
  /// Values are whole numbers, so that sums do not depend on the order.
  void add(const std::string& series, std::int64_t width_ns, std::int64_t time_ns,
           double value);

  /// One sentence for each window that differs, at most some. A coalesced window must
  /// be the sum of those that lie in it.
  std::vector<std::string> compare(const storage::store& store,
                                   const std::string& edge) const;

  std::uint64_t windows() const;

private:
  struct window {
    std::uint64_t count = 0;
    double sum = 0.0;
    double min = 0.0;
    double max = 0.0;

    void add(const window& x);
  };
  struct series_windows {
    std::int64_t width_ns = 0;
    std::map<std::int64_t, window> by_start_ns;
  };

  static std::string difference(const series_windows& expected,
                                const std::vector<analytics::summary>& found);

  std::map<std::string, series_windows> series_;
};

} // namespace weir::simulation
