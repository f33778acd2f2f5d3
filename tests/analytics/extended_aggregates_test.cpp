// FURTHER AGGREGATES: minutes make hours and hours days as if from the events; late
// events and overlaps do what the header says; bytes are checked.
#include "analytics/extended_aggregates.hpp"

#include "analytics/pane_windows.hpp"
#include "analytics/series.hpp"
#include "tests/support/decoding.hpp"
#include "tests/support/hex.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace weir::analytics;
using namespace weir::test;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

struct event_at {
  std::int64_t time_ns = 0;
  double value = 0.0;
  std::string user;
};

aggregate_plan full_plan() {
  return parse_aggregates({"p50", "rate", "time_weighted_mean", "distinct(user)",
                           "distinct(shop)", "top(5, user)"})
    .value();
}

void add(extended_aggregates& to, const event_at& x) {
  const std::vector<std::uint64_t> hashes{stable_hash(x.user), stable_hash("shop")};
  const std::string_view user = x.user;
  to.add(x.time_ns, x.value, hashes, {&user, 1});
}

extended_aggregates of(const std::vector<event_at>& events) {
  extended_aggregates result{full_plan()};
  for (const auto& x : events)
    add(result, x);
  return result;
}

std::vector<event_at> random_events(std::mt19937& random, std::size_t count,
                                    std::int64_t step_ns_max) {
  std::vector<event_at> events;
  std::int64_t time_ns = 1'000'000;
  double counter = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    time_ns += static_cast<std::int64_t>(random()) % step_ns_max;
    counter = random() % 50 == 0 ? 0.0 : counter + static_cast<double>(random() % 100);
    events.push_back({time_ns, counter, "u" + std::to_string(random() % 40)});
  }
  return events;
}

void check_same(const extended_aggregates& a, const extended_aggregates& b) {
  REQUIRE(a.quantiles());
  REQUIRE(b.quantiles());
  CHECK(*a.quantiles() == *b.quantiles());
  CHECK(*a.distinct("user") == *b.distinct("user"));
  CHECK(*a.distinct("shop") == *b.distinct("shop"));
  CHECK(a.top("user")->top(100) == b.top("user")->top(100));
  if (std::isnan(a.rate()))
    CHECK(std::isnan(b.rate()));
  else
    CHECK(a.rate() == Approx(b.rate()).epsilon(1e-9));
  CHECK(a.time_weighted_mean() == Approx(b.time_weighted_mean()).epsilon(1e-9));
}

} // namespace

TEST_CASE("splitting by time and merging gives what all events give", "[aggregates]") {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    auto events = random_events(random, 2 + random() % 400, 3 * second_ns);
    std::vector<extended_aggregates> parts;
    for (std::size_t begin = 0; begin < events.size();) {
      auto end = std::min(events.size(), begin + 1 + random() % 50);
      parts.push_back(of({events.begin() + static_cast<std::ptrdiff_t>(begin),
                          events.begin() + static_cast<std::ptrdiff_t>(end)}));
      begin = end;
    }
    // Neighbours in any grouping, either one into the other.
    while (parts.size() > 1) {
      auto i = random() % (parts.size() - 1);
      if (random() % 2 == 0) {
        parts[i].merge(parts[i + 1]);
      } else {
        parts[i + 1].merge(*extended_aggregates::decode(encoded(parts[i])));
        std::swap(parts[i], parts[i + 1]);
      }
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
    check_same(parts[0], of(events));
  }
}

