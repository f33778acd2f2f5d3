// DISTINCT COUNTS: exact while few, within the standard error beyond; merging is the
// sketch of the union.
#include "analytics/distinct_sketch.hpp"

#include "analytics/series.hpp"
#include "tests/support/decoding.hpp"
#include "tests/support/hex.hpp"

#include <cmath>
#include <random>
#include <vector>

using namespace weir::analytics;
using namespace weir::test;

namespace {

distinct_sketch sketch_of(std::mt19937_64& random, std::size_t count) {
  distinct_sketch sketch;
  for (std::size_t i = 0; i < count; ++i)
    sketch.add(random());
  return sketch;
}

} // namespace

TEST_CASE("up to 512 things are counted exactly, however often they come", "[sketch]") {
  distinct_sketch sketch;
  CHECK(sketch.estimate() == 0.0);
  CHECK(sketch.size_bytes() < 100);
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 512; ++i)
      sketch.add(stable_hash("user-" + std::to_string(i)));
  CHECK(sketch.estimate() == 512.0);
  CHECK(sketch.size_bytes() < 2200);
}

TEST_CASE("estimates are within the standard error, on average and at most four times",
          "[sketch]") {
  constexpr auto standard_error = 1.04 / 64.0;
  for (std::size_t count : {10ul, 100ul, 1000ul, 10'000ul, 1'000'000ul}) {
    auto rounds = count > 100'000 ? 5u : 40u;
    double squares = 0.0;
    for (unsigned seed = 1; seed <= rounds; ++seed) {
      std::mt19937_64 random{seed};
      auto sketch = sketch_of(random, count);
      auto error = sketch.estimate() / static_cast<double>(count) - 1.0;
      CAPTURE(count, seed, error);
      CHECK(std::fabs(error) < 4 * standard_error);
      squares += error * error;
    }
    CAPTURE(count);
    CHECK(std::sqrt(squares / rounds) < 1.5 * standard_error);
  }
}

TEST_CASE("estimates do not jump where the list ends", "[sketch]") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random{seed};
    auto sketch = sketch_of(random, 512);
    CHECK(sketch.estimate() == 512.0);
    sketch.add(random());
    CAPTURE(seed);
    CHECK(sketch.estimate() == Approx(513).epsilon(0.04));
    CHECK(sketch.size_bytes() < 4300);
  }
}

TEST_CASE("texts hash well enough for the estimate", "[sketch]") {
  distinct_sketch sketch;
  for (int i = 0; i < 100'000; ++i)
    sketch.add(stable_hash(std::to_string(i)));
  CHECK(sketch.estimate() == Approx(100'000).epsilon(0.05));
}

TEST_CASE("merging in any split and order gives the sketch of all", "[sketch]") {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    std::vector<distinct_sketch> parts(1 + random() % 6);
    distinct_sketch all;
    auto count = random() % 2000;
    for (std::size_t i = 0; i < count; ++i) {
      // Some with many zeros: registers beyond what few random hashes reach.
      auto hash = random() >> (random() % 8 == 0 ? random() % 60 : 0);
      all.add(hash);
      parts[random() % parts.size()].add(hash);
      parts[random() % parts.size()].add(hash);
    }
    while (parts.size() > 1) {
      parts[random() % (parts.size() - 1)].merge(
        random() % 2 == 0 ? parts.back()
                          : *distinct_sketch::decode(encoded(parts.back())));
      parts.pop_back();
    }
    REQUIRE(parts[0] == all);
    auto twice = all;
    twice.merge(twice);
    REQUIRE(twice == all);
  }
}

TEST_CASE("a distinct sketch's bytes are what SKETCHES.md shows", "[sketch]") {
  distinct_sketch sketch;
  sketch.add(stable_hash("a"));
  sketch.add(stable_hash("b"));
  CHECK(to_hex(encoded(sketch)) == "010002c2bd810bc1f4e9ed01");
  std::mt19937_64 random{1};
  check_decoding(sketch);
  check_decoding(distinct_sketch{});
  check_decoding(sketch_of(random, 300));
  check_decoding(sketch_of(random, 5000));
  CHECK(encoded(sketch_of(random, 5000)).size() == 3074);
}

TEST_CASE("hostile bytes of a distinct sketch are refused", "[sketch]") {
  for (const auto* bytes : {
         "",                    // nothing
         "02 00 00",            // version
         "01 02 00",            // form
         "01 00 8104",          // 513 entries
         "01 00 ffffffffff7f",  // very many
         "01 00 01 00",         // the first one nowhere
         "01 00 01 29",         // the first one behind the end
         "01 00 02 01 01",      // the same hash twice
         "01 00 01 ffffffff0f", // beyond 31 bits
         "01 00 01 8100",       // a varint with a needless byte
         "01 01 000000",        // registers missing
       }) {
    CAPTURE(bytes);
    CHECK_FALSE(distinct_sketch::decode(from_hex(bytes)));
  }
  auto registers = from_hex("0101") + std::string(3072, '\0');
  CHECK(distinct_sketch::decode(registers));
  registers[2] = 54;
  CHECK_FALSE(distinct_sketch::decode(registers));
}
