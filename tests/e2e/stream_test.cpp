// The stream engine in the real edge: views and device tables reach the centre, a
// config that changes is taken without a pause, and late events are counted and shown.
#include "storage/store.hpp"
#include "tests/e2e/system.hpp"

#include "analytics/aggregates.hpp"

#include <catch2/catch.hpp>

#include <csignal>

using namespace std::chrono_literals;
using weir::test::wait_until;
using weir::test::weir_system;

namespace {

constexpr std::int64_t start_ms = 1'760'000'000'000;

std::string event_at(std::int64_t second, double value) {
  return "{\"timestamp\":" + std::to_string(start_ms + second * 1000)
         + ",\"value\":" + nlohmann::json(value).dump() + "}";
}

void write(const std::filesystem::path& file, const std::string& text) {
  // As a careful writer does it: readers see the old file or the new one.
  auto draft = file.string() + ".new";
  std::ofstream{draft} << text;
  std::filesystem::rename(draft, file);
}

nlohmann::json edge_of(weir_system& system) {
  auto overview = system.get("/api/v1/overview");
  return overview && !(*overview)["edges"].empty() ? (*overview)["edges"][0]
                                                   : nlohmann::json{};
}

bool knows_series(weir_system& system, const std::string& text) {
  auto answer = system.get("/api/v1/series?search=" + text);
  return answer && answer->dump().find(text) != std::string::npos;
}

std::vector<weir::analytics::summary> windows_of(const weir_system& system,
                                                 const std::string& text) {
  auto store = weir::storage::store::open({system.dir / "central-data/store"}, 0);
  REQUIRE(store);
  auto found = (*store)->find_series({.text_contains = text, .edge = "", .limit = 10});
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  return *(*store)->query(found->front().id, 0, INT64_MAX, 1000);
}

const std::string view_settings = R"toml(
[[table]]
name = "devices"
file = "devices.csv"
[[view]]
name = "by_site"
group_by = ["metric", "devices.site"]
aggregates = ["count", "p50", "distinct(source)"]
width_ms = 10000
[[filter]]
metric = "temperature"
where = "value < 1000"
)toml";

} // namespace

TEST_CASE("a group over a device table reaches the centre with its sketches, and a "
          "changed table is followed",
          "[e2e]") {
  weir_system system{{.edge_extra = view_settings}};
  write(system.dir / "devices.csv", "source,site\na,north\nb,north\nc,south\n");
  system.start();
  INFO(system.logs());
  for (const auto* source : {"a", "b"})
    system.publish(
      "plant/" + std::string{source} + "/temperature",
      {event_at(1, 10.0), event_at(2, 20.0), event_at(3, 5000.0), event_at(4, 30.0)});
  REQUIRE(wait_until([&] { return edge_of(system).value("events_total", 0) >= 8; }));
  // Source b moves to another site while the edge runs.
  write(system.dir / "devices.csv", "source,site\na,north\nb,south\nc,south\n");
  REQUIRE(wait_until(
    [&] { return system.logs().find("view \"by_site\" go on") != std::string::npos; },
    20s));
  for (const auto* source : {"a", "b"})
    system.publish("plant/" + std::string{source} + "/temperature",
                   {event_at(31, 7.0), event_at(62, 7.0)});
  REQUIRE(wait_until([&] { return knows_series(system, "south"); }, 20s));
  CHECK(system.edge->stop(5s) == 0);
  CHECK(system.central->stop(5s) == 0);
  auto north = windows_of(system, "north");
  REQUIRE_FALSE(north.empty());
  CHECK(north[0].count == 6); // The filter has let 5000 go, of each source.
  CHECK(north[0].max == 30.0);
  auto value = [&](const char* aggregate) {
    return weir::analytics::value_of(north[0],
                                     *weir::analytics::parse_aggregate(aggregate));
  };
  CHECK(value("p50") == Approx(20.0).epsilon(0.02));
  CHECK(value("distinct(source)") == Approx(2.0).epsilon(0.01));
  auto south = windows_of(system, "south");
  REQUIRE_FALSE(south.empty());
  CHECK(south[0].count == 1);
}

