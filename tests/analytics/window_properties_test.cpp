// Random streams through the real shard: every window of every kind, as a reader keeps
// it, is what window_oracle says; a restart in between changes nothing; and summaries
// of small windows merge into those of large ones. A case that fails is cut down to a
// small one and printed.
#include "shard_fixture.hpp"
#include "window_oracle.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <sstream>

using namespace weir::analytics;

namespace {

using oracle::input_event;
using oracle::input_step;

struct stream_case {
  oracle::settings settings;
  std::vector<std::string> aggregates;
  std::size_t shards = 1;
  bool as_default = false; ///< The windows are the default ones, not a view.
  std::vector<input_step> steps;

  /// Where to go on from a snapshot, with how many shards.
  std::optional<std::size_t> restart_before;
  std::size_t shards_then = 1;
};

// -- what a case is for the shard ----------------------------------------------------

std::string above(const std::optional<double>& x, const char* comparison) {
  if (!x)
    return {};
  std::ostringstream text;
  text << "value " << comparison << ' ' << *x;
  return text.str();
}

stream_config config_of(const stream_case& x) {
  stream_config config;
  config.event_time = x.settings.time;
  config.detector.enabled = false;
  auto view = x.settings.view;
  view.aggregates = *parse_aggregates(x.aggregates);
  view.open_when = above(x.settings.open_above, ">");
  view.close_when = above(x.settings.close_below, "<");
  view.trigger_when = above(x.settings.trigger_above, ">");
  if (x.as_default) {
    view.name.clear();
    config.window = view;
  } else {
    config.window.reset();
    config.views.push_back(view);
  }
  return config;
}

struct outcome {
  window_map windows;
  std::size_t late = 0;
  std::size_t late_noted = 0;
  std::size_t late_told = 0; ///< By summaries.
};

void collect(const test_node& node, outcome& out) {
  for (const auto& [text, x] : node.summaries) {
    keep(out.windows, text, x);
    out.late_told += x.late_count;
  }
  out.late += node.late();
  for (const auto& x : node.late_notes)
    out.late_noted += x.count;
}

outcome run_shards(const stream_case& x) {
  outcome result;
  auto config = config_of(x);
  auto node = std::make_unique<test_node>(config, x.shards);
  std::vector<event> batch;
  for (std::size_t i = 0; i < x.steps.size(); ++i) {
    const auto& step = x.steps[i];
    if (x.restart_before == i) {
      auto next = std::make_unique<test_node>(config, x.shards_then);
      // Other ids than before: names are all that a restart keeps.
      next->id("other", "other");
      auto snapshots = node->snapshots();
      next->restore(snapshots, i == 0 ? step.now : x.steps[i - 1].now);
      collect(*node, result);
      node = std::move(next);
    }
    batch.clear();
    for (const auto& y : step.events)
      batch.push_back({y.time_ns, y.value, *node->table().intern(y.series), 0});
    // Events of a group from several shards keep their order only one by one.
    if (x.settings.grouped && node->shards() > 1)
      for (const auto& y : batch)
        node->process({y}, step.now);
    else if (!batch.empty())
      node->process(batch, step.now);
    if (step.is_tick)
      node->tick(step.now);
  }
  node->flush();
  collect(*node, result);
  return result;
}

// -- comparison ----------------------------------------------------------------------

/// All that a summary says, from the events themselves.
struct plain_summary {
  double sum = 0.0;
  double min = 0.0;
  double max = 0.0;
  double mean = 0.0;
  double m2 = 0.0;
  double rate = 0.0;
  double time_weighted_mean = 0.0;
  std::vector<double> sorted;
  std::set<std::string> sources;
};

plain_summary summarise(const std::vector<input_event>& events) {
  plain_summary result;
  auto increase = 0.0;
  auto integral = 0.0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    result.sum += events[i].value;
    result.sorted.push_back(events[i].value);
    result.sources.insert(events[i].source);
    if (i == 0)
      continue;
    auto before = events[i - 1].value;
    auto now = events[i].value;
    increase += now >= before ? now - before : now; // A fall is a restart at 0.
    integral += before * static_cast<double>(events[i].time_ns - events[i - 1].time_ns);
  }
  std::sort(result.sorted.begin(), result.sorted.end());
  result.min = result.sorted.front();
  result.max = result.sorted.back();
  result.mean = result.sum / static_cast<double>(events.size());
  for (const auto& x : events)
    result.m2 += (x.value - result.mean) * (x.value - result.mean);
  auto span_ns = static_cast<double>(events.back().time_ns - events.front().time_ns);
  result.rate = span_ns > 0 ? increase / (span_ns * 1e-9) : std::nan("");
  result.time_weighted_mean = span_ns > 0 ? integral / span_ns : events.back().value;
  return result;
}

