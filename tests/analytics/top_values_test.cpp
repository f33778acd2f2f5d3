// TOP VALUES: the bounds hold for every text, after any splits and merges.
#include "analytics/top_values.hpp"

#include "tests/support/decoding.hpp"
#include "tests/support/hex.hpp"

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace weir::analytics;
using namespace weir::test;

namespace {

using weights = std::map<std::string, double>;

std::uint32_t below(std::mt19937& random, std::uint32_t limit) {
  return static_cast<std::uint32_t>(random()) % limit;
}

/// Few heavy texts and many light ones; or all alike, the worst case.
std::string random_text(std::mt19937& random, bool skewed, std::uint32_t texts) {
  auto x = below(random, texts);
  if (skewed)
    x = x % (1 + below(random, texts)) % (1 + below(random, texts));
  return "text-" + std::to_string(x);
}

void check_floor(const top_values& values) {
  auto limit = values.total() / static_cast<double>(values.capacity()) * (1.0 + 1e-9);
  REQUIRE(values.floor() <= limit);
  for (const auto& x : values.top(10'000))
    REQUIRE(x.error <= limit);
}

void check_bounds(const top_values& values, const weights& truth, double total) {
  CHECK(values.total() == Approx(total));
  std::size_t found = 0;
  weights shown;
  for (const auto& x : values.top(10'000)) {
    auto pos = truth.find(x.text);
    REQUIRE(pos != truth.end());
    REQUIRE(pos->second <= x.weight * (1.0 + 1e-12));
    REQUIRE(pos->second >= (x.weight - x.error) * (1.0 - 1e-12));
    shown[x.text] = x.weight;
    ++found;
  }
  REQUIRE(found <= values.capacity());
  for (const auto& [text, weight] : truth)
    if (shown.count(text) == 0)
      REQUIRE(weight <= values.floor() * (1.0 + 1e-12));
}

} // namespace

TEST_CASE("few texts are counted exactly and in order", "[sketch]") {
  top_values values{3};
  for (int i = 0; i < 64; ++i)
    values.add("t" + std::to_string(i), 1.0 + i % 4);
  CHECK(values.floor() == 0.0);
  auto top = values.top(3);
  CHECK(
    top
    == std::vector<top_value>{{"t11", 4.0, 0.0}, {"t15", 4.0, 0.0}, {"t19", 4.0, 0.0}});
  CHECK(values.top(0).empty());
  CHECK(values.top(1000).size() == 64);
}

TEST_CASE("bounds hold for every text of a stream", "[sketch]") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    top_values values{1 + below(random, 20)};
    weights truth;
    double total = 0.0;
    auto texts = 1 + below(random, 2000);
    auto count = below(random, 8000);
    auto skewed = random() % 2 == 0;
    auto whole = random() % 2 == 0;
    for (unsigned i = 0; i < count; ++i) {
      auto text = random_text(random, skewed, texts);
      auto weight = whole ? 1.0 : 0.1 + static_cast<double>(below(random, 1000));
      values.add(text, weight);
      truth[text] += weight;
      total += weight;
    }
    check_bounds(values, truth, total);
    check_floor(values);
  }
}

TEST_CASE("bounds hold after merging in any split and order", "[sketch]") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    std::vector<top_values> parts(1 + random() % 6, top_values{1 + below(random, 20)});
    weights truth;
    double total = 0.0;
    auto texts = 1 + below(random, 2000);
    auto count = below(random, 8000);
    auto skewed = random() % 2 == 0;
    for (unsigned i = 0; i < count; ++i) {
      auto text = random_text(random, skewed, texts);
      parts[random() % parts.size()].add(text);
      truth[text] += 1.0;
      total += 1.0;
    }
    while (parts.size() > 1) {
      parts[random() % (parts.size() - 1)].merge(
        random() % 2 == 0 ? parts.back() : *top_values::decode(encoded(parts.back())));
      parts.pop_back();
    }
    check_bounds(parts[0], truth, total);
    check_floor(parts[0]);
    parts[0].merge(parts[0]);
    for (auto& [text, weight] : truth)
      weight *= 2;
    check_bounds(parts[0], truth, 2 * total);
  }
}

