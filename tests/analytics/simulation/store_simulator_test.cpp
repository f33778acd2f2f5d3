// The shop does what its header says: rhythm, habits, promotions, churn.
#include "analytics/simulation/store_simulator.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

using namespace weir::analytics::simulation;
namespace chrono = std::chrono;

namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;
constexpr std::int64_t day_ns = 24 * hour_ns;

std::int64_t date_ns(int y, unsigned m, unsigned d) {
  return chrono::sys_days{chrono::year{y} / chrono::month{m} / chrono::day{d}}
           .time_since_epoch()
           .count()
         * day_ns;
}

/// A Monday without a holiday near.
const auto start_ns = date_ns(2024, 6, 3);

struct shop {
  explicit shop(store_config config = {}, std::int64_t from_ns = start_ns)
    : uut(config, from_ns), now_ns(from_ns) {
  }
  void run(std::int64_t span_ns, std::int64_t step_ns = hour_ns) {
    for (auto end_ns = now_ns + span_ns; now_ns < end_ns; now_ns += step_ns) {
      for (auto& x : uut.step(now_ns + step_ns))
        events.push_back(x);
      for (auto& x : uut.take_truth())
        truth.push_back(x);
    }
  }
  const std::string& customer_of(const sim_event& x) const {
    return uut.series()[x.series].source;
  }
  store_simulator uut;
  std::int64_t now_ns;
  std::vector<sim_event> events;
  std::vector<sim_truth> truth;
};

store_config busy(std::size_t customers, double activity) {
  store_config result;
  result.customers = customers;
  result.activity = activity;
  return result;
}

} // namespace

TEST_CASE("the same seed sells the same, however the steps are cut", "[simulation]") {
  shop hourly{busy(50, 5.0)};
  shop daily{busy(50, 5.0)};
  hourly.run(30 * day_ns, hour_ns);
  daily.run(30 * day_ns, day_ns);
  CHECK(hourly.events.size() > 300);
  CHECK(hourly.events == daily.events);
  CHECK(hourly.truth.size() == daily.truth.size());
  auto other = busy(50, 5.0);
  other.seed = 2;
  shop another{other};
  another.run(30 * day_ns);
  CHECK(another.events != hourly.events);
}

TEST_CASE("purchases are in order of time, in whole cents, with growing ids",
          "[simulation]") {
  shop uut{busy(100, 10.0)};
  uut.run(14 * day_ns);
  std::int64_t last_ns = start_ns;
  std::uint64_t last_id = 0;
  for (const auto& x : uut.events) {
    CHECK(x.time_ns >= last_ns);
    CHECK(x.time_ns % 1'000'000 == 0);
    CHECK(x.id > last_id);
    CHECK(x.value >= 0.01);
    CHECK(std::abs(x.value * 100.0 - std::round(x.value * 100.0)) < 1e-6);
    last_ns = x.time_ns;
    last_id = x.id;
  }
  CHECK(uut.uut.series()[0].metric == "purchase");
  CHECK(uut.uut.series()[0].source == "u-0001");
  CHECK(uut.uut.series()[0].kind == source_kind::user);
}

TEST_CASE("hours and weekdays have their rhythm", "[simulation]") {
  shop uut{busy(200, 20.0)};
  uut.run(28 * day_ns);
  std::map<int, double> by_hour;
  std::map<int, double> by_weekday;
  for (const auto& x : uut.events) {
    auto now = to_local(x.time_ns, 0.0);
    by_hour[static_cast<int>(now.hour)] += 1.0;
    by_weekday[now.weekday] += 1.0;
  }
  CHECK(by_hour[11] > 5.0 * by_hour[3]);
  CHECK(by_hour[18] > 5.0 * by_hour[3]);
  CHECK(by_hour[3] > 0.0);
  CHECK(by_hour[11] > 1.5 * by_hour[15]);
}

TEST_CASE("the number of purchases is that of the stated rates", "[simulation]") {
  store_config config = busy(200, 1.0);
  config.churn_days = 10'000.0; // Nobody leaves, no one-off buys.
  double total = 0.0;
  for (config.seed = 1; config.seed <= 5; ++config.seed) {
    shop uut{config};
    uut.run(63 * day_ns, day_ns);
    total += static_cast<double>(uut.events.size());
  }
  // A week: 70 loyal, 50 hunters x 0.4, 30 seasonal x 0.5 x 0.25, 20 churners;
  // a promotion runs 3 of 13 days: hunters 1.92 times, the others 1.12 times.
  auto weekly = (70.0 + 20.0 + 3.75) * 1.12 + 20.0 * 1.92;
  CHECK(total / 5.0 == Approx(9.0 * weekly).epsilon(0.10));
}

