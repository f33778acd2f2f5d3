// Doubles in few bits: every bit of them comes back.
#include "storage/float_column.hpp"

#include "tests/storage/series_made.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace weir::storage;
using namespace weir::test;

namespace {

using floats = std::vector<double>;
using limits = std::numeric_limits<double>;

std::string encoded(const floats& xs, const float_references& references = {}) {
  bit_writer bits;
  encode_floats(xs, references, no_decimals, bits);
  std::string bytes;
  bits.finish(bytes);
  return bytes;
}

/// Whether they come back; the bytes that they take.
std::size_t checked_size(const floats& xs, const float_references& references = {}) {
  auto bytes = encoded(xs, references);
  bit_reader in{bytes};
  floats back(xs.size(), 42.0);
  REQUIRE(decode_floats(in, references, back));
  CHECK(in.rest().empty());
  CHECK(same_bits(xs, back));
  return bytes.size();
}

const floats special{0.0,
                     -0.0,
                     limits::infinity(),
                     -limits::infinity(),
                     limits::quiet_NaN(),
                     -limits::quiet_NaN(),
                     std::bit_cast<double>(0x7ff0'dead'beef'0001),
                     limits::denorm_min(),
                     -limits::denorm_min(),
                     limits::min(),
                     limits::max(),
                     limits::lowest(),
                     limits::epsilon(),
                     0x1p51,
                     0x1p53,
                     -0x1p53 - 2,
                     1e22,
                     1e-22,
                     0.1,
                     1.0 / 3};

} // namespace

TEST_CASE("every special double comes back with its bits", "[series_block]") {
  for (auto x : special) {
    CAPTURE(x);
    checked_size({x});
    checked_size(floats(100, x));
    floats among(300, 21.5);
    among[0] = among[150] = among[299] = x;
    checked_size(among);
    floats noisy;
    made_noise random{1};
    for (int i = 0; i < 300; ++i)
      noisy.push_back(i % 7 == 3 ? x : std::round(1000 * random()) / 100);
    checked_size(noisy);
  }
  checked_size({});
  checked_size(special);
  auto many = special;
  for (int i = 0; i < 5; ++i)
    many.insert(many.end(), many.begin(), many.end());
  checked_size(many);
}

TEST_CASE("doubles of any bits come back", "[series_block]") {
  made_noise random{2};
  for (std::size_t count = 1; count < 70; ++count) {
    floats xs;
    for (std::size_t i = 0; i < count; ++i)
      xs.push_back(std::bit_cast<double>(random.bits()));
    // All bits are news: the head of the column is all that may come on top.
    CHECK(checked_size(xs) <= count * 8 + 24);
  }
}

TEST_CASE("decimals take what their digits take", "[series_block]") {
  made_noise random{3};
  for (unsigned decimals = 0; decimals <= 8; ++decimals) {
    floats xs;
    for (int i = 0; i < 1000; ++i)
      xs.push_back(from_decimal(100'000 + random.below(256), decimals));
    CAPTURE(decimals);
    CHECK(checked_size(xs) <= 1000 + 96); // Eight bits each.
  }
}

TEST_CASE("decimals that were computed with take little more", "[series_block]") {
  made_noise random{4};
  floats plain;
  floats computed; // As 51.846000000000004 in place of 51.846.
  for (int i = 0; i < 1000; ++i) {
    plain.push_back(from_decimal(40'000 + random.below(4096), 3));
    computed.push_back(
      moved_by_ulps(plain.back(), static_cast<std::int64_t>(random.below(3)) - 1));
  }
  CHECK(checked_size(computed) <= checked_size(plain) + 300);
}

TEST_CASE("few different doubles take the bits that tell them apart",
          "[series_block]") {
  made_noise random{5};
  const floats words{-17.25, 1.0 / 3, 1e300, limits::quiet_NaN()};
  floats xs;
  for (int i = 0; i < 1000; ++i)
    xs.push_back(words[random.below(4)]);
  CHECK(checked_size(xs) <= 1000 * 2 / 8 + 100);
}

TEST_CASE("one double for all takes no more than itself", "[series_block]") {
  CHECK(checked_size(floats(10'000, 1.0 / 3)) <= 9);
}

TEST_CASE("doubles near to a reference take their distance", "[series_block]") {
  made_noise random{6};
  float_references references(1);
  floats xs;
  for (int i = 0; i < 1000; ++i) {
    references[0].push_back(random() * 1000);
    xs.push_back(std::nextafter(references[0].back(), 1e9));
  }
  CHECK(checked_size(xs, references) <= 60);
  references[0][3] = limits::quiet_NaN(); // It foretells nothing, and breaks nothing.
  checked_size(xs, references);
}

TEST_CASE("how many digits stand behind the point is found", "[series_block]") {
  CHECK(common_decimals(floats{1.25, 3.5, 20.0}) == 2);
  CHECK(common_decimals(floats{0.1 + 0.2, 1.7}) == 1);
  CHECK(common_decimals(floats{1e5, 7, 0}) == 0);
  CHECK(common_decimals(floats{std::sqrt(2.0), std::sqrt(3.0)}) == no_decimals);
}