TEST_CASE("minutes make hours and hours days as if from the events", "[aggregates]") {
  std::mt19937 random{77};
  auto events = random_events(random, 40'000, 4 * second_ns);
  auto plan = full_plan();
  fact_book facts{plan, [&](series_id i, const std::string& name) {
                    return name == "user" ? events[i].user : name;
                  }};
  pane_windows window{{60 * second_ns, 60 * second_ns}, plan, &facts};
  window.open(0, 0);
  std::vector<summary> minutes;
  for (std::size_t i = 0; i < events.size(); ++i) {
    // Each event is a series of its own, so that it has its own user.
    keyed_event x{events[i].time_ns, events[i].value, static_cast<series_id>(i), 0};
    window.add(0, x, {x.time_ns, x.time_ns}, minutes);
  }
  window.close(0, true, minutes);
  REQUIRE(minutes.size() > 1000);
  auto coarser = [](const std::vector<summary>& from, std::int64_t width_ns) {
    std::vector<summary> result;
    for (const auto& x : from)
      if (!result.empty()
          && floor_to_multiple(x.start_ns, width_ns)
               == floor_to_multiple(result.back().start_ns, width_ns))
        merge(result.back(), x);
      else
        result.push_back(x);
    return result;
  };
  auto hours = coarser(minutes, 3600 * second_ns);
  auto days = coarser(hours, 86'400 * second_ns);
  REQUIRE(days.size() < hours.size());
  auto whole = days[0];
  for (std::size_t i = 1; i < days.size(); ++i)
    merge(whole, days[i]);
  auto expected = of(events);
  check_same(*extended_aggregates::decode(whole.extended), expected);
  CHECK(value_of(whole, *parse_aggregate("p50"))
        == Approx(expected.quantiles()->quantile(0.5)));
}

TEST_CASE("a counter's restart is no negative rate", "[aggregates]") {
  extended_aggregates x{*parse_aggregates({"rate"})};
  CHECK(std::isnan(x.rate()));
  x.add(0, 100.0);
  CHECK(std::isnan(x.rate()));
  x.add(2 * second_ns, 110.0);
  CHECK(x.rate() == 5.0);
  x.add(4 * second_ns, 6.0); // Restarted, then 6.
  CHECK(x.rate() == 4.0);
  x.add(8 * second_ns, -5.0); // No counter; never below 0 all the same.
  CHECK(x.rate() == 2.0);
  CHECK(std::isnan(x.time_weighted_mean()));
}

TEST_CASE("late events extend the front exactly and change nothing in between",
          "[aggregates]") {
  extended_aggregates x{*parse_aggregates({"rate", "time_weighted_mean"})};
  x.add(10 * second_ns, 20.0);
  x.add(20 * second_ns, 40.0);
  x.add(15 * second_ns, 1000.0); // In between: neither.
  CHECK(x.rate() == 2.0);
  CHECK(x.time_weighted_mean() == 20.0);
  x.add(0, 10.0); // The front.
  CHECK(x.rate() == 1.5);
  CHECK(x.time_weighted_mean() == 15.0);
  x.add(20 * second_ns, 44.0); // At the same time as the last: later.
  CHECK(x.rate() == Approx(34.0 / 20.0));
  CHECK(x.time_weighted_mean() == 15.0);
}

TEST_CASE("of spans that overlap the first counts whole, the other behind it",
          "[aggregates]") {
  auto plan = *parse_aggregates({"rate", "time_weighted_mean"});
  extended_aggregates a{plan};
  a.add(0, 0.0);
  a.add(10 * second_ns, 10.0);
  extended_aggregates b{plan};
  b.add(5 * second_ns, 100.0);
  b.add(15 * second_ns, 120.0);
  auto both = *extended_aggregates::decode(encoded(a));
  both.merge(b);
  CHECK(both.rate() == Approx((10.0 + 20.0 / 2) / 15.0));
  CHECK(both.time_weighted_mean() == Approx((0.0 + 1000.0 / 2) / 15.0));
  b.merge(a); // The order of the call does not matter.
  CHECK(encoded(b) == encoded(both));
  extended_aggregates inside{plan};
  inside.add(2 * second_ns, 500.0);
  inside.add(3 * second_ns, 900.0);
  auto before = encoded(a);
  a.merge(inside);
  CHECK(encoded(a) == before);
  a.merge(extended_aggregates{plan});
  CHECK(encoded(a) == before);
  extended_aggregates none{plan};
  none.merge(a);
  CHECK(encoded(none) == before);
}

TEST_CASE("a part that one side has is kept", "[aggregates]") {
  auto a = of({{0, 1.0, "x"}});
  extended_aggregates b{*parse_aggregates(
    {"rate", "distinct(a)", "distinct(b)", "distinct(c)", "top(1,z)"})};
  auto merged = *extended_aggregates::decode(encoded(a));
  merged.merge(b);
  CHECK(merged.distinct_names()
        == std::vector<std::string_view>{"user", "shop", "a", "b"});
  CHECK(merged.top_names() == std::vector<std::string_view>{"user", "z"});
  CHECK(merged.quantiles()->count() == 1);
  extended_aggregates empty;
  empty.merge(a);
  check_same(empty, a);
  a.merge(a);
  CHECK(a.quantiles()->count() == 2);
  CHECK_FALSE(a.distinct("nothing"));
  CHECK_FALSE(a.top("nothing"));
}

TEST_CASE("state fits the plan that it was made from and no other", "[aggregates]") {
  auto plan = full_plan();
  CHECK(of({}).fits(plan));
  CHECK(extended_aggregates::decode(encoded(of({{1, 2.0, "x"}})))->fits(plan));
  CHECK(extended_aggregates{}.fits(*parse_aggregates({"sum"})));
  CHECK_FALSE(extended_aggregates{}.fits(plan));
  for (int change = 0; change < 6; ++change) {
    auto other = plan;
    if (change == 0)
      other.quantiles = false;
    else if (change == 1)
      other.alpha = 0.02;
    else if (change == 2)
      other.rate = false;
    else if (change == 3)
      std::swap(other.distinct[0], other.distinct[1]);
    else if (change == 4)
      other.top[0].k = 6;
    else
      other.top.clear();
    CAPTURE(change);
    CHECK_FALSE(of({}).fits(other));
  }
}

TEST_CASE("plain state costs nothing, spans may be short, absent texts are skipped",
          "[aggregates]") {
  extended_aggregates plain{*parse_aggregates({"sum"})};
  plain.add(1, 2.0);
  CHECK(plain.is_plain());
  CHECK(plain.size_bytes() <= 64);
  CHECK(encoded(plain).empty());
  CHECK(extended_aggregates::decode("")->is_plain());
  auto x = of({});
  x.add(1, 2.0);
  const std::vector<std::uint64_t> hashes{0, 5, 6, 7};
  const std::vector<std::string_view> texts{"", "b", "c"};
  x.add(2, 2.0, hashes, texts);
  CHECK(x.distinct("user")->estimate() == 0.0);
  CHECK(x.distinct("shop")->estimate() == 1.0);
  CHECK(x.top("user")->total() == 0.0);
}

TEST_CASE("extreme values and times stay finite and decode", "[aggregates]") {
  auto x = of({});
  constexpr auto max = std::numeric_limits<double>::max();
  for (double value : {max, -max, max, -max, max})
    for (auto time_ns : {INT64_MIN, INT64_MAX, std::int64_t{0}})
      x.add(time_ns, value);
  check_decoding(x);
  CHECK(std::isfinite(x.time_weighted_mean()));
  CHECK(std::isfinite(x.rate()));
  x.merge(*extended_aggregates::decode(encoded(x)));
  check_decoding(x);
}

TEST_CASE("the largest state stays within its bytes", "[aggregates]") {
  std::vector<std::string> texts{"p50", "rate", "time_weighted_mean"};
  for (int i = 0; i < 4; ++i) {
    auto name = std::string(127, 'n') + std::to_string(i);
    texts.push_back("distinct(" + name + ")");
    texts.push_back("top(100, " + name + ")");
  }
  extended_aggregates x{*parse_aggregates(texts)};
  std::mt19937_64 random{4};
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<std::uint64_t> hashes(4, random());
    auto text = std::string(250, 'x') + std::to_string(i % 1000);
    const std::vector<std::string_view> users(4, text);
    x.add(i, std::pow(1.02, i % 1024) * (i % 2 == 0 ? 1.0 : -1.0), hashes, users);
  }
  for (int i = 0; i < 48; ++i)
    x.merge(*extended_aggregates::decode(encoded(x)));
  auto bytes = encoded(x);
  CHECK(bytes.size() > 40'000);
  CHECK(bytes.size() <= extended_bytes_max);
  REQUIRE(extended_aggregates::decode(bytes));
  CHECK(encoded(*extended_aggregates::decode(bytes)) == bytes);
  CHECK_FALSE(extended_aggregates::decode(std::string(extended_bytes_max + 1, '\1')));
}

TEST_CASE("further aggregates' bytes are what SKETCHES.md shows", "[aggregates]") {
  extended_aggregates x{*parse_aggregates({"p50", "rate", "distinct(d)", "top(1, d)"})};
  const std::uint64_t hash = stable_hash("a");
  const std::string_view text = "a";
  x.add(5 * second_ns, 1.0, {&hash, 1}, {&text, 1});
  x.add(6 * second_ns, 3.0, {&hash, 1}, {&text, 1});
  CHECK(to_hex(encoded(x))
        == "01"
           "010c0100904e0038000100350100"             // quantiles
           "02120500f2052a010000008094ebdc0302060402" // rate
           "03090164010001c2bd810b"                   // distinct(d)
           "040b0164010104000101610400");
  check_decoding(x);
  check_decoding(of({}));
  std::mt19937 random{2};
  check_decoding(of(random_events(random, 500, second_ns)));
}

TEST_CASE("hostile bytes of further aggregates are refused", "[aggregates]") {
  for (const auto* bytes : {
         "01",                                           // nothing behind the version
         "02 02 01 01",                                  // version
         "01 05 00",                                     // an unknown part
         "01 00 00",                                     // no part
         "01 02 01 01 02 01 01",                         // a part twice
         "01 02 01 01 01 01 00",                         // out of order
         "01 02 01 00",                                  // wants neither rate nor mean
         "01 02 01 09",                                  // an unknown flag
         "01 02 01 05",                                  // events, but no numbers
         "01 02 02 01 00",                               // bytes behind the end
         "01 02 7f 01",                                  // cut off
         "01 02 ffffffffff7f 01",                        // far beyond the end
         "01 03 00",                                     // no name
         "01 03 04 00 01 00 00",                         // an empty name
         "01 03 05 01 61 01 00 00 03 05 01 61 01 00 00", // a name twice
         // last before first, over the end of 64 bits
         "01 02 15 05 ffffffffffffff7f 01 00 00 00 00",
       }) {
    CAPTURE(bytes);
    CHECK_FALSE(extended_aggregates::decode(from_hex(bytes)));
  }
  CHECK(extended_aggregates::decode(from_hex("01 03 05 01 61 01 00 00")));
}
