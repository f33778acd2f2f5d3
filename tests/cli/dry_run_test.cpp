// DRY RUN: its windows are those of a brute-force evaluation of the same file; late
// events, time zones, virtual time, and the program's formats and exit codes.
#include "cli/dry_run.hpp"

#include "analytics/pane_windows.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <sstream>

using namespace weir;
using namespace weir::test;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::int64_t t0 = 1'700'000'000 * second_ns;

struct reading {
  std::int64_t time_ns;
  std::string source;
  std::string line;
  double value;
};

/// Readings of a few machines, out of order by up to `disorder_ns`, none twice at one
/// time of one machine; sums of them are exact.
std::vector<reading> readings(std::size_t count, std::int64_t disorder_ns) {
  std::mt19937_64 random{7};
  std::vector<std::pair<std::int64_t, reading>> all;
  for (std::size_t i = 0; i < count; ++i) {
    auto time_ns = t0 + static_cast<std::int64_t>(i) * 100 * ms_ns;
    auto machine = random() % 4;
    auto delay_ns = static_cast<std::int64_t>(
      random() % static_cast<std::uint64_t>(disorder_ns + 1));
    all.push_back({time_ns + delay_ns,
                   {time_ns, "m-" + std::to_string(machine), machine < 2 ? "A" : "B",
                    static_cast<double>(random() % 100)}});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<reading> result;
  for (auto& x : all)
    result.push_back(std::move(x.second));
  return result;
}

/// What a window holds, of both sides of the comparison.
struct content {
  std::uint64_t count = 0;
  double sum = 0.0;
  double min = 0.0;
  double max = 0.0;
  double last = 0.0;
  std::int64_t last_ns = INT64_MIN;
  std::int64_t width_ns = 0;

  void add(const reading& x) {
    min = count == 0 ? x.value : std::min(min, x.value);
    max = count == 0 ? x.value : std::max(max, x.value);
    ++count;
    sum += x.value;
    if (x.time_ns >= last_ns) {
      last = x.value;
      last_ns = x.time_ns;
    }
  }
  /// Another part, sent before this one.
  void merge(const content& x) {
    min = std::min(min, x.min);
    max = std::max(max, x.max);
    count += x.count;
    sum += x.sum;
    if (x.last_ns > last_ns) {
      last = x.last;
      last_ns = x.last_ns;
    }
  }
  bool operator==(const content&) const = default;
};
using window_key = std::pair<std::string, std::int64_t>;
using windows = std::map<window_key, content>;

std::ostream& operator<<(std::ostream& out, const content& x) {
  return out << x.count << " events, sum " << x.sum << ", " << x.min << " to " << x.max
             << ", last " << x.last << ", width " << x.width_ns;
}

void check_same(const windows& found, const windows& wanted) {
  CHECK(found.size() == wanted.size());
  for (const auto& [key, x] : wanted) {
    CAPTURE(key.first, (key.second - t0) / ms_ns);
    auto pos = found.find(key);
    REQUIRE(pos != found.end());
    CHECK(pos->second == x);
  }
}

struct fixture {
  temp_dir dir;
  std::vector<analytics::summary> summaries;
  std::vector<analytics::late_events> late;
  std::vector<std::string> rejected;
  std::map<std::string, windows> by_view; ///< The last result of each window.
  analytics::shard_status status;
  cli::dry_run_counts counts;

  void run(const std::string& config, const std::vector<reading>& all) {
    write_file(dir / "edge.toml", config);
    auto settings = configs::load_stream_settings(dir / "edge.toml");
    REQUIRE(settings);
    cli::dry_run::output_functions functions;
    cli::dry_run uut{*settings, functions};
    functions.on_output = [&](const analytics::shard_output& out) {
      for (const auto& x : out.summaries)
        keep(x, uut.series().text(x.series));
      late.insert(late.end(), out.late.begin(), out.late.end());
    };
    functions.on_reject = [&](auto, std::string_view detail, std::string_view) {
      rejected.emplace_back(detail);
    };
    for (const auto& x : all) {
      transport::raw_event event;
      analytics::dimension line{"line", x.line};
      event.series = {"temp", x.source, {&line, 1}};
      event.value = x.value;
      event.time_ns = x.time_ns;
      uut.take(event, std::nullopt);
    }
    uut.finish();
    status = uut.status();
    counts = uut.counts();
  }

  /// A later result of a window replaces the one before, a correction adds to it.
  void keep(const analytics::summary& x, const std::string& series) {
    summaries.push_back(x);
    auto name = analytics::parse_series(series);
    REQUIRE(name);
    std::string view;
    std::string key = name->source;
    for (const auto& [k, v] : name->dimensions)
      if (k == "view")
        view = v;
      else if (k == "line" && name->source.empty())
        key = v;
    auto& window = by_view[view][{key, x.start_ns}];
    auto sent = window;
    window = {x.count, x.sum, x.min, x.max, x.last, x.last_ns, x.width_ns};
    if (x.correction)
      window.merge(sent);
  }
};

windows tumbling(const std::vector<reading>& all, std::int64_t width_ns,
                 bool by_line = false) {
  windows result;
  for (const auto& x : all) {
    auto start_ns = analytics::floor_to_multiple(x.time_ns, width_ns);
    auto& window = result[{by_line ? x.line : x.source, start_ns}];
    window.add(x);
    window.width_ns = width_ns;
  }
  return result;
}

} // namespace