bool near(double a, double b, double margin = 1e-9) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) && std::isnan(b);
  return std::abs(a - b) <= margin * std::max({1.0, std::abs(a), std::abs(b)});
}

/// Within the sketch's relative error of one of the two values around the rank.
bool is_quantile(double found, const std::vector<double>& sorted, double q) {
  auto rank = q * static_cast<double>(sorted.size() - 1);
  auto low = sorted[static_cast<std::size_t>(std::floor(rank))];
  auto high = sorted[static_cast<std::size_t>(std::ceil(rank))];
  return found >= low * 0.989 - 1e-9 && found <= high * 1.011 + 1e-9;
}

class differences {
public:
  template <class T>
  void check(const char* what, const T& found, const T& wanted, bool same) {
    if (!same && text_.tellp() < 400)
      text_ << ' ' << what << " is " << found << ", should be " << wanted << ';';
  }
  template <class T>
  void equal(const char* what, const T& found, const T& wanted) {
    check(what, found, wanted, found == wanted);
  }
  void close(const char* what, double found, double wanted, double margin = 1e-9) {
    check(what, found, wanted, near(found, wanted, margin));
  }
  std::string text() const {
    return text_.str();
  }

private:
  std::ostringstream text_;
};

void compare_aggregates(const summary& found, const plain_summary& wanted,
                        const std::vector<std::string>& aggregates, differences& out) {
  for (const auto& text : aggregates) {
    auto spec = *parse_aggregate(text);
    auto value = value_of(found, spec);
    if (spec.kind == aggregate_kind::quantile)
      out.check(text.c_str(), value, wanted.sorted[wanted.sorted.size() / 2],
                is_quantile(value, wanted.sorted, spec.q));
    else if (spec.kind == aggregate_kind::rate)
      out.close("rate", value, wanted.rate, 1e-6);
    else if (spec.kind == aggregate_kind::time_weighted_mean)
      out.close("time_weighted_mean", value, wanted.time_weighted_mean, 1e-6);
    else if (spec.kind == aggregate_kind::distinct)
      out.check("distinct", value, static_cast<double>(wanted.sources.size()),
                std::lround(value) == static_cast<long>(wanted.sources.size()));
  }
}

std::string compare(const summary& found, const oracle::expected_window& wanted,
                    const std::vector<std::string>& aggregates) {
  differences out;
  auto plain = summarise(wanted.events);
  out.equal<std::uint64_t>("count", found.count, wanted.events.size());
  if (wanted.width_is_sure)
    out.equal("width", found.width_ns, wanted.width_ns);
  out.close("sum", found.sum, plain.sum);
  out.equal("min", found.min, plain.min);
  out.equal("max", found.max, plain.max);
  out.equal("first", found.first, wanted.events.front().value);
  out.equal("last", found.last, wanted.events.back().value);
  out.equal("first_ns", found.first_ns, wanted.events.front().time_ns);
  out.equal("last_ns", found.last_ns, wanted.events.back().time_ns);
  out.close("mean", found.mean, plain.mean);
  out.close("m2", found.m2, plain.m2, 1e-6);
  out.equal("early", found.early, false);
  compare_aggregates(found, plain, aggregates, out);
  return out.text();
}

/// What is wrong with a case; empty: nothing.
std::string fault_of(const stream_case& x) {
  auto found = run_shards(x);
  auto wanted = oracle::run(x.settings, x.steps);
  std::ostringstream out;
  for (const auto& [key, window] : wanted.windows) {
    auto pos = found.windows.find(key);
    if (pos == found.windows.end()) {
      out << key.first << " at " << key.second << ": no window, should have "
          << window.events.size() << " events";
      return out.str();
    }
    if (auto text = compare(pos->second, window, x.aggregates); !text.empty()) {
      out << key.first << " at " << key.second << ':' << text;
      return out.str();
    }
  }
  for (const auto& [key, window] : found.windows)
    if (wanted.windows.count(key) == 0) {
      out << key.first << " at " << key.second << ": a window with " << window.count
          << " events, should be none";
      return out.str();
    }
  if (found.late != wanted.late || found.late_noted != wanted.late)
    out << found.late << " events late, " << found.late_noted << " noted, should be "
        << wanted.late;
  else if (found.late_told > wanted.late)
    out << "summaries tell of " << found.late_told << " late events, there are "
        << wanted.late;
  return out.str();
}

