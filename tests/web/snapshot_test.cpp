// SNAPSHOT: what a subscription is shown first, from a real store.
#include "web/snapshot.hpp"

#include "tests/support/temp_dir.hpp"
#include "tests/web/sample_data.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::web;
using namespace weir::test;
using nlohmann::json;

namespace {

struct fixture {
  temp_dir dir;
  sample_store store{dir.path(), 100};

  snapshot_request request(std::vector<storage::stored_series_id> series,
                           std::size_t points_max = 800) {
    return {1, 2, 3, std::move(series), base_ns, points_max, wire_format::json};
  }

  json body(const snapshot_result& x) {
    return json::parse("{" + *x.body.bytes);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a snapshot has the points, anomalies and unknown ids",
                 "[web]") {
  auto result = read_snapshot(*store, request({store.id(0), 4242}), base_ns);
  CHECK_FALSE(result.error);
  CHECK(result.socket == 1);
  CHECK(result.generation == 2);
  auto x = body(result);
  CHECK(x["id"] == 3);
  CHECK(x["missing"] == json::array({4242}));
  REQUIRE(x["series"].size() == 1);
  CHECK(x["series"][0]["text"] == sample_series[0]);
  CHECK(x["series"][0]["n"] == 100);
  CHECK(x["series"][0]["width_ms"] == 5000);
  REQUIRE(x["anomalies"].size() == 1);
  CHECK(x["anomalies"][0]["text"] == sample_series[0]);
}

TEST_CASE_METHOD(fixture, "a snapshot starts where the client's points end", "[web]") {
  auto x = request({store.id(0)});
  x.from_ns = base_ns + 98 * width_ns;
  auto result = body(read_snapshot(*store, x, base_ns));
  CHECK(result["series"][0]["start_ms"]
        == json::array(
          {(base_ns + 98 * width_ns) / ms_ns, (base_ns + 99 * width_ns) / ms_ns}));
  CHECK(result["anomalies"].empty());
}

TEST_CASE_METHOD(fixture, "what was shown is told for the newest points", "[web]") {
  auto result = read_snapshot(*store, request({store.id(0)}), base_ns);
  const auto& shown = result.shown.at(store.id(0));
  REQUIRE(shown.size() == 64);
  CHECK(shown.back().start_ns == base_ns + 99 * width_ns);
  CHECK(shown.back().width_ns == width_ns);
}

TEST_CASE_METHOD(fixture, "merged points say how wide they are", "[web]") {
  auto x = body(read_snapshot(*store, request({store.id(0)}, 10), base_ns));
  CHECK(x["series"][0]["n"] <= 10);
  CHECK(x["series"][0]["width_ms"] >= 50'000);
}
