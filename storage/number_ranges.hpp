// INTERNAL: a small set of sequence numbers, as ranges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::storage {

struct number_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0; ///< Inclusive.

  bool operator==(const number_range&) const = default;
};

/// Ranges in order, neither touching nor overlapping. Holds at most `ranges_max`: beyond
/// that the two with the smallest gap between them become one, so that the set may
/// come to hold more numbers than were added, never fewer.
class number_ranges {
public:
  static constexpr std::size_t ranges_max = 16;

  /// @pre first <= last.
  void add(std::uint64_t first, std::uint64_t last);

  /// Removes all numbers of [first, last].
  void remove(std::uint64_t first, std::uint64_t last);

  /// Some number of [first, last] is in the set.
  bool touches(std::uint64_t first, std::uint64_t last) const;

  /// All numbers of [first, last] are in the set.
  bool covers(std::uint64_t first, std::uint64_t last) const;

  const std::vector<number_range>& ranges() const {
    return ranges_;
  }

  bool operator==(const number_ranges&) const = default;

private:
  std::vector<number_range> ranges_;
};

} // namespace weir::storage