// -- random cases --------------------------------------------------------------------

std::int64_t seconds(std::mt19937_64& random, int from, int to) {
  auto n = static_cast<unsigned>(to - from + 1);
  return (from + static_cast<std::int64_t>(random() % n)) * second_ns;
}

void choose_time(std::mt19937_64& random, event_time_config& time) {
  time.out_of_orderness_ns = random() % 3 == 0 ? 0 : seconds(random, 0, 20);
  time.allowed_lateness_ns = random() % 3 == 0 ? 0 : seconds(random, 0, 40);
  time.idle_timeout_ns = seconds(random, 2, 60);
  time.hold_max_ns = seconds(random, 0, 60);
  time.retain_max_ns = time.hold_max_ns + seconds(random, 0, 200);
}

void choose_kind(std::mt19937_64& random, stream_case& x) {
  auto& view = x.settings.view;
  x.as_default = random() % 4 == 0;
  view.kind = static_cast<window_kind>(random() % (x.as_default ? 3 : 7));
  view.width_ns = seconds(random, 1, 30);
  switch (view.kind) {
  case window_kind::hopping:
    // Often so fine that a window has more panes than are merged each time.
    view.slide_ns
      = random() % 3 == 0
          ? second_ns
          : std::max(second_ns, view.width_ns / (1 + static_cast<int>(random() % 6))
                                  / second_ns * second_ns);
    [[fallthrough]];
  case window_kind::tumbling:
    view.offset_ns = random() % 2 == 0 ? 0 : seconds(random, -50, 50);
    break;
  case window_kind::calendar:
    view.calendar = std::make_shared<const window_calendar>(
      calendar_unit::minute, 1 + static_cast<int>(random() % 2));
    view.calendar_text = "minutes";
    break;
  case window_kind::session:
    view.gap_ns = seconds(random, 1, 20);
    view.length_max_ns = seconds(random, 10, 100);
    break;
  case window_kind::count:
    view.size_events = 1 + static_cast<std::uint32_t>(random() % 8);
    view.slide_events = random() % 2 == 0
                          ? 0
                          : 1 + static_cast<std::uint32_t>(random() % view.size_events);
    break;
  case window_kind::state:
    x.settings.open_above = 60.0;
    if (random() % 2 == 0)
      x.settings.close_below = random() % 4 == 0 ? 70.0 : 30.0;
    view.length_max_ns = seconds(random, 5, 100);
    break;
  case window_kind::sliding:
    view.delay_ns = random() % 2 == 0 ? 0 : seconds(random, 0, 15);
    if (random() % 3 != 0)
      x.settings.trigger_above = 80.0;
    break;
  }
  auto has_early = view.kind <= window_kind::calendar && random() % 3 == 0;
  view.early_ns = has_early ? seconds(random, 1, 5) : 0;
  if (random() % 4 == 0)
    view.allowed_lateness_ns = seconds(random, 0, 60);
}

void choose_aggregates(std::mt19937_64& random, stream_case& x) {
  if (random() % 2 == 0)
    return;
  for (auto text : {"p50", "p95", "rate", "time_weighted_mean"})
    if (random() % 4 == 0)
      x.aggregates.emplace_back(text);
  if (!x.as_default && random() % 3 == 0)
    x.aggregates.emplace_back("distinct(source)");
  x.settings.view.aggregates = *parse_aggregates(x.aggregates);
}

using group = std::vector<std::string>;

void choose_group(std::mt19937_64& random, stream_case& x) {
  if (x.as_default || random() % 2 == 0) {
    x.shards = 1 + random() % 3;
    return;
  }
  static const std::vector<group> groups{
    {"site"}, {"metric"}, {"source"}, {"metric", "site"}};
  x.settings.view.group_by = groups[random() % groups.size()];
  x.settings.grouped = true;
}

