// QUARANTINE: counts everything, keeps a bounded sample.
#include "actors/quarantine.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;
using weir::analytics::reject_reason;

namespace {
constexpr std::int64_t second_ns = 1'000'000'000;
} // namespace

TEST_CASE("every rejection is counted by source and reason", "[actors]") {
  quarantine uut;
  for (int i = 0; i < 1000; ++i)
    uut.add("a", "t/1", reject_reason::malformed, "d", "x", second_ns);
  uut.add("b", "t/2", reject_reason::bad_time, "d", "x", second_ns);
  CHECK(uut.sum() == 1001);
  CHECK(uut.by_source().at("a")[0] == 1000);
  CHECK(uut.total()[static_cast<std::size_t>(reject_reason::bad_time)] == 1);
}

TEST_CASE("samples are limited by rate and cut to their first bytes", "[actors]") {
  quarantine uut{{.samples_per_s = 5.0, .samples_burst = 10.0}};
  std::string large(10'000, 'x');
  for (int i = 0; i < 100; ++i)
    uut.add("a", "t/1", reject_reason::malformed, "why", large, second_ns);
  auto samples = uut.take_samples();
  REQUIRE(samples.size() == 10);
  CHECK(samples[0].first_bytes.size() == 256);
  CHECK(samples[0].source == "a t/1");
  CHECK(samples[0].detail == "why");
  CHECK(uut.take_samples().empty());
  for (int i = 0; i < 100; ++i)
    uut.add("a", "", reject_reason::malformed, "", "", 2 * second_ns);
  CHECK(uut.take_samples().size() == 5);
}

TEST_CASE("a clock that goes back neither fills nor empties the sample budget",
          "[actors]") {
  quarantine uut{{.samples_per_s = 5.0, .samples_burst = 2.0}};
  uut.add("a", "", reject_reason::malformed, "", "", 10 * second_ns);
  uut.add("a", "", reject_reason::malformed, "", "", second_ns);
  uut.add("a", "", reject_reason::malformed, "", "", second_ns);
  CHECK(uut.take_samples().size() == 2);
}

TEST_CASE("sources beyond the limit are counted together", "[actors]") {
  quarantine uut{{.sources_max = 2}};
  for (int i = 0; i < 10; ++i)
    uut.add(std::to_string(i), "", reject_reason::malformed, "", "", second_ns);
  CHECK(uut.by_source().size() == 3);
  CHECK(uut.by_source().at("other")[0] == 8);
}