TEST_CASE_METHOD(fixture,
                 "windows are those of a brute-force evaluation, late events "
                 "are left out",
                 "[cli]") {
  auto all = readings(20'000, 12'000 * ms_ns);
  run("[event_time]\nout_of_orderness_ms = 3000\nallowed_lateness_ms = 4000\n"
      "[window]\nwidth_ms = 5000\n[detector]\nenabled = false\n",
      all);
  constexpr auto width_ns = 5 * second_ns;
  std::map<std::string, std::int64_t> newest;
  std::vector<reading> taken;
  std::set<std::int64_t> late_times;
  for (const auto& x : all) {
    auto& max_ns = newest.try_emplace(x.source, INT64_MIN).first->second;
    max_ns = std::max(max_ns, x.time_ns);
    auto end_ns = analytics::floor_to_multiple(x.time_ns, width_ns) + width_ns;
    if (end_ns <= max_ns - 3 * second_ns - 4 * second_ns)
      late_times.insert(x.time_ns);
    else
      taken.push_back(x);
  }
  REQUIRE(late_times.size() > 100);
  check_same(by_view[""], tumbling(taken, width_ns));
  CHECK(status.late == late_times.size());
  CHECK(status.events == taken.size());
  std::uint64_t told = 0;
  for (const auto& x : late) {
    told += x.count;
    CHECK(late_times.count(x.time_ns) == 1);
    CHECK(x.behind_ns > 4 * second_ns);
  }
  CHECK(told == late_times.size());
  CHECK(std::any_of(summaries.begin(), summaries.end(),
                    [](const auto& x) { return x.correction; }));
}

TEST_CASE_METHOD(fixture,
                 "groups, hopping windows, sessions and counts agree with "
                 "brute force, too",
                 "[cli]") {
  auto all = readings(5'000, 8'000 * ms_ns);
  run("[event_time]\nallowed_lateness_ms = 3600000\nidle_timeout_ms = 3600000\n"
      "[window]\nenabled = false\n[detector]\nenabled = false\n"
      "[[view]]\nname = \"lines\"\nwidth_ms = 7000\ngroup_by = [\"line\"]\n"
      "[[view]]\nname = \"hops\"\nkind = \"hopping\"\nwidth_ms = 9000\n"
      "slide_ms = 6000\nwhere = \"value >= 20\"\n"
      "[[view]]\nname = \"gaps\"\nkind = \"session\"\ngap_ms = 1500\n"
      "[[view]]\nname = \"tens\"\nkind = \"count\"\nsize_events = 10\n",
      all);
  CHECK(status.late == 0);
  check_same(by_view["lines"], tumbling(all, 7 * second_ns, true));

  windows hops;
  for (const auto& x : all)
    for (auto start_ns = analytics::floor_to_multiple(x.time_ns, 6 * second_ns);
         x.value >= 20.0 && start_ns > x.time_ns - 9 * second_ns;
         start_ns -= 6 * second_ns) {
      auto& window = hops[{x.source, start_ns}];
      window.add(x);
      window.width_ns = 9 * second_ns;
    }
  check_same(by_view["hops"], hops);

  auto in_order = all;
  std::stable_sort(in_order.begin(), in_order.end(),
                   [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; });
  std::map<std::string, std::vector<content>> sessions;
  std::map<std::string, std::vector<content>> tens;
  for (const auto& x : in_order) {
    auto& own = sessions[x.source];
    if (own.empty() || x.time_ns - own.back().last_ns >= 1500 * ms_ns)
      own.emplace_back();
    own.back().add(x);
    auto& counted = tens[x.source];
    if (counted.empty() || counted.back().count == 10)
      counted.emplace_back();
    counted.back().add(x);
  }
  auto check_in_order = [](const windows& found, const auto& wanted) {
    std::size_t count = 0;
    for (const auto& [source, list] : wanted) {
      auto pos = found.lower_bound({source, INT64_MIN});
      for (const auto& x : list) {
        CAPTURE(source, ++count);
        REQUIRE((pos != found.end() && pos->first.first == source));
        CHECK(pos->second.count == x.count);
        CHECK(pos->second.sum == x.sum);
        CHECK(pos->second.last == x.last);
        ++pos;
      }
    }
    CHECK(found.size() == count);
  };
  check_in_order(by_view["gaps"], sessions);
  check_in_order(by_view["tens"], tens);
}

