// Twenty devices, most of them with a clock that is wrong in some way of its own, over
// two hours: what the good ones send is never late because of the others, neither in
// their own windows nor in the windows of all, and those close in time.
#include "shard_fixture.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <random>
#include <set>

using namespace weir::analytics;

namespace {

constexpr std::int64_t minute_ns = 60 * second_ns;
constexpr std::int64_t hour_ns = 60 * minute_ns;
constexpr std::int64_t start_ns = 1'790'000'000 * second_ns;
constexpr std::int64_t width_ns = 10 * second_ns;

/// What a device's clock shows, by the true time since the start.
using clock_error = std::function<std::int64_t(std::int64_t)>;

struct device {
  std::string name;
  bool is_good = false;
  /// Not one of its own events may be late, wrong as its clock may be.
  bool is_punctual = true;
  clock_error time; ///< True time since the start -> event time.
  clock_error mute = [](std::int64_t) { return 0; }; ///< Not 0: sends nothing.
};

clock_error drifting(double rate) {
  return [rate](std::int64_t t) {
    return start_ns + t + static_cast<std::int64_t>(static_cast<double>(t) * rate);
  };
}

/// Wrong by `error` while `from` <= t < `until`.
clock_error jumping(std::int64_t error, std::int64_t from, std::int64_t until) {
  return
    [=](std::int64_t t) { return start_ns + t + (t >= from && t < until ? error : 0); };
}

std::vector<device> make_devices() {
  std::vector<device> result;
  for (int i = 0; i < 6; ++i)
    result.push_back({"good-" + std::to_string(i), true, true, drifting(0.0)});
  for (auto ppm : {200, -200, 20, -20})
    result.push_back({"ppm" + std::to_string(ppm), true, true, drifting(ppm * 1e-6)});
  // Six minutes in two hours: beyond what a group waits for, within what it keeps.
  result.push_back({"fast", false, true, drifting(0.05)});
  result.push_back({"slow", false, true, drifting(-0.05)});
  result.push_back(
    {"ahead", false, true, jumping(4 * minute_ns, 20 * minute_ns, 30 * minute_ns)});
  result.push_back({"ahead-often", false, true, [](std::int64_t t) {
                      return start_ns + t
                             + (t / minute_ns % 10 == 3 ? 3 * minute_ns : 0);
                    }});
  result.push_back(
    {"day-behind", false, false, jumping(-24 * hour_ns, 0, 9 * hour_ns)});
  result.push_back(
    {"day-back", false, false, jumping(-24 * hour_ns, hour_ns, 9 * hour_ns)});
  result.push_back({"from-1970", false, false, [](std::int64_t t) {
                      return t < 40 * minute_ns ? t : start_ns + t;
                    }});
  result.push_back({"stopped", false, false, [](std::int64_t t) {
                      return start_ns + std::min(t, 15 * minute_ns);
                    }});
  auto silent = device{"silent", true, true, drifting(0.0)};
  silent.mute = [](std::int64_t t) { return t > 30 * minute_ns ? 1 : 0; };
  result.push_back(silent);
  auto returns = device{"returns", true, true, drifting(0.0)};
  returns.mute
    = [](std::int64_t t) { return t > 20 * minute_ns && t < 100 * minute_ns ? 1 : 0; };
  result.push_back(returns);
  return result;
}

stream_config make_config() {
  stream_config config; // Its times are the defaults.
  config.detector.enabled = false;
  config.window->width_ns = width_ns;
  view_config view;
  view.name = "all";
  view.width_ns = width_ns;
  view.group_by = {"site"};
  config.views.push_back(view);
  return config;
}

std::int64_t floor_to_width(std::int64_t time_ns) {
  return time_ns / width_ns * width_ns;
}

} // namespace

