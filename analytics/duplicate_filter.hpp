// DUPLICATE FILTER: remembers the fingerprints of the newest events, so that one that
// is delivered again is seen.
//
//   "at least once" source --> insert(fingerprint_of(event)) --true--> count it
//                                                            --false-> drop, count
//
// Two generations of fingerprints: new ones go to the current; when that holds
// `horizon` of them, the older is dropped and the current becomes the older. So the
// last `horizon` different fingerprints are always known, and at most 2 * horizon are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::analytics {

/// Of an event without an id: the same series, time and value are the same event.
/// `series_hash` is any 64-bit hash of the series.
std::uint64_t fingerprint_of(std::uint64_t series_hash, std::int64_t time_ns,
                             double value);

/// Of an event with an id of the sender's, which is an id within its series.
std::uint64_t fingerprint_of(std::uint64_t series_hash, std::string_view id);

/// Not thread-safe. Two different events have the same fingerprint, and the second is
/// then taken for a duplicate, with a chance of 2 * horizon / 2^64: at 100,000 events/s
/// and the default horizon once in more than ten years.
class duplicate_filter {
public:
  /// `horizon` is at least 1 (0 counts as 1). Memory grows with what is remembered, up
  /// to 32 bytes for each of `horizon` (8.4 MB at the default), and one generation's
  /// half of that in addition while it grows.
  explicit duplicate_filter(std::size_t horizon = 262'144);

  /// True if the fingerprint was not known; it is then. A known one counts as new
  /// again for how long it is remembered.
  bool insert(std::uint64_t fingerprint);

  /// Known, as insert() would say; changes nothing.
  bool contains(std::uint64_t fingerprint) const;

  /// Brings to the cache what insert() will look at: call it about 8 events ahead. That
  /// is most of the speed: 15 to 20 ns an insert with it, 60 to 190 without (2 busy
  /// cores, 8 MB of memory beyond the second cache).
  void prefetch(std::uint64_t fingerprint) const;

  /// Forgets all, and gives the memory back.
  void clear();

  std::size_t horizon() const {
    return horizon_;
  }

  /// Of memory held.
  std::size_t size_bytes() const;

private:
  /// A cache line of fingerprints, filled from the front; 0 is free.
  struct alignas(64) line {
    std::array<std::uint64_t, 8> slots{};
  };

  /// A set of numbers that are not 0: a line each by the number's upper bits, at most
  /// half full, and the next line where one is full. A look is one line and hardly
  /// ever a branch that the processor cannot guess.
  class generation {
  public:
    bool contains(std::uint64_t x) const;
    bool insert(std::uint64_t x); ///< False if it was there. @pre There is room.
    void prefetch(std::uint64_t x) const;
    void make_room(std::size_t horizon); ///< For one more: grows if need be.
    void forget();                       ///< Keeps the memory.
    std::size_t count() const {
      return count_;
    }
    std::size_t size_bytes() const {
      return lines_.capacity() * sizeof(line);
    }

  private:
    std::size_t place_of(std::uint64_t x) const;

    std::vector<line> lines_ = std::vector<line>(lines_min);
    std::size_t count_ = 0;
  };
  static constexpr std::size_t lines_min = 2;

  std::size_t horizon_;
  std::array<generation, 2> generations_;
  std::size_t current_ = 0; ///< Index of the generation that is filled.
};

} // namespace weir::analytics
