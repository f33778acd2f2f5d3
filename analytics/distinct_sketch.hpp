// How many different things were seen, in little memory.
//
// HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) with 2^12 registers: standard
// error 1.6 %. Up to 512 things are a sorted list of their hashes' first bits (Heule,
// Nunkesser, Hall: "HyperLogLog in practice", 2013): exact but for hashes that share
// their first 25 bits, and 4 bytes each. Estimates come from Ertl's improved estimator
// ("New cardinality estimation algorithms for HyperLogLog sketches", 2017), which
// needs no tables of corrections.
//
// Merging is exact: it gives the sketch of the union. Bytes: analytics/SKETCHES.md.
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics {

class distinct_sketch {
public:
  static constexpr unsigned precision_bits = 12;
  static constexpr std::size_t registers = std::size_t{1} << precision_bits;
  static constexpr std::size_t listed_max = 512;

  /// All 64 bits must be well mixed: see stable_hash().
  void add(std::uint64_t hash);

  void merge(const distinct_sketch& other);

  double estimate() const;

  /// Memory, with the object itself: at most 4.2 KB, less than 100 bytes when empty.
  std::size_t size_bytes() const;

  /// Appends. Equal sketches have equal bytes, at most 3,074.
  void encode(std::string& out) const;
  /// Takes exactly what encode() wrote; the error says what is wrong.
  static expected<distinct_sketch, std::string> decode(std::string_view bytes);

  bool operator==(const distinct_sketch&) const = default;

private:
  void add_entry(std::uint32_t entry);
  void raise(std::uint32_t entry);
  void make_dense();

  // The first 25 bits of a hash and, in 6 bits, the place of the first one behind
  // them: enough to find its register later. Sorted, one for each first 25 bits.
  std::vector<std::uint32_t> list_;
  std::vector<std::uint8_t> registers_; // Empty while the list is used.
};

} // namespace weir::analytics