input_event make_event(const stream_case& x, int source, int metric,
                       std::int64_t time_ns, double value) {
  auto source_text = "s" + std::to_string(source);
  auto metric_text = "m" + std::to_string(metric);
  std::string site = (source + metric) % 2 == 0 ? "x" : "y";
  auto series = test_node::name(metric_text, source_text, {{"site", site}});
  auto key = series;
  if (!x.as_default) {
    const auto& by = x.settings.view.group_by;
    auto has = [&](const char* name) {
      return std::find(by.begin(), by.end(), name) != by.end();
    };
    if (by.empty())
      key = test_node::name(metric_text, source_text, {{"site", site}, {"view", "v"}});
    else if (has("site"))
      key = test_node::name(has("metric") ? metric_text : "v", "",
                            {{"site", site}, {"view", "v"}});
    else
      key = test_node::name(has("metric") ? metric_text : "v",
                            has("source") ? source_text : "", {{"view", "v"}});
  }
  return {source_text, series, key, time_ns, value};
}

void add_steps(std::mt19937_64& random, stream_case& x) {
  auto base_ns = std::array{-100 * second_ns, std::int64_t{0},
                            1'700'000'000 * second_ns}[random() % 3];
  auto sources = 1 + static_cast<int>(random() % 4);
  auto metrics = 1 + static_cast<int>(random() % 2);
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(sources));
  auto has_wall = random() % 2 == 0;
  auto disorder = static_cast<int>(random() % 25);
  auto local_ns = std::int64_t{0};
  auto step_count = 5 + random() % 40;
  for (std::size_t i = 0; i < step_count; ++i) {
    local_ns += random() % 12 == 0 ? seconds(random, 5, 150) : seconds(random, 0, 3);
    input_step step;
    auto true_ns = base_ns + local_ns;
    step.now = {local_ns, has_wall ? true_ns : time_forever};
    step.is_tick = random() % 3 == 0;
    auto events = step.is_tick ? 0 : random() % (random() % 8 == 0 ? 30 : 6);
    for (std::size_t k = 0; k < events; ++k) {
      auto source = static_cast<int>(random() % static_cast<unsigned>(sources));
      auto& offset = offsets[static_cast<std::size_t>(source)];
      if (random() % 60 == 0)
        offset = seconds(random, -300, 300); // The clock jumps.
      auto time_ns = true_ns + offset - seconds(random, 0, disorder) / 2;
      if (random() % 25 == 0)
        time_ns -= seconds(random, 20, 300); // Very late.
      auto value = static_cast<double>(random() % 800) / 8.0;
      auto metric = static_cast<int>(random() % static_cast<unsigned>(metrics));
      step.events.push_back(make_event(x, source, metric, time_ns, value));
      if (random() % 20 == 0)
        step.events.push_back(step.events.back()); // Twice.
    }
    x.steps.push_back(std::move(step));
  }
}

stream_case make_case(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  stream_case result;
  result.settings.view.name = "v";
  choose_time(random, result.settings.time);
  choose_kind(random, result);
  choose_aggregates(random, result);
  choose_group(random, result);
  add_steps(random, result);
  return result;
}

/// The same with a restart somewhere. Silence begins anew with a restart, so there is
/// none; and groups have no late events if they come to other shards, whose clocks
/// know other sources.
stream_case make_restart_case(std::uint64_t seed) {
  auto result = make_case(seed);
  std::mt19937_64 random{~seed};
  auto& settings = result.settings;
  settings.time.idle_timeout_ns = 1'000'000 * second_ns;
  settings.time.retain_max_ns = 1'000'000 * second_ns;
  result.restart_before = random() % result.steps.size();
  result.shards_then = random() % 2 == 0 ? result.shards : 1 + random() % 3;
  if (settings.grouped && result.shards_then != 1) {
    settings.time.allowed_lateness_ns = 1'000'000 * second_ns;
    settings.view.allowed_lateness_ns.reset();
  }
  return result;
}

// -- minimal cases -------------------------------------------------------------------