TEST_CASE_METHOD(fixture, "kinds that wait for the lateness get their events in order",
                 "[cli]") {
  auto all = readings(8'000, 9'000 * ms_ns);
  run("[event_time]\nout_of_orderness_ms = 2000\nallowed_lateness_ms = 3000\n"
      "[window]\nenabled = false\n[detector]\nenabled = false\n"
      "[[view]]\nname = \"high\"\nkind = \"state\"\nopen_when = \"value >= 30\"\n"
      "[[view]]\nname = \"between\"\nkind = \"state\"\nopen_when = \"value >= 90\"\n"
      "close_when = \"value < 10\"\n"
      "[[view]]\nname = \"around\"\nkind = \"sliding\"\nwidth_ms = 2500\n"
      "delay_ms = 1000\ntrigger_when = \"value > 95\"\n",
      all);
  std::map<std::string, std::int64_t> newest;
  std::map<std::string, std::vector<reading>> in_order;
  for (const auto& x : all) {
    auto& max_ns = newest.try_emplace(x.source, INT64_MIN).first->second;
    max_ns = std::max(max_ns, x.time_ns);
    if (x.time_ns >= max_ns - 5 * second_ns)
      in_order[x.source].push_back(x);
  }
  CHECK(status.late > 0);
  windows high;
  windows between;
  windows around;
  for (auto& [source, events] : in_order) {
    std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
      return a.time_ns < b.time_ns;
    });
    content* is_high = nullptr;
    content* is_between = nullptr;
    auto last_start_ns = INT64_MIN;
    for (const auto& x : events) {
      if (is_high != nullptr && x.value < 30.0) {
        is_high->width_ns = x.time_ns - last_start_ns;
        is_high = nullptr;
      }
      if (x.value >= 30.0) {
        if (is_high == nullptr) {
          is_high = &high[{source, x.time_ns}];
          last_start_ns = x.time_ns;
        }
        is_high->add(x);
        is_high->width_ns = x.time_ns + 1 - last_start_ns;
      }
      if (is_between == nullptr && x.value >= 90.0) {
        is_between = &between[{source, x.time_ns}];
        is_between->width_ns = -x.time_ns; // Until the end is known.
      }
      if (is_between != nullptr) {
        auto start_ns = -is_between->width_ns;
        is_between->add(x);
        if (x.value < 10.0) {
          is_between->width_ns = x.time_ns + 1 - start_ns;
          is_between = nullptr;
        }
      }
      if (x.value > 95.0)
        for (const auto& y : events)
          if (y.time_ns > x.time_ns - 2500 * ms_ns
              && y.time_ns <= x.time_ns + second_ns) {
            auto& window = around[{source, x.time_ns - 2500 * ms_ns + 1}];
            window.add(y);
            window.width_ns = 3500 * ms_ns;
          }
    }
    if (is_between != nullptr)
      is_between->width_ns = events.back().time_ns + 1 + is_between->width_ns;
  }
  check_same(by_view["high"], high);
  check_same(by_view["between"], between);
  check_same(by_view["around"], around);
}

