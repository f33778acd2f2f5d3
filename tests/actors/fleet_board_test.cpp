// FLEET BOARD: states by silence, rates by the edge's own clock, lag.
#include "actors/fleet_board.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

weir::transport::edge_status status_at(std::int64_t time_s, std::uint64_t events,
                                       std::uint32_t run = 1) {
  weir::transport::edge_status result;
  result.time_ns = time_s * second_ns;
  result.events_total = events;
  result.run = run;
  return result;
}

} // namespace

TEST_CASE("an edge is up, late and down by its silence", "[actors]") {
  fleet_board uut;
  uut.expect_edge("never");
  uut.on_status("a", status_at(100, 0), 100 * second_ns);
  auto state_at = [&uut](std::int64_t time_s, std::size_t edge) {
    return uut.view(time_s * second_ns).edges.at(edge).state;
  };
  CHECK(state_at(101, 0) == edge_state::up);
  CHECK(state_at(105, 0) == edge_state::late);
  CHECK(state_at(111, 0) == edge_state::down);
  CHECK(state_at(101, 1) == edge_state::down);
  auto totals = uut.view(101 * second_ns).totals;
  CHECK(totals.edges == 2);
  CHECK(totals.up == 1);
  CHECK(totals.down == 1);
}

TEST_CASE("the rate follows the edge's clock, not the arrival", "[actors]") {
  fleet_board uut;
  uut.on_status("a", status_at(10, 1000), 50 * second_ns);
  uut.on_status("a", status_at(12, 3000), 50 * second_ns + 1);
  auto edge = uut.view(50 * second_ns + 2).edges.at(0);
  CHECK(edge.events_per_s == 1000.0);
  CHECK(edge.clock_offset_ms == Approx(-38'000.0));
}

TEST_CASE("a restarted edge's counter that starts anew is no negative rate",
          "[actors]") {
  fleet_board uut;
  uut.on_status("a", status_at(10, 1000), 10 * second_ns);
  uut.on_status("a", status_at(11, 5, 2), 11 * second_ns);
  CHECK(uut.view(11 * second_ns).edges.at(0).events_per_s == 0.0);
  uut.on_status("a", status_at(12, 105, 2), 12 * second_ns);
  CHECK(uut.view(12 * second_ns).edges.at(0).events_per_s == 100.0);
}

TEST_CASE("a silent edge claims no rate", "[actors]") {
  fleet_board uut;
  uut.on_status("a", status_at(10, 0), 10 * second_ns);
  uut.on_status("a", status_at(11, 100), 11 * second_ns);
  CHECK(uut.view(60 * second_ns).totals.events_per_s == 0.0);
}

TEST_CASE("the lag's p99 is over the commits of the last minute", "[actors]") {
  fleet_board uut;
  auto commit = [&uut](std::int64_t time_s, std::int64_t lag_ms) {
    uut.on_commit("a", time_s * second_ns - lag_ms * 1'000'000, time_s * second_ns);
  };
  for (int i = 0; i < 300; ++i)
    commit(1000, 900'000); // History that was sent late.
  for (int i = 0; i < 200; ++i)
    commit(1030, 10);
  CHECK(uut.view(1040 * second_ns).totals.lag_p99_ms == Approx(900'000.0));
  CHECK(uut.view(1070 * second_ns).totals.lag_p99_ms == Approx(10.0));
  for (int i = 0; i < 10; ++i)
    commit(1070, 700);
  CHECK(uut.view(1070 * second_ns).totals.lag_p99_ms == Approx(700.0));
  CHECK(uut.view(2000 * second_ns).totals.lag_p99_ms == 0.0);
}
