// SEQUENCE TRACKER: sources that number their events show what was lost before it came
// here, at the broker or on the radio.
//
//   observe("pump-7", 5), (6), (9)   7 and 8 are missing
//   observe("pump-7", 8)             8 is recovered, 7 is still missing
//   observe("pump-7", 1)             the source was restarted and counts anew
//
// It only counts; it drops nothing. Hand it events behind the duplicate filter: an
// event that is delivered again says nothing new.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::analytics {

/// Numbers from `first` to `last`, both included.
struct sequence_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  bool operator==(const sequence_range&) const = default;
};

/// Over all sources and restarts.
struct sequence_totals {
  std::uint64_t missing = 0;   ///< Now: skipped and not come later.
  std::uint64_t recovered = 0; ///< Were missing, came later.
  std::uint64_t duplicate = 0; ///< Numbers that a source gave twice.
  std::uint64_t restarts = 0;  ///< Of sources' numbering.
  std::uint64_t forgotten = 0; ///< Sources that gave way to others (sources_max).

  bool operator==(const sequence_totals&) const = default;
};

/// One source as it stands.
struct source_sequence {
  std::string source;
  std::uint64_t lowest = 0; ///< Seen since its last restart.
  std::uint64_t highest = 0;

  /// Numbers that may still come, ascending, at most ranges_max. Of more ranges than
  /// that the oldest is given up: it stays in sequence_totals::missing.
  std::vector<sequence_range> missing;
};

/// Not thread-safe. Memory: for each of `sources_max` sources its name, about 150
/// bytes, and 16 for each range.
class sequence_tracker {
public:
  static constexpr std::size_t ranges_max = 16;

  /// A number this far below the highest is no late event: the numbering began anew.
  static constexpr std::uint64_t back_max = 1000;

  /// So it is where a number is this far ahead: no such many events were lost.
  static constexpr std::uint64_t ahead_max = 1ull << 32;

  explicit sequence_tracker(std::size_t sources_max = 10'000);

  enum class verdict {
    first,     ///< Of this source; nothing is known of what was before.
    next,      ///< As it should be.
    gap,       ///< Numbers before it are missing.
    recovered, ///< It was missing.
    duplicate, ///< It was there already.
    restarted, ///< The numbering began anew, at 0, at 1, or far away.
  };

  verdict observe(std::string_view source, std::uint64_t sequence);

  const sequence_totals& totals() const {
    return totals_;
  }

  /// Sources that miss something, the one seen last first, at most `limit`.
  std::vector<source_sequence> incomplete(std::size_t limit) const;

  std::size_t sources() const {
    return by_name_.size();
  }

  /// For a checkpoint. The format has a version; all of it is in the .cpp file.
  void save(std::string& out) const;

  /// Replaces all of it. False: not what save() wrote; the tracker is empty then.
  bool restore(std::string_view bytes);

private:
  using entries = std::list<source_sequence>; // The one seen last first.

  source_sequence& find_or_add(std::string_view source, bool& is_new);
  verdict judge(source_sequence& x, std::uint64_t sequence);
  verdict add_gap(source_sequence& x, sequence_range range);
  bool recover(source_sequence& x, std::uint64_t sequence);
  verdict restart(source_sequence& x, std::uint64_t sequence);
  void clear();

  std::size_t sources_max_;
  entries entries_;
  std::unordered_map<std::string_view, entries::iterator> by_name_; // Of the entries.
  sequence_totals totals_;
};

} // namespace weir::analytics