/// Everything that could be simpler in a case, one thing in each.
std::vector<std::function<void(stream_case&)>> simplifications(const stream_case& x) {
  std::vector<std::function<void(stream_case&)>> result;
  for (std::size_t n = x.steps.size() / 2; n > 0; n /= 2)
    for (std::size_t i = 0; i + n <= x.steps.size(); i += n)
      result.emplace_back([i, n](stream_case& y) {
        auto at = y.steps.begin() + static_cast<std::ptrdiff_t>(i);
        y.steps.erase(at, at + static_cast<std::ptrdiff_t>(n));
        if (y.restart_before && *y.restart_before > i)
          *y.restart_before -= std::min(n, *y.restart_before - i);
      });
  for (std::size_t i = 0; i < x.steps.size(); ++i)
    for (std::size_t k = 0; k < x.steps[i].events.size(); ++k)
      result.emplace_back([i, k](stream_case& y) {
        auto& events = y.steps[i].events;
        events.erase(events.begin() + static_cast<std::ptrdiff_t>(k));
      });
  auto& view = x.settings.view;
  if (x.shards > 1)
    result.emplace_back([](stream_case& y) { y.shards = y.shards_then = 1; });
  if (view.early_ns > 0)
    result.emplace_back([](stream_case& y) { y.settings.view.early_ns = 0; });
  if (x.settings.time.out_of_orderness_ns > 0)
    result.emplace_back(
      [](stream_case& y) { y.settings.time.out_of_orderness_ns = 0; });
  if (x.settings.time.allowed_lateness_ns > 0)
    result.emplace_back(
      [](stream_case& y) { y.settings.time.allowed_lateness_ns = 0; });
  if (view.allowed_lateness_ns)
    result.emplace_back(
      [](stream_case& y) { y.settings.view.allowed_lateness_ns.reset(); });
  if (view.offset_ns != 0)
    result.emplace_back([](stream_case& y) { y.settings.view.offset_ns = 0; });
  if (!x.aggregates.empty())
    result.emplace_back([](stream_case& y) {
      y.aggregates.pop_back();
      y.settings.view.aggregates = *parse_aggregates(y.aggregates);
    });
  return result;
}

stream_case minimal(stream_case x) {
  for (auto smaller = true; smaller;) {
    smaller = false;
    for (const auto& simplify : simplifications(x)) {
      auto next = x;
      simplify(next);
      if (next.restart_before && *next.restart_before >= next.steps.size())
        continue;
      if (fault_of(next).empty())
        continue;
      x = std::move(next);
      smaller = true;
      break;
    }
  }
  return x;
}

std::string describe(const stream_case& x) {
  std::ostringstream out;
  const auto& view = x.settings.view;
  const auto& time = x.settings.time;
  auto s = [](std::int64_t ns) { return static_cast<double>(ns) / 1e9; };
  out << to_string(view.kind) << (x.as_default ? " by default" : " in a view")
      << ", width " << s(view.width_ns) << " slide " << s(view.slide_ns) << " offset "
      << s(view.offset_ns) << " gap " << s(view.gap_ns) << " length_max "
      << s(view.length_max_ns) << " delay " << s(view.delay_ns) << " size "
      << view.size_events << '/' << view.slide_events << " early " << s(view.early_ns)
      << ' ' << config_of(x).event_time.hold_max_ns / second_ns << " hold\nopen "
      << above(x.settings.open_above, ">") << " close "
      << above(x.settings.close_below, "<") << " trigger "
      << above(x.settings.trigger_above, ">") << "\ndisorder "
      << s(time.out_of_orderness_ns) << " lateness "
      << s(view.allowed_lateness_ns.value_or(time.allowed_lateness_ns)) << " idle "
      << s(time.idle_timeout_ns) << " retain " << s(time.retain_max_ns) << ", "
      << x.shards << " shards, then " << x.shards_then << "\naggregates";
  for (const auto& text : x.aggregates)
    out << ' ' << text;
  for (const auto& text : view.group_by)
    out << " group_by " << text;
  out << '\n';
  for (std::size_t i = 0; i < x.steps.size(); ++i) {
    const auto& step = x.steps[i];
    if (x.restart_before == i)
      out << "restart\n";
    out << (step.is_tick ? "tick  " : "batch ") << s(step.now.local_ns);
    if (step.now.wall_ns != time_forever)
      out << " wall " << static_cast<long long>(s(step.now.wall_ns));
    for (const auto& y : step.events)
      out << "\n  " << y.series << " at " << y.time_ns / (second_ns / 10)
          << "/10 s: " << y.value;
    out << '\n';
  }
  return out.str();
}

