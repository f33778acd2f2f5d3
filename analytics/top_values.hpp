// The texts with the most weight in a stream, in bounded memory, with bounds on each.
//
// Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient computation of frequent and
// top-k elements in data streams", 2005): when all counters are in use, a new text
// takes the lightest one over and inherits its weight as its possible error. Merging
// as in Agarwal et al., "Mergeable summaries" (2012). For each text shown
//     weight - error <= its true weight <= weight,
// and a text that is not shown has at most floor(). As long as one k is used and no
// encoding had to leave texts out, floor() and every error are at most
// total() / capacity(). Bytes: analytics/SKETCHES.md.
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics {

struct top_value {
  std::string text;
  double weight = 0.0; ///< At most this.
  double error = 0.0;  ///< The true weight may be less by so much.

  bool operator==(const top_value&) const = default;
};

class top_values {
public:
  static constexpr std::uint32_t k_max = 100;

  /// Longer texts are cut, at the start of a UTF-8 character.
  static constexpr std::size_t text_bytes_max = 256;

  /// For the `k` heaviest (1 to k_max, brought into it): max(8 k, 64) counters.
  explicit top_values(std::uint32_t k);

  /// A known text costs one hash and one comparison, no allocation. Weights that are
  /// not above 0, NaN and infinity are passed over. Texts are bytes here: whoever shows
  /// them makes sure that they are UTF-8.
  void add(std::string_view text, double weight = 1.0);

  /// Bounds add up; the result has the larger k of both.
  void merge(const top_values& other);

  /// The `k` heaviest, heaviest first, equal ones by text.
  std::vector<top_value> top(std::size_t k) const;

  std::uint32_t k() const {
    return k_;
  }
  std::size_t capacity() const {
    return k_ * 8 < 64 ? 64 : k_ * 8;
  }
  double total() const { ///< The weight of all that was added.
    return total_;
  }
  double floor() const { ///< What a text that is not there may weigh.
    return floor_;
  }
  /// Memory, with the object itself.
  std::size_t size_bytes() const;

  /// Appends at most about `bytes_max` (at least 64): the lightest texts that do not
  /// fit are left out, and the floor rises to the heaviest of them.
  void encode(std::string& out,
              std::size_t bytes_max = std::numeric_limits<std::size_t>::max()) const;
  /// Takes exactly what encode() wrote; the error says what is wrong.
  static expected<top_values, std::string> decode(std::string_view bytes);

private:
  struct counter {
    std::string text;
    double weight = 0.0;
    double error = 0.0;
    std::uint64_t hash = 0;
  };
  /// `seen` is the counter's weight at some time: never above today's.
  struct heap_entry {
    double seen = 0.0;
    std::uint16_t number = 0;
  };

  static constexpr std::size_t not_found = std::numeric_limits<std::size_t>::max();

  static bool is_before(const counter& a, const counter& b);
  std::size_t find(std::string_view text, std::uint64_t hash) const;
  void insert(counter added);
  void replace_lightest(std::string_view text, std::uint64_t hash, double weight);
  std::uint16_t lightest();
  void sift_down(std::size_t at);
  void index_counter(std::size_t number);
  void unindex_counter(std::size_t number);
  void rebuild(std::vector<counter> counters);
  std::vector<const counter*> by_weight() const;

  std::uint32_t k_;
  double total_ = 0.0;
  double floor_ = 0.0;
  std::vector<counter> counters_;
  std::vector<std::uint16_t> index_; // Open addressing: number + 1, 0 is free.
  std::vector<heap_entry> heap_;     // Lightest first; made when it is needed.
};

} // namespace weir::analytics