TEST_CASE("the heavy hitters of a skewed stream are found", "[sketch]") {
  std::mt19937 random{9};
  top_values values{10};
  weights truth;
  for (int i = 0; i < 200'000; ++i) {
    // Zipf's law over 20,000 texts.
    auto u = static_cast<double>(random()) / 4294967296.0;
    auto text = std::to_string(static_cast<int>(std::exp(u * std::log(20'000.0))));
    values.add(text);
    truth[text] += 1.0;
  }
  auto top = values.top(5);
  REQUIRE(top.size() == 5);
  for (int i = 0; i < 5; ++i)
    CHECK(top[static_cast<std::size_t>(i)].text == std::to_string(i + 1));
  CHECK(truth["1"] <= top[0].weight);
}

TEST_CASE("weights that are no weights are passed over, long texts are cut",
          "[sketch]") {
  top_values values{1};
  for (double weight : {0.0, -1.0, std::nan(""), HUGE_VAL, -HUGE_VAL})
    values.add("x", weight);
  CHECK(values.total() == 0.0);
  CHECK(values.top(1).empty());
  values.add(std::string(255, 'a') + "ß");
  values.add(std::string(256, 'b') + "b");
  values.add(std::string(300, '\x80'));
  auto top = values.top(9);
  REQUIRE(top.size() == 3);
  CHECK(top[0].text == std::string(255, 'a'));
  CHECK(top[1].text == std::string(256, 'b'));
  CHECK(top[2].text == std::string(256, '\x80'));
  values.add("y", 1e308);
  values.add("y", 1e308);
  CHECK(std::isfinite(values.total()));
  check_decoding(values);
}

TEST_CASE("what does not fit in the bytes raises the floor", "[sketch]") {
  top_values values{100};
  weights truth;
  for (int i = 1; i <= 700; ++i) {
    auto text = std::string(200, 'x') + std::to_string(i);
    values.add(text, i);
    truth[text] = i;
  }
  std::string bytes;
  values.encode(bytes, 10'000);
  CHECK(bytes.size() <= 10'000);
  CHECK(bytes.size() > 9'500);
  auto less = top_values::decode(bytes);
  REQUIRE(less);
  check_bounds(*less, truth, 700 * 701 / 2);
  CHECK(less->floor() > 600.0);
  CHECK(less->top(10) == values.top(10));
  std::string none;
  values.encode(none, 0);
  CHECK(none.size() <= 64);
  REQUIRE(top_values::decode(none));
  CHECK(top_values::decode(none)->floor() == 700.0);
}

TEST_CASE("top values' bytes are what SKETCHES.md shows", "[sketch]") {
  top_values values{2};
  values.add("on", 3.0);
  values.add("off", 1.5);
  CHECK(to_hex(encoded(values))
        == "0102"                           // version, k 2
           "010000000000001240"             // total 4.5
           "0002"                           // floor 0, 2 texts
           "026f6e0600"                     // "on", 3, exact
           "036f666601000000000000f83f00"); // "off", 1.5, exact
  check_decoding(values);
  check_decoding(top_values{5});
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random{seed};
    top_values many{10};
    for (int i = 0; i < 5000; ++i)
      many.add(random_text(random, true, 500), 0.5 + below(random, 2));
    check_decoding(many);
  }
}

TEST_CASE("hostile bytes of top values are refused", "[sketch]") {
  for (const auto* bytes : {
         "",                                       // nothing
         "02 01 00 00 00",                         // version
         "01 00 00 00 00",                         // k 0
         "01 65 00 00 00",                         // k 101
         "01 01 00 00 41 00",                      // 65 texts
         "01 01 00 00 ffffffffff7f",               // very many
         "01 01 01 000000000000f07f 00 00",        // an infinite total
         "01 01 01 00000000000000c0 00 00",        // a negative total
         "01 01 01 0000000000000040 00 00",        // 2.0 in its long form
         "01 01 02 00 01 01 61 00 00",             // no weight
         "01 01 02 00 01 01 61 02 04",             // an error above the weight
         "01 01 04 00 02 01 61 02 00 01 62 04 00", // out of order
         "01 01 04 00 02 01 62 02 00 01 61 02 00", // equal weights out of order
         "01 01 04 00 02 01 61 04 00 01 61 02 00", // the same twice
         "01 01 02 00 01 7f 61",                   // a text cut off
       }) {
    CAPTURE(bytes);
    CHECK_FALSE(top_values::decode(from_hex(bytes)));
  }
  CHECK_FALSE(top_values::decode(from_hex("0101020001 8102") + std::string(257, 'a')
                                 + from_hex("0200")));
  CHECK(top_values::decode(from_hex("0101020001 8002") + std::string(256, 'a')
                           + from_hex("0200")));
}