TEST_CASE_METHOD(fixture,
                 "a silent source's windows are closed in virtual time, also "
                 "over long gaps",
                 "[cli]") {
  constexpr auto hour_ns = 3600 * second_ns;
  constexpr auto year_ns = 365 * 24 * hour_ns;
  run("[window]\nwidth_ms = 3600000\n", {{t0, "a", "A", 1.0},
                                         {t0 + second_ns, "a", "A", 2.0},
                                         // By the default of 15 s, "a" is silent now.
                                         {t0 + 20 * second_ns, "b", "A", 3.0},
                                         {t0 + year_ns, "b", "A", 4.0}});
  REQUIRE(summaries.size() == 3);
  CHECK(summaries[0].sum == 3.0);
  CHECK(summaries[1].sum == 3.0);
  CHECK(summaries[2].sum == 4.0);
  CHECK(counts.last_ns - counts.first_ns == year_ns);
}

TEST_CASE_METHOD(fixture, "times that no clock shows are rejected", "[cli]") {
  run(
    "",
    {{t0, "a", "A", 1.0}, {5 * second_ns, "a", "A", 2.0}, {INT64_MAX, "a", "A", 3.0}});
  REQUIRE(rejected.size() == 2);
  CHECK(rejected[0].find("ingest.time_min") != std::string::npos);
  CHECK(rejected[1].find("after the year 2199") != std::string::npos);
  CHECK(counts.events == 3);
  CHECK(status.events == 1);
}

namespace {

struct outcome {
  int code = -1;
  std::string output; ///< Standard output and error.
};

outcome run_program(const temp_dir& dir, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {WEIR_PROGRAM, "dry-run"});
  std::filesystem::remove(dir / "output"); // The child appends.
  child_process process{arguments, dir / "output"};
  auto code = process.wait(std::chrono::seconds{20});
  return {code.value_or(-1), read_file(dir / "output")};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> csv_arguments(const temp_dir& dir) {
  return {"--config",     (dir / "edge.toml").string(),
          "--in",         (dir / "in.csv").string(),
          "--time",       "t",
          "--value",      "temp",
          "--source-col", "who"};
}

} // namespace

