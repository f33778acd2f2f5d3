// STREAM SETTINGS: every table is read, the example says the true defaults, and what is
// wrong is told with its place.
#include "configs/stream_settings.hpp"

#include "configs/time_zones.hpp"
#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace weir::configs;
namespace analytics = weir::analytics;
using analytics::window_kind;

namespace {

constexpr std::int64_t ms = 1'000'000;

struct fixture {
  weir::test::temp_dir dir;

  auto load_text(std::string_view text) {
    weir::test::write_file(dir / "edge.toml", text);
    return load_stream_settings(dir / "edge.toml");
  }

  stream_settings good(std::string_view text) {
    auto loaded = load_text(text);
    if (!loaded)
      for (const auto& x : loaded.error())
        UNSCOPED_INFO(x);
    REQUIRE(loaded);
    REQUIRE(loaded->stream.program);
    return loaded->stream;
  }

  /// The errors without the folder's name.
  std::vector<std::string> wrong(std::string_view text) {
    auto loaded = load_text(text);
    REQUIRE_FALSE(loaded);
    auto result = loaded.error();
    auto folder = dir.path().string() + "/";
    for (auto& x : result)
      for (auto at = x.find(folder); at != std::string::npos; at = x.find(folder))
        x.erase(at, folder.size());
    return result;
  }
};

const auto example = std::filesystem::path{WEIR_SOURCE_DIR} / "configs/edge.toml";

} // namespace

TEST_CASE_METHOD(fixture, "the example says the true defaults of a stream",
                 "[configs]") {
  auto loaded = load_stream_settings(example);
  REQUIRE(loaded);
  auto shown = loaded->stream.config;
  auto is = good("").config;
  const auto standard = analytics::stream_config{};
  for (const auto* x : {&shown, &is}) {
    const auto& time = x->event_time;
    CHECK(time.out_of_orderness_ns == standard.event_time.out_of_orderness_ns);
    CHECK(time.allowed_lateness_ns == standard.event_time.allowed_lateness_ns);
    CHECK(time.idle_timeout_ns == standard.event_time.idle_timeout_ns);
    CHECK(time.hold_max_ns == standard.event_time.hold_max_ns);
    CHECK(time.retain_max_ns == standard.event_time.retain_max_ns);
    REQUIRE(x->window);
    CHECK(state_fingerprint(*x->window) == state_fingerprint(*standard.window));
    CHECK(x->window->aggregates == standard.window->aggregates);
    CHECK(x->window->early_ns == 0);
    CHECK_FALSE(x->window->allowed_lateness_ns);
    CHECK((x->views.empty() && x->converts.empty() && x->filters.empty()));
    CHECK((x->samples.empty() && x->derives.empty() && x->tables.empty()));
    CHECK(x->rules.empty());
    CHECK(x->detector_ignores.empty());
    CHECK(x->detector.enabled == standard.detector.enabled);
    CHECK(x->detector.warmup_events == standard.detector.warmup_events);
    CHECK(x->detector.memory_events == standard.detector.memory_events);
    CHECK(x->detector.threshold == standard.detector.threshold);
    CHECK(x->detector.clip == standard.detector.clip);
    CHECK(x->detector.calm_events == standard.detector.calm_events);
    CHECK(x->detector.spread_min_relative == standard.detector.spread_min_relative);
    CHECK(x->detector.spread_min == standard.detector.spread_min);
  }
}

TEST_CASE_METHOD(fixture, "the example names every key of every stream table",
                 "[configs]") {
  // What finish() of each table accepts is what it says of an unknown key.
  weir::test::write_file(dir / "d.csv", "source,limit\na,1\n");
  auto text = weir::test::read_file(example);
  for (auto head :
       {"[event_time]", "[window]", "[[view]]", "[[convert]]", "[[filter]]",
        "[[sample]]", "[[derive]]", "[[table]]", "[detector]", "[[rule]]"}) {
    auto begin = text.find(std::string{"\n"} + head);
    if (begin == std::string::npos)
      begin = text.find(std::string{"\n# "} + head);
    CAPTURE(head);
    REQUIRE(begin != std::string::npos);
    auto block = text.substr(begin, text.find("\n\n", begin) - begin);
    std::string all;
    for (const auto& x : wrong(std::string{head} + "\nxxxxxxxxxxxxxxxxxxxx = 1\n"))
      if (x.find("unknown key") != std::string::npos)
        all = x.substr(x.find("(accepted: ") + 11);
    REQUIRE_FALSE(all.empty());
    all.back() = ',';
    for (std::size_t at = 0; at < all.size();) {
      auto end = all.find(',', at);
      auto key = all.substr(at, end - at);
      at = end + 2;
      CAPTURE(key);
      CHECK((block.find("\n" + key + " =") != std::string::npos
             || block.find("\n# " + key + " =") != std::string::npos
             || block.find("instead of both: " + key) != std::string::npos));
    }
  }
}