template <class Make>
void check_seeds(std::uint64_t first, std::uint64_t count, const Make& make) {
  for (auto seed = first; seed < first + count; ++seed) {
    auto x = make(seed);
    if (fault_of(x).empty())
      continue;
    auto small = minimal(std::move(x));
    INFO("seed " << seed << "\n" << describe(small));
    FAIL_CHECK(fault_of(small));
    return; // One at a time: it has been cut down, which took its time.
  }
}

} // namespace

TEST_CASE("random streams leave the windows that the oracle says", "[analytics]") {
  check_seeds(0, 10'000, make_case);
}

TEST_CASE("a restart at any point leaves the same windows", "[analytics]") {
  check_seeds(100'000, 5'000, make_restart_case);
}

TEST_CASE("the oracle's cases are of every kind and not trivial", "[analytics]") {
  std::map<window_kind, std::size_t> windows;
  std::size_t late = 0;
  std::size_t grouped = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    auto x = make_case(seed);
    auto wanted = oracle::run(x.settings, x.steps);
    windows[x.settings.view.kind] += wanted.windows.size();
    late += wanted.late;
    grouped += x.settings.grouped ? 1 : 0;
  }
  CHECK(windows.size() == 7);
  for (const auto& [kind, n] : windows) {
    INFO(to_string(kind));
    CHECK(n > 200);
  }
  CHECK(late > 500);
  CHECK(grouped > 100);
}

TEST_CASE("summaries of minutes merge into those of hours and days", "[analytics]") {
  std::vector<std::string> aggregates{
    "p50", "p95", "rate", "time_weighted_mean", "distinct(user)", "top(3, user)"};
  auto config_for = [&](std::int64_t width_ns) {
    stream_config config;
    config.detector.enabled = false;
    config.event_time.out_of_orderness_ns = 30 * second_ns;
    config.window.reset();
    view_config view;
    view.name = "v";
    view.width_ns = width_ns;
    view.group_by = {"metric"};
    view.aggregates = *parse_aggregates(aggregates);
    config.views.push_back(view);
    return config;
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    constexpr auto minute = 60 * second_ns;
    std::vector<std::int64_t> widths{minute, 60 * minute, 1440 * minute};
    std::vector<window_map> windows;
    for (auto width : widths) {
      std::mt19937_64 random{seed};
      test_node node{config_for(width)};
      auto time_ns = static_cast<std::int64_t>(random() % 1'000'000) * second_ns;
      std::vector<series_id> ids;
      for (int i = 0; i < 5; ++i) {
        auto user = std::to_string(i);
        ids.push_back(node.id("m", "s", {{"user", user}}));
      }
      for (int i = 0; i < 3000; ++i) {
        time_ns += static_cast<std::int64_t>(random() % 120) * second_ns / 2;
        auto at_ns = time_ns - static_cast<std::int64_t>(random() % 50) * second_ns / 2;
        node.feed(ids[random() % 5 * (random() % 2)], at_ns,
                  static_cast<double>(random() % 1000), {0});
      }
      node.flush();
      CHECK(node.late() == 0);
      windows.push_back(node.windows);
    }
    for (std::size_t level = 1; level < widths.size(); ++level) {
      window_map merged;
      for (const auto& [key, x] : windows[level - 1]) {
        auto start_ns = floor_to_multiple(x.start_ns, widths[level]);
        auto [pos, is_new] = merged.try_emplace({key.first, start_ns}, x);
        if (!is_new)
          merge(pos->second, x);
      }
      REQUIRE(merged.size() == windows[level].size());
      for (const auto& [key, whole] : windows[level]) {
        const auto& sum = merged.at(key);
        CHECK(sum.count == whole.count);
        CHECK(sum.sum == whole.sum);
        CHECK(sum.min == whole.min);
        CHECK(sum.max == whole.max);
        CHECK(sum.first == whole.first);
        CHECK(sum.last == whole.last);
        CHECK(near(sum.mean, whole.mean));
        CHECK(near(sum.m2, whole.m2, 1e-6));
        for (const auto& text : aggregates) {
          auto spec = *parse_aggregate(text);
          INFO(text);
          CHECK(near(value_of(sum, spec), value_of(whole, spec), 1e-6));
        }
        auto a = extended_aggregates::decode(sum.extended);
        auto b = extended_aggregates::decode(whole.extended);
        REQUIRE((a && b));
        CHECK(a->top("user")->top(3) == b->top("user")->top(3));
      }
    }
  }
}