TEST_CASE("weir dry-run prints windows, late events, alerts and bad rows", "[cli]") {
  temp_dir dir;
  write_file(dir / "edge.toml",
             "[window]\naggregates = [\"p50\", \"range\"]\n"
             "[[rule]]\nname = \"hot\"\nlimit = 90\n"
             "[[view]]\nname = \"all\"\nwidth_ms = 60000\ngroup_by = [\"metric\"]\n"
             "aggregates = [\"top(1, source)\", \"distinct(source)\"]\n");
  write_file(dir / "in.csv", "t,temp,who\n"
                             "1700000000,10,a\n"
                             "1700000005,30,a\n"
                             "1700000001,95,b\n"
                             "soon,1,a\n"
                             "1700000100,20,a\n"
                             "1700000003,25,a\n");
  auto arguments = csv_arguments(dir);
  auto done = run_program(dir, arguments);
  INFO(done.output);
  CHECK(done.code == 0);
  CHECK(has(done.output, R"("series":"temp{source=\"a\"}","count":2,"sum":40)"));
  CHECK(has(done.output, R"("aggregates":{"p50":)"));
  CHECK(has(done.output, R"("range":20})"));
  CHECK(has(done.output, R"("view":"all")"));
  CHECK(has(done.output, R"-("top(1, source)":[{"value":"a","count":)-"));
  CHECK(has(done.output, R"({"kind":"late","time":"2023-11-14T22:13:23.000Z")"));
  CHECK(has(done.output, R"("behind_ms":95000,"count":1})"));
  CHECK(has(done.output, R"("rule":"hot")"));
  CHECK(has(done.output, "line 5, column t: \\\"soon\\\" is no time"));
  CHECK(has(done.output, "6 events in: 4 taken, 1 late"));
  CHECK(has(done.output, "1 rejected"));
  CHECK(has(done.output, "1 late of a"));

  auto table = arguments;
  table.insert(table.end(), {"--format", "table", "--only", "windows,late"});
  done = run_program(dir, table);
  CHECK(done.output.starts_with("KIND"));
  CHECK(has(done.output, "top(1, source)=a:"));
  CHECK(has(done.output, "1m35s behind the watermark"));
  CHECK_FALSE(has(done.output, "rejected  "));

  auto limited = arguments;
  limited.insert(limited.end(), {"--format", "csv", "--limit", "1", "--only", "windows",
                                 "--out", (dir / "out.csv").string()});
  done = run_program(dir, limited);
  CHECK(done.code == 0);
  auto written = read_file(dir / "out.csv");
  CHECK(std::count(written.begin(), written.end(), '\n') == 2);
  CHECK(written.starts_with("kind,time,width,count,"));
}

TEST_CASE("weir dry-run: a day on which clocks change has its true width", "[cli]") {
  temp_dir dir;
  write_file(dir / "edge.toml",
             "[event_time]\nidle_timeout_ms = 7200000\n"
             "[window]\nkind = \"calendar\"\nevery = \"day\"\n"
             "zone = \"Europe/Berlin\"\n[detector]\nenabled = false\n");
  std::string csv = "t,temp,who\n";
  // Hourly from Saturday 2024-03-30 00:00 to the end of Monday, local time.
  for (std::int64_t hour = 0; hour < 71; ++hour)
    csv += std::to_string(1'711'753'200 + 3600 * hour) + ",1,a\n";
  write_file(dir / "in.csv", csv);
  auto done = run_program(dir, csv_arguments(dir));
  INFO(done.output);
  if (has(done.output, "time zone"))
    return; // A machine without tzdata.
  REQUIRE(done.code == 0);
  auto window = [](const char* start, int hours) {
    return "\"start\":\"" + std::string{start} + "\",\"end\":\""
           + (hours == 23 ? "2024-03-31T22:00:00.000Z"
              : std::string{start}.starts_with("2024-03-29")
                ? "2024-03-30T23:00:00.000Z"
                : "2024-04-01T22:00:00.000Z")
           + "\",\"width_ms\":" + std::to_string(hours * 3'600'000);
  };
  CHECK(has(done.output, window("2024-03-29T23:00:00.000Z", 24)));
  CHECK(has(done.output, window("2024-03-30T23:00:00.000Z", 23)));
  CHECK(has(done.output, window("2024-03-31T22:00:00.000Z", 24)));
  CHECK(has(done.output, R"("count":23,"sum":23)"));
  CHECK(has(done.output, "3 windows, 0 corrections"));
}

TEST_CASE("weir dry-run: times of arrival bound what is believed of the future",
          "[cli]") {
  temp_dir dir;
  write_file(dir / "in.csv", "t,temp,who,came\n"
                             "1700000000,1,a,1700000001\n"
                             "1800000000,2,a,1700000002\n"
                             "1700000003,3,a,1700000003\n");
  auto arguments = csv_arguments(dir);
  arguments.insert(arguments.end(), {"--arrival", "came"});
  write_file(dir / "edge.toml", "");
  auto done = run_program(dir, arguments);
  INFO(done.output);
  CHECK(done.code == 0);
  CHECK(has(done.output, "ingest.future_tolerance_ms"));
  CHECK(has(done.output, "2 taken, 0 late"));
  write_file(dir / "edge.toml", "[ingest]\nfuture = \"restamp\"\n");
  done = run_program(dir, arguments);
  CHECK(has(done.output, "3 taken, 0 late"));
  CHECK(has(done.output, "1 restamped"));
}

TEST_CASE("weir dry-run: a wrong config or command line is 2, a file that cannot be "
          "read 1",
          "[cli]") {
  temp_dir dir;
  write_file(dir / "edge.toml", "[[filter]]\nwhere = \"value > \"\n[[veiw]]\n");
  write_file(dir / "in.csv", "t,temp,who\n1700000000,1,a\n");
  auto done = run_program(dir, csv_arguments(dir));
  CHECK(done.code == 2);
  CHECK(has(done.output, "edge.toml:1: filter \"*\": where, column 9: "));
  CHECK(has(done.output, "veiw: unknown key, did you mean \"view\"?"));

  write_file(dir / "edge.toml", "");
  auto config = (dir / "edge.toml").string();
  CHECK(run_program(dir, {}).code == 2);
  done = run_program(dir, {"--config", config, "--in", (dir / "in.csv").string()});
  CHECK(done.code == 2);
  CHECK(has(done.output, "--source or --source-col"));
  CHECK(run_program(dir, {"--config", config, "--in", "x", "--only", "all"}).code == 2);
  CHECK(run_program(dir, {"--config", config, "--in", (dir / "none").string()}).code
        == 1);
  auto wrong_column = csv_arguments(dir);
  wrong_column[7] = "pressure";
  done = run_program(dir, wrong_column);
  CHECK(done.code == 1);
  CHECK(has(done.output, "there is no column \"pressure\""));
}