TEST_CASE("SIGHUP takes a new config: what has changed its shape is sent, the rest "
          "goes on",
          "[e2e]") {
  weir_system system{{.edge_extra = "[[view]]\nname = \"kept\"\nkind = \"count\"\n"
                                    "size_events = 4\n"}};
  system.start();
  INFO(system.logs());
  system.publish("plant/a/temperature", {event_at(0, 1.0), event_at(0, 2.0)});
  REQUIRE(wait_until([&] { return edge_of(system).value("events_total", 0) >= 2; }));
  auto text = weir::test::read_text(system.dir / "edge.toml");
  auto at = text.find("width_ms = 1000");
  REQUIRE(at != std::string::npos);
  write(system.dir / "edge.toml", text.replace(at, 15, "width_ms = 2000"));
  system.edge->signal(SIGHUP);
  REQUIRE(wait_until([&] {
    auto logs = system.logs();
    return logs.find("the default windows have another shape now") != std::string::npos
           && logs.find("view \"kept\" go on") != std::string::npos;
  }));
  // The first two of four are still in the window that was kept.
  system.publish("plant/a/temperature", {event_at(1, 3.0), event_at(1, 4.0),
                                         event_at(90, 5.0), event_at(180, 6.0)});
  REQUIRE(wait_until([&] { return knows_series(system, "kept"); }, 20s));
  // A wrong config is told and changes nothing.
  write(system.dir / "edge.toml", text + "\n[[filter]]\nwhere = \"value >\"\n");
  system.edge->signal(SIGHUP);
  REQUIRE(wait_until([&] {
    return system.logs().find("what stood there before holds") != std::string::npos;
  }));
  CHECK(system.edge->stop(5s) == 0);
  CHECK(system.central->stop(5s) == 0);
  auto kept = windows_of(system, "kept");
  REQUIRE_FALSE(kept.empty());
  CHECK(kept[0].count == 4);
  CHECK(kept[0].sum == 10.0);
}

TEST_CASE("an event that is late within the allowance corrects its window, a later one "
          "is counted and shown",
          "[e2e]") {
  weir_system system;
  system.start();
  INFO(system.logs());
  system.publish("plant/a/temperature", {event_at(0, 1.0), event_at(5, 2.0)});
  REQUIRE(wait_until([&] { return knows_series(system, "temperature"); }));
  system.publish("plant/a/temperature",
                 {event_at(0, 3.0), event_at(100, 4.0), event_at(0, 99.0)});
  REQUIRE(wait_until([&] { return edge_of(system).value("late_total", 0) == 1; }));
  REQUIRE(wait_until([&] {
    auto answer = system.get("/api/v1/quarantine");
    return answer
           && answer->dump().find("behind its source's watermark") != std::string::npos;
  }));
  CHECK(edge_of(system)["rejected_by_reason"]["late"] == 1);
  CHECK(edge_of(system)["rejected_total"] == 0);
  CHECK(system.edge->stop(5s) == 0);
  CHECK(system.central->stop(5s) == 0);
  auto windows = windows_of(system, "temperature");
  REQUIRE(windows.size() >= 2);
  CHECK(windows[0].count == 2);
  CHECK(windows[0].sum == 4.0);
  CHECK(windows[0].revision == 1);
}

TEST_CASE(
  "a late event after an ordered restart corrects its window and doubles nothing",
  "[e2e]") {
  weir_system system;
  system.start();
  INFO(system.logs());
  system.publish("plant/a/temperature",
                 {event_at(0, 1.0), event_at(0, 2.0), event_at(5, 3.0)});
  REQUIRE(wait_until([&] { return knows_series(system, "temperature"); }));
  CHECK(system.edge->stop(5s) == 0);
  system.start_edge();
  system.publish("plant/a/temperature", {event_at(0, 4.0), event_at(90, 5.0)});
  REQUIRE(wait_until([&] { return edge_of(system).value("events_total", 0) >= 2; }));
  CHECK(system.edge->stop(5s) == 0);
  CHECK(system.central->stop(5s) == 0);
  auto windows = windows_of(system, "temperature");
  REQUIRE(windows.size() >= 2);
  CHECK(windows[0].count == 3);
  CHECK(windows[0].sum == 7.0);
  CHECK(windows[1].count == 1);
}
