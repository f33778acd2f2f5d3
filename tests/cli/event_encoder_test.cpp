// Our encoders against the decoders of the edge: what is written is what is
// read.
#include "cli/event_encoder.hpp"

#include "transport/decoders.hpp"

#include <catch2/catch.hpp>

using namespace weir::cli;
namespace transport = weir::transport;
namespace analytics = weir::analytics;

namespace {

struct decoded {
  std::string text; ///< Canonical series.
  double value = 0.0;
  std::optional<std::int64_t> time_ns;
  std::string id;
};

struct keeping_sink : transport::event_sink {
  void on_event(const transport::raw_event& x) override {
    decoded one;
    analytics::append_canonical(one.text, x.series);
    one.value = x.value;
    one.time_ns = x.time_ns;
    one.id = x.id;
    events.push_back(one);
  }
  void on_reject(analytics::reject_reason, std::string_view detail,
                 std::string_view) override {
    rejected.emplace_back(detail);
  }
  std::vector<decoded> events;
  std::vector<std::string> rejected;
};

std::vector<decoded> decode(const std::string& payload) {
  transport::payload_decoder decoder;
  keeping_sink sink;
  decoder.decode(payload, {}, sink);
  for (const auto& detail : sink.rejected)
    FAIL("rejected: " << detail);
  return sink.events;
}

const outgoing_series series{
  "temperature", "m-\"01\"\n", "device_id", {{"line", "A"}, {"hall", "Süd \\ 3"}}};
constexpr std::int64_t time_ns = 1'700'000'000'123'000'000;

} // namespace

TEST_CASE("JSON events are read by the edge as they were meant", "[cli]") {
  std::string payload;
  append_json(payload, series, {time_ns, -12.625, 0xbeef});
  auto events = decode(payload);
  REQUIRE(events.size() == 1);
  CHECK(events[0].text
        == "temperature{source=\"m-\\\"01\\\"\\n\",hall=\"Süd \\\\ "
           "3\",line=\"A\"}");
  CHECK(events[0].value == -12.625);
  CHECK(events[0].time_ns == time_ns);
  CHECK(events[0].id == "000000000000beef");
}

TEST_CASE("msgpack events are read by the edge as they were meant", "[cli]") {
  std::string payload;
  append_msgpack(payload, series, {time_ns, -12.625, 0xbeef});
  auto events = decode(payload);
  REQUIRE(events.size() == 1);
  CHECK(events[0].text
        == "temperature{source=\"m-\\\"01\\\"\\n\",hall=\"Süd \\\\ "
           "3\",line=\"A\"}");
  CHECK(events[0].value == -12.625);
  CHECK(events[0].time_ns == time_ns);
  CHECK(events[0].id == "000000000000beef");
}

TEST_CASE("msgpack arrays and texts of every size class are read", "[cli]") {
  for (auto count : {2u, 15u, 16u, 300u}) {
    std::string payload;
    append_msgpack_array(payload, count);
    for (auto i = 0u; i < count; ++i)
      append_msgpack(payload, {"m", std::string(1 + i % 250, 'x'), "source", {}},
                     {time_ns, static_cast<double>(i), 0});
    auto events = decode(payload);
    REQUIRE(events.size() == count);
    CHECK(events.back().value == count - 1);
    CHECK(events.back().id.empty());
  }
}

TEST_CASE("numbers are written so that they read back the same", "[cli]") {
  for (auto value : {0.0, 0.1, 1.0 / 3.0, 1e-300, 1.7976931348623157e308, 1e21}) {
    std::string payload;
    append_json(payload, {"m", "s", "source", {}}, {time_ns, value, 0});
    INFO(payload);
    auto events = decode(payload);
    REQUIRE(events.size() == 1);
    CHECK(events[0].value == value);
  }
}