TEST_CASE("each segment buys by its habit", "[simulation]") {
  store_config config = busy(100, 1.0);
  config.churn_days = 40.0;
  shop uut{config, date_ns(2024, 1, 8)};
  uut.run(350 * day_ns, day_ns);
  std::map<std::string, std::string> segment;
  std::map<std::string, std::int64_t> leaves_ns;
  for (const auto& x : uut.truth) {
    if (x.kind == "segment")
      segment[x.source] = x.detail;
    if (x.kind == "churn")
      leaves_ns[x.source] = x.start_ns;
  }
  CHECK(segment.size() == 100);
  std::map<std::string, int> customers;
  for (const auto& [name, kind] : segment)
    ++customers[kind];
  CHECK(customers["loyal_weekly"] == 35);
  CHECK(customers["bargain_hunter"] == 25);
  CHECK(customers["seasonal"] == 15);
  CHECK(customers["one_off"] == 15);
  CHECK(customers["churner"] == 10);
  CHECK(leaves_ns.size() == 10);

  std::map<std::string, int> purchases;
  int seasonal_in_season = 0;
  int seasonal_before = 0;
  int after_leaving = 0;
  for (const auto& x : uut.events) {
    const auto& who = uut.customer_of(x);
    ++purchases[who];
    if (segment[who] == "seasonal")
      (to_local(x.time_ns, 0.0).day_of_year >= 304.0 ? seasonal_in_season
                                                     : seasonal_before)
        += 1;
    if (leaves_ns.contains(who) && x.time_ns >= leaves_ns[who])
      ++after_leaving;
  }
  CHECK(after_leaving == 0);
  CHECK(seasonal_in_season > seasonal_before); // In a sixth of the time.
  for (const auto& [name, kind] : segment) {
    INFO(name << " is " << kind);
    if (kind == "one_off")
      CHECK(purchases[name] == 1);
    if (kind == "loyal_weekly")
      CHECK(purchases[name] == Approx(55).margin(35));
  }
}

TEST_CASE("loyal customers keep to their weekday", "[simulation]") {
  shop uut{busy(20, 1.0)};
  uut.run(350 * day_ns, day_ns);
  std::map<int, int> days;
  int total = 0;
  for (const auto& x : uut.events) {
    if (uut.customer_of(x) != "u-0001")
      continue;
    ++days[to_local(x.time_ns, 0.0).weekday];
    ++total;
  }
  auto most = std::max_element(days.begin(), days.end(),
                               [](auto& x, auto& y) { return x.second < y.second; });
  REQUIRE(total > 20);
  CHECK(most->second > total / 2);
}

TEST_CASE("promotions draw purchases to their category while they run",
          "[simulation]") {
  shop uut{busy(200, 20.0)};
  uut.run(60 * day_ns);
  int promotions = 0;
  for (const auto& p : uut.truth) {
    if (p.kind != "promotion" || p.end_ns > uut.now_ns)
      continue;
    ++promotions;
    CHECK(p.magnitude == 0.20);
    CHECK((p.end_ns - p.start_ns) % day_ns == 0);
    double inside = 0.0;
    double inside_category = 0.0;
    double before = 0.0;
    for (const auto& x : uut.events) {
      auto length = p.end_ns - p.start_ns;
      if (x.time_ns >= p.start_ns && x.time_ns < p.end_ns) {
        inside += 1.0;
        const auto& dimension = uut.uut.series()[x.series].dimensions.front();
        if (dimension.second == p.metric)
          inside_category += 1.0;
      } else if (x.time_ns < p.start_ns - 7 * day_ns + length
                 && x.time_ns >= p.start_ns - 7 * day_ns) {
        before += 1.0; // The same weekdays one week earlier.
      }
    }
    CHECK(inside_category > 0.45 * inside);
    if (p.start_ns - 7 * day_ns > start_ns)
      CHECK(inside > 1.15 * before);
  }
  CHECK(promotions >= 3);
}

TEST_CASE("holidays are announced, quiet, and busy the days before", "[simulation]") {
  auto config = busy(200, 20.0);
  config.churn_days = 10'000.0;
  shop uut{config, date_ns(2024, 12, 2)};
  uut.run(31 * day_ns);
  std::vector<std::string> names;
  for (const auto& x : uut.truth)
    if (x.kind == "holiday")
      names.push_back(x.detail);
  CHECK(names
        == std::vector<std::string>{"Christmas Day", "Boxing Day", "New Year's Day"});
  std::map<std::int64_t, double> by_day;
  for (const auto& x : uut.events)
    by_day[to_local(x.time_ns, 0.0).day] += 1.0;
  auto day = date_ns(2024, 12, 25) / day_ns;
  CHECK(by_day[day] < 0.35 * by_day[day - 7]);
  CHECK(by_day[day - 1] > 1.15 * by_day[day - 8]);
}

TEST_CASE("shop settings that cannot work are refused with their name",
          "[simulation]") {
  store_config config;
  CHECK(validate(config));
  config.customers = 0;
  CHECK(validate(config).error().find("customers") != std::string::npos);
  config = {};
  config.activity = 0.0;
  CHECK(validate(config).error().find("activity") != std::string::npos);
  config = {};
  config.churn_days = std::nan("");
  CHECK(validate(config).error().find("churn") != std::string::npos);
}