TEST_CASE("bad clocks make nothing late but their own events", "[analytics]") {
  for (std::size_t shards : {1, 3}) {
    INFO(shards << " shards");
    std::mt19937_64 random{shards};
    auto devices = make_devices();
    REQUIRE(devices.size() == 20);
    test_node uut{make_config(), shards};
    auto group = test_node::name("all", "", {{"site", "x"}, {"view", "all"}});
    std::map<std::int64_t, std::size_t> good_in_window;
    std::map<std::string, std::map<std::int64_t, std::size_t>> own_windows;
    std::set<std::int64_t> sent;
    std::int64_t longest_wait_ns = 0;
    std::size_t seen = 0;
    for (std::int64_t t = 0; t < 2 * hour_ns; t += second_ns) {
      std::vector<event> batch;
      for (const auto& x : devices) {
        // An event is on its way for up to 1.5 s; order is kept to no degree.
        auto then = t - static_cast<std::int64_t>(random() % 1500) * 1'000'000;
        if (then < 0 || x.mute(then) != 0)
          continue;
        auto time_ns = x.time(then);
        auto id = uut.id("temp", x.name, {{"site", "x"}});
        // The sum of a window is how many good events it has.
        batch.push_back({time_ns, x.is_good ? 1.0 : 0.0, id, 0});
        good_in_window[floor_to_width(time_ns)] += x.is_good ? 1 : 0;
        ++own_windows[x.name][floor_to_width(time_ns)];
      }
      std::shuffle(batch.begin(), batch.end(), random);
      batch_time now{t, start_ns + t};
      uut.process(batch, now);
      uut.tick(now);
      for (; seen < uut.summaries.size(); ++seen) {
        const auto& [text, x] = uut.summaries[seen];
        auto end_ns = x.start_ns + x.width_ns;
        // Windows of now, not those that a clock of 1970 opens.
        if (text == group && end_ns > start_ns + 3 * minute_ns
            && sent.insert(x.start_ns).second)
          longest_wait_ns = std::max(longest_wait_ns, now.wall_ns - end_ns);
      }
    }
    uut.flush();

    // Late are only events of clocks that are far behind.
    std::map<std::string, std::uint64_t> late;
    for (std::size_t i = 0; i < shards; ++i)
      for (const auto& [source, count] : uut.at(i).late_sources(100))
        late[source] += count;
    for (const auto& x : devices) {
      INFO(x.name);
      if (x.is_good || x.is_punctual)
        CHECK(late[x.name] == 0);
    }
    CHECK(late["day-behind"] > 0);

    // Every event is in the windows of its own series, however wrong its clock, but
    // for those of a clock that went back.
    for (const auto& x : devices) {
      INFO(x.name);
      if (x.name == "day-back")
        continue;
      auto text = test_node::name("temp", x.name, {{"site", "x"}});
      for (const auto& [window_ns, count] : own_windows[x.name])
        CHECK(uut.windows.at({text, window_ns}).count == count);
    }

    // Every good event is in the group's windows, and nobody waits for a bad clock.
    for (const auto& [window_ns, count] : good_in_window)
      if (count > 0) {
        auto pos = uut.windows.find({group, window_ns});
        REQUIRE(pos != uut.windows.end());
        CHECK(std::lround(pos->second.sum) == static_cast<long>(count));
      }
    event_time_config time;
    CHECK(longest_wait_ns
          <= time.hold_max_ns + time.out_of_orderness_ns + 4 * second_ns);
    CHECK(sent.size() > 650);
  }
}

TEST_CASE("where all clocks are right a group does not wait longer than it must",
          "[analytics]") {
  test_node uut{make_config()};
  std::int64_t longest_wait_ns = 0;
  std::size_t seen = 0;
  for (std::int64_t t = 0; t < 10 * minute_ns; t += second_ns) {
    batch_time now{t, start_ns + t};
    for (int i = 0; i < 20; ++i)
      uut.feed(uut.id("temp", std::to_string(i), {{"site", "x"}}), start_ns + t, 1.0,
               now);
    uut.tick(now);
    for (; seen < uut.summaries.size(); ++seen)
      longest_wait_ns
        = std::max(longest_wait_ns, now.wall_ns - uut.summaries[seen].second.start_ns
                                      - uut.summaries[seen].second.width_ns);
  }
  CHECK(longest_wait_ns <= event_time_config{}.out_of_orderness_ns + 2 * second_ns);
  CHECK(uut.late() == 0);
  CHECK(uut.at().status().revisions == 0);
}
