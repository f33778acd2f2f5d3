// From samples of a file, or from windows that were exported, to numbered blocks of
// windows for the centre. What comes out is a function of what goes in and nothing
// else: so the same file gives the same numbers, and an import that was broken off goes
// on where it was.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/records.hpp"
#include "analytics/series.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::cli {

struct window_cut {
  std::int64_t width_ns = 10'000'000'000;
  /// Each sample is a window that begins with it, instead of windows that begin at
  /// multiples of the width.
  bool for_each_sample = false;
};

/// Gets blocks in order; `first_seq` counts windows from 1. False: no more.
using block_sink
  = std::function<bool(std::uint64_t first_seq, const analytics::record_block& block)>;

class import_windows {
public:
  /// A block has at most so many windows, and so many bytes of names: with that it stays
  /// well below the centre's smallest bound for a request.
  static constexpr std::size_t block_windows_max = 4'000;
  static constexpr std::size_t block_name_bytes_max = 128 << 10;
  static constexpr std::size_t series_max = 1'000'000;
  static constexpr std::size_t name_bytes_max = 4'096;

  import_windows(const window_cut& cut, block_sink sink);

  /// An error is about this sample alone, as a sentence without a place.
  ///
  /// A series has one open window, which is sent when a sample of another one comes. A
  /// sample of a window that was sent already becomes a correction, which the centre
  /// adds: so any order is right, and the order of time is the cheapest.
  expected<void, std::string> add_sample(const analytics::series_view& series,
                                         std::int64_t time_ns, double value);

  /// A whole window; `series` is a canonical text.
  expected<void, std::string> add_window(std::string_view series,
                                         analytics::summary window);

  /// Sends what is open.
  void finish();

  /// The sink wants no more; further calls do nothing.
  bool stopped() const {
    return stopped_;
  }
  std::uint64_t windows() const {
    return next_seq_ - 1 + block_.summaries.size();
  }
  std::size_t series() const {
    return series_.size();
  }

private:
  struct known_series {
    const std::string* text = nullptr; // Key of ids_.
    std::optional<analytics::summary> open;
    std::optional<std::int64_t> sent_start_ns; // The largest that was sent.
    std::uint64_t in_block = 0;                // Number of the block...
    analytics::series_id index = 0;            // ...in which it has this index.
  };

  expected<known_series*, std::string> find(const std::string& canonical);
  std::int64_t start_of(std::int64_t time_ns) const;
  void close(known_series& series);
  void send(known_series& series, analytics::summary window);
  void send_block();

  window_cut cut_;
  block_sink sink_;
  std::unordered_map<std::string, std::size_t> ids_;
  std::vector<known_series> series_;
  std::string canonical_;
  analytics::record_block block_;
  std::size_t name_bytes_ = 0;
  std::uint64_t block_number_ = 1;
  std::uint64_t next_seq_ = 1;
  bool stopped_ = false;
};

} // namespace weir::cli
