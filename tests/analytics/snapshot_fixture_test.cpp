// A snapshot that an older version wrote is read by every later one. Who raises the
// version adds a fixture (WEIR_UPDATE_GOLDEN=1 writes today's) and keeps the others.
#include "tests/analytics/shard_fixture.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace weir::analytics;

namespace {

const std::filesystem::path fixtures{WEIR_SOURCE_DIR "/tests/analytics/fixtures"};

view_config named(const std::string& name, window_kind kind) {
  view_config view;
  view.name = name;
  view.kind = kind;
  return view;
}

/// Some of everything that has state.
stream_config every_kind() {
  stream_config config;
  config.rules.push_back({.name = "hot", .limit = 90.0});
  auto hopping = named("hopping", window_kind::hopping);
  hopping.width_ns = 60 * second_ns;
  hopping.slide_ns = 2 * second_ns;
  auto group = named("group", window_kind::tumbling);
  group.group_by = {"metric"};
  group.aggregates = *parse_aggregates({"p50", "distinct(source)"});
  auto count = named("count", window_kind::count);
  count.size_events = 7;
  count.slide_events = 3;
  auto state = named("state", window_kind::state);
  state.open_when = "value > 50";
  config.views = {hopping, group, named("session", window_kind::session),
                  count,   state, named("sliding", window_kind::sliding)};
  config.derives.push_back({.metric = "double", .value = "temperature * 2"});
  config.samples.push_back({.metric = "pressure", .every = 2});
  return config;
}

void feed(shard& uut, series_table& table, std::int64_t from_s, std::int64_t to_s,
          shard_output& out) {
  for (auto s = from_s; s < to_s; ++s)
    for (const auto* metric : {"temperature", "pressure"})
      for (const auto* source : {"a", "b"}) {
        auto id = *table.intern(test_node::name(metric, source));
        // Every seventh comes four seconds late.
        auto time_s = s % 7 == 0 ? s - 4 : s;
        event x{time_s * second_ns, static_cast<double>((s * 37) % 100), id, 0};
        uut.process({&x, 1}, {s * second_ns}, out);
      }
}

window_map kept(const shard_output& out, const series_table& table) {
  window_map result;
  for (auto x : out.summaries) {
    auto text = table.text(x.series);
    x.series = 0; // Ids may differ; names do not.
    keep(result, text, x);
  }
  return result;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

TEST_CASE("a shard goes on from a snapshot of each version to the same last bits",
          "[analytics]") {
  auto fixture = fixtures / GENERATE("shard_v3.bin", "shard_v4.bin");
  auto program = compiled(every_kind());
  series_table table{100};
  shard undisturbed{program, table};
  shard_output out;
  feed(undisturbed, table, 100, 150, out);
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr
      && !std::filesystem::exists(fixture)) {
    std::string bytes;
    undisturbed.snapshot(bytes);
    std::ofstream{fixture, std::ios::binary} << bytes;
  }
  out.clear();
  series_table restored_table{100};
  shard restored{program, restored_table};
  shard_output restored_out;
  auto report = restored.restore(read(fixture), {149 * second_ns}, restored_out);
  if (!report)
    FAIL(report.error());
  CHECK(report->series == 6);
  CHECK(report->views.kept.size() == 7);
  CHECK(report->views.closed.empty());
  feed(undisturbed, table, 150, 220, out);
  feed(restored, restored_table, 150, 220, restored_out);
  undisturbed.flush(out);
  restored.flush(restored_out);
  CHECK(out.summaries.size() > 100);
  auto expected = kept(out, table);
  auto found = kept(restored_out, restored_table);
  REQUIRE(found.size() == expected.size());
  for (const auto& [key, window] : expected) {
    CAPTURE(key.first, key.second);
    REQUIRE(found.count(key) == 1);
    CHECK(found.at(key) == window);
  }
}