TEST_CASE_METHOD(fixture, "each kind of windows is read", "[configs]") {
  auto config = good(R"(
[window]
enabled = false
[[view]]
name = "t"
width_ms = 60000
offset_ms = -1000
allowed_lateness_ms = 5
early_ms = 1000
[[view]]
name = "h"
kind = "hopping"
width_ms = 60000
slide_ms = 15000
[[view]]
name = "c"
kind = "calendar"
every = "15 minutes"
[[view]]
name = "s"
kind = "session"
gap_ms = 1
length_max_ms = 2
[[view]]
name = "n"
kind = "count"
size_events = 10
slide_events = 5
[[view]]
name = "st"
kind = "state"
open_when = "value > 5"
close_when = "value < 3"
[[view]]
name = "sl"
kind = "sliding"
width_ms = 1000
trigger_when = "value == 1"
delay_ms = 500
where = "dim.line == \"A\""
metric = "temp*"
source = "m-?"
group_by = ["source", "metric"]
aggregates = ["p95", "rate"]
relative_error = 0.02
)")
                  .config;
  CHECK_FALSE(config.window);
  REQUIRE(config.views.size() == 7);
  const auto& x = config.views;
  CHECK(x[0].kind == window_kind::tumbling);
  CHECK(x[0].width_ns == 60'000 * ms);
  CHECK(x[0].offset_ns == -1'000 * ms);
  CHECK(x[0].allowed_lateness_ns == 5 * ms);
  CHECK(x[0].early_ns == 1'000 * ms);
  CHECK(x[1].kind == window_kind::hopping);
  CHECK(x[1].slide_ns == 15'000 * ms);
  CHECK(x[2].kind == window_kind::calendar);
  CHECK(x[2].calendar_text == "15 minute");
  REQUIRE(x[2].calendar);
  CHECK(x[3].gap_ns == 1 * ms);
  CHECK(x[3].length_max_ns == 2 * ms);
  CHECK(x[4].size_events == 10);
  CHECK(x[4].slide_events == 5);
  CHECK(x[5].open_when == "value > 5");
  CHECK(x[5].close_when == "value < 3");
  CHECK(x[6].trigger_when == "value == 1");
  CHECK(x[6].delay_ns == 500 * ms);
  CHECK(x[6].where == "dim.line == \"A\"");
  CHECK(x[6].metric == "temp*");
  CHECK(x[6].source == "m-?");
  CHECK(x[6].group_by == std::vector<std::string>{"source", "metric"});
  CHECK(x[6].aggregates.specs.size() == 2);
  CHECK(x[6].aggregates.alpha == 0.02);
}

TEST_CASE_METHOD(fixture, "a calendar follows its zone, and its text makes it again",
                 "[configs]") {
  auto names = time_zone_names();
  if (std::find(names.begin(), names.end(), "Europe/Berlin") == names.end())
    return; // A machine without tzdata.
  auto config = good("[window]\nkind = \"calendar\"\nevery = \"day\"\n"
                     "offset_ms = 21600000\nzone = \"Europe/Berlin\"\n")
                  .config;
  REQUIRE(config.window);
  CHECK(config.window->calendar_text == "1 day offset 21600000 ms zone Europe/Berlin");
  CHECK(config.window->offset_ns == 0);
  auto again = config.make_calendar(config.window->calendar_text);
  REQUIRE(again);
  // The day on which clocks go forward, 2024-03-31, has 23 hours from 06:00 to 06:00 of
  // the day before.
  constexpr std::int64_t noon = 1'711'800'000'000'000'000;
  CHECK(again->window_at(noon) == config.window->calendar->window_at(noon));
  CHECK(config.make_calendar("1 fortnight") == nullptr);
}

TEST_CASE_METHOD(fixture, "steps before the windows are read", "[configs]") {
  weir::test::write_file(dir / "limits.csv", "id;limit\npump-1;80\n");
  auto settings = good(R"(
[[convert]]
metric = "t"
source = "oven-*"
from = "degF"
to = "degC"
[[convert]]
value = "value * 2"
[[filter]]
metric = "t"
where = "value < limits.limit"
[[sample]]
metric = "v"
every = 3
interval_ms = 100
dead_band = 0.5
silence_max_ms = 60000
[[derive]]
metric = "power"
value = "voltage * current"
stale_max_ms = 1
match = "dimensions"
on = "current"
[[table]]
name = "limits"
file = "limits.csv"
column = "id"
separator = ";"
[detector]
ignore = ["cpu_*"]
threshold = 8
[[rule]]
name = "hot"
metric = "t"
limit = 90
)");
  const auto& config = settings.config;
  REQUIRE(config.converts.size() == 2);
  CHECK(config.converts[0].value == "(value - 32) / 1.8");
  CHECK(config.converts[0].source == "oven-*");
  CHECK(config.converts[1].value == "value * 2");
  CHECK(config.filters.at(0).where == "value < limits.limit");
  const auto& sample = config.samples.at(0);
  CHECK(sample.every == 3);
  CHECK(sample.interval_ns == 100 * ms);
  CHECK(sample.dead_band == 0.5);
  CHECK(sample.silence_max_ns == 60'000 * ms);
  const auto& derive = config.derives.at(0);
  CHECK(derive.stale_max_ns == 1 * ms);
  CHECK(derive.by_dimensions);
  CHECK(derive.on == "current");
  REQUIRE(config.tables.size() == 1);
  CHECK(config.tables[0].key == "source");
  CHECK(config.tables[0].table->find("pump-1"));
  REQUIRE(settings.table_files.size() == 1);
  CHECK(settings.table_files[0].table() == config.tables[0].table);
  CHECK(config.detector.threshold == 8.0);
  CHECK(config.rules.at(0).limit == 90.0);
}

TEST_CASE_METHOD(fixture, "everything that is wrong is told at once, with its line",
                 "[configs]") {
  auto errors = wrong("[window]\nwidth_ms = 0\nzone = \"Mars/Base\"\n"
                      "[[view]]\nname = \"a\"\nkind = \"calendar\"\nevery = \"eon\"\n"
                      "[[view]]\nname = \"b\"\nwhere = \"valu > 1\"\n"
                      "[[convert]]\nfrom = \"degF\"\nto = \"bar\"\n"
                      "[[convert]]\nvalue = \"1\"\nfrom = \"degF\"\n"
                      "[[table]]\nname = \"d\"\nfile = \"none.csv\"\n"
                      "[[veiw]]\nname = \"x\"\n");
  std::string all;
  for (const auto& x : errors)
    all += x + "\n";
  CAPTURE(all);
  auto has
    = [&](const std::string& text) { return all.find(text) != std::string::npos; };
  CHECK(has("edge.toml:2: window.width_ms: found 0, accepted: a whole number from 1"));
  CHECK(has("edge.toml:3: window.zone: this setting belongs to windows of kind = "
            "\"calendar\", but these are \"tumbling\""));
  CHECK(has("edge.toml:7: view[0].every: found \"eon\", accepted: a unit (minute"));
  CHECK(has("edge.toml:13: convert[0].to: found \"bar\", which is no temperature"));
  CHECK(has("convert[1].value: found both a value and units"));
  CHECK(has("edge.toml:19: table[0].file: none.csv: is no file"));
  CHECK(has("edge.toml:20: veiw: unknown key, did you mean \"view\"?"));
}

TEST_CASE_METHOD(fixture, "what the compiler says has its table's line and the column",
                 "[configs]") {
  auto errors = wrong("[window]\nkind = \"hopping\"\n"
                      "[[view]]\nname = \"a\"\nwhere = \"value * tru\"\n"
                      "[[derive]]\nmetric = \"p\"\nvalue = \"p * 2\"\n");
  REQUIRE(errors.size() == 3);
  CHECK(errors[0] == "edge.toml:1: window: slide must be above 0 and at most width");
  CHECK(errors[1].starts_with("edge.toml:3: view \"a\": where, column 9: "));
  CHECK(errors[2]
        == "edge.toml:6: derive \"p\": \"p\" is derived, but not before this one");
}

TEST_CASE_METHOD(fixture, "one mistake is told once", "[configs]") {
  CHECK(wrong("[[view]]\nname = \"a\"\nkind = \"calendar\"\nevery = \"\"\n").size()
        == 1);
  CHECK(wrong("[[view]]\nname = \"a\"\naggregates = [\"p200\"]\n").size() == 1);
  // Without its table, what names it cannot be judged.
  CHECK(wrong("[[table]]\nname = \"d\"\nfile = \"d.csv\"\n"
              "[[filter]]\nwhere = \"value < d.limit\"\n")
          .size()
        == 1);
}

TEST_CASE_METHOD(fixture, "settings of earlier versions are told where they are now",
                 "[configs]") {
  auto errors = wrong("[window]\nout_of_orderness_ms = 1\nidle_close_ms = 2\n");
  REQUIRE(errors.size() == 2);
  CHECK(errors[0]
        == "edge.toml:2: window.out_of_orderness_ms: this setting is "
           "event_time.out_of_orderness_ms now");
  CHECK(errors[1]
        == "edge.toml:3: window.idle_close_ms: this setting is "
           "event_time.idle_timeout_ms now");
}

TEST_CASE_METHOD(fixture, "an edge's other tables are passed over, [ingest] is read",
                 "[configs]") {
  auto loaded = load_text("[uplink]\nendpoint = 5\n[[source.mqtt]]\nname = 3\n"
                          "[ingest]\nseries_max = 7\nfuture = \"restamp\"\n");
  REQUIRE(loaded);
  CHECK(loaded->ingest.series_max == 7);
  CHECK(loaded->ingest.restamp_future);
  CHECK(wrong("[ingest]\nfuture = \"believe\"\n").size() == 1);
  CHECK(wrong("[ingest]\ntime_min = \"1680-01-01\"\n").size() == 1);
}

TEST_CASE_METHOD(fixture, "the demo's configs are good", "[configs]") {
  for (auto name : {"edge-plant.toml", "edge-store.toml"}) {
    auto text = weir::test::read_file(std::filesystem::path{WEIR_SOURCE_DIR}
                                      / "configs/demo" / name);
    REQUIRE_FALSE(text.empty());
    good(text);
  }
}
