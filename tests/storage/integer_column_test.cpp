// Whole numbers in few bits: what is written comes back, and what is regular is small.
#include "storage/integer_column.hpp"

#include "tests/storage/series_made.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <string>
#include <vector>

using namespace weir::storage;
using weir::test::made_noise;

namespace {

using integers = std::vector<std::int64_t>;

std::string encoded(const integers& xs) {
  bit_writer bits;
  encode_integers(xs, bits);
  std::string bytes;
  bits.finish(bytes);
  return bytes;
}

integers decoded(const std::string& bytes, std::size_t count) {
  bit_reader in{bytes};
  integers xs(count, 42);
  REQUIRE(decode_integers(in, xs));
  CHECK(in.rest().empty());
  CHECK(in.ok());
  return xs;
}

constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
constexpr auto highest = std::numeric_limits<std::int64_t>::max();

} // namespace

TEST_CASE("any whole numbers come back from their column", "[series_block]") {
  std::vector<integers> all{{},
                            {0},
                            {lowest},
                            {highest},
                            {lowest, highest, lowest, 0, -1, 1},
                            integers(5000, 7),
                            {5, 4, 3, 2, 1, 1, 1, 0, -7}};
  made_noise random{1};
  for (unsigned width = 1; width <= 64; ++width) {
    integers xs;
    for (int i = 0; i < 100; ++i)
      xs.push_back(static_cast<std::int64_t>(random.bits() >> (64 - width)));
    all.push_back(xs);
    for (auto& x : xs) // Some far from the others.
      if (random.below(20) != 0)
        x = static_cast<std::int64_t>(width);
    all.push_back(xs);
  }
  for (const auto& xs : all) {
    CAPTURE(xs.size());
    CHECK(decoded(encoded(xs), xs.size()) == xs);
  }
}

TEST_CASE("a column of any length ends where it ends", "[series_block]") {
  made_noise random{2};
  for (std::size_t count = 0; count < 200; ++count) {
    integers xs;
    for (std::size_t i = 0; i < count; ++i)
      xs.push_back(i < 100 ? random.below(1000) : 5);
    CHECK(decoded(encoded(xs), count) == xs);
  }
}

TEST_CASE("numbers at one distance cost nearly nothing", "[series_block]") {
  integers xs;
  for (std::int64_t i = 0; i < 10'000; ++i)
    xs.push_back(1'700'000'000'000'000'000 + i * 10'000'000'000);
  CHECK(encoded(xs).size() <= 32);
  xs.erase(xs.begin() + 5000, xs.begin() + 5100); // An outage.
  CHECK(encoded(xs).size() <= 48);
}

TEST_CASE("what all numbers are multiples of is not written again", "[series_block]") {
  made_noise random{3};
  integers small;
  integers large;
  for (int i = 0; i < 1000; ++i) {
    small.push_back(random.below(8));
    large.push_back(small.back() * 1'000'000'007 - 3);
  }
  CHECK(encoded(large).size() <= encoded(small).size() + 16);
  CHECK(decoded(encoded(large), large.size()) == large);
}

TEST_CASE("the nearest reference is chosen, and found again", "[series_block]") {
  made_noise random{4};
  reference_columns references(3);
  integers xs;
  for (int i = 0; i < 500; ++i) {
    for (auto& x : references)
      x.push_back(static_cast<std::int64_t>(random.bits()));
    xs.push_back(references[1].back() - 1 + random.below(2));
  }
  bit_writer bits;
  encode_integers(xs, references, bits);
  CHECK(bits.size_bits() < 500 * 2);
  std::string bytes;
  bits.finish(bytes);
  bit_reader in{bytes};
  integers back(xs.size());
  REQUIRE(decode_integers(in, references, back));
  CHECK(back == xs);
  // A reader without them does not make up what they were.
  bit_reader again{bytes};
  CHECK_FALSE(decode_integers(again, {}, back));
}

TEST_CASE("a column that is cut off is an error", "[series_block]") {
  made_noise random{5};
  integers xs;
  for (int i = 0; i < 300; ++i)
    xs.push_back(random.below(1000));
  auto bytes = encoded(xs);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto cut = bytes.substr(0, size);
    bit_reader in{cut};
    integers back(xs.size());
    CAPTURE(size);
    CHECK_FALSE(decode_integers(in, back));
  }
}
