// LATE EVENTS that were taken are told in a revision, whatever comes behind them.
#include "analytics/shard.hpp"

#include <catch2/catch.hpp>

#include <optional>
#include <vector>

using namespace weir::analytics;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t t0 = 1'700'000'000 * second_ns;

struct fixture {
  series_table table{100};
  shard_output out;

  std::shared_ptr<const stream_program> program_of(stream_config config) {
    config.detector.enabled = false;
    auto program = stream_program::compile(std::move(config));
    REQUIRE(program);
    return *program;
  }

  event at(std::int64_t second, double value, const char* series = "t{source=\"a\"}") {
    return {t0 + second * second_ns, value, *table.intern(series), 0};
  }

  /// All that was sent of the window that begins at `second`, corrections added.
  std::optional<summary> whole_of(std::int64_t second) const {
    std::optional<summary> result;
    for (const auto& x : out.summaries)
      if (x.start_ns == t0 + second * second_ns) {
        CHECK(x.correction == result.has_value()); // Sent once, then corrected.
        if (result)
          merge(*result, x);
        else
          result = x;
      }
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(fixture,
                 "a revision is sent although its window ends in the same batch",
                 "[analytics]") {
  // Windows of 10 s, 2 s out of order, 10 s of lateness.
  shard uut{program_of({}), table};
  uut.process(std::vector{at(0, 1.0), at(13, 1.0)}, {t0, time_forever}, out);
  REQUIRE(whole_of(0));
  CHECK(whole_of(0)->count == 1);
  // The late event is taken; what follows puts its window beyond the lateness.
  uut.process(std::vector{at(1, 1.0), at(40, 1.0), at(2, 1.0)}, {t0, time_forever},
              out);
  CHECK(whole_of(0)->count == 2);
  CHECK(whole_of(0)->revision == 1);
  CHECK(uut.status().late == 1);
  CHECK(uut.status().events == 4);
}

TEST_CASE_METHOD(fixture, "the same for hopping windows, of which each is told",
                 "[analytics]") {
  stream_config config;
  config.window->kind = window_kind::hopping;
  config.window->slide_ns = 5 * second_ns;
  shard uut{program_of(config), table};
  uut.process(std::vector{at(6, 1.0), at(18, 1.0)}, {t0, time_forever}, out);
  uut.process(std::vector{at(7, 1.0), at(60, 1.0), at(90, 1.0)}, {t0, time_forever},
              out);
  for (auto start : {0, 5}) {
    CAPTURE(start);
    REQUIRE(whole_of(start));
    CHECK(whole_of(start)->count == 2);
  }
}

TEST_CASE_METHOD(fixture, "a hopping window that is open takes what others refuse",
                 "[analytics]") {
  stream_config config;
  config.window->kind = window_kind::hopping;
  config.window->slide_ns = 2 * second_ns;
  shard uut{program_of(config), table};
  uut.process(std::vector{at(8, 1.0), at(21, 1.0)}, {t0, time_forever}, out);
  // Watermark 19 s, horizon 9 s: the window from -2 s on is closed, later ones are not.
  uut.process(std::vector{at(7, 1.0), at(22, 1.0), at(40, 1.0)}, {t0, time_forever},
              out);
  CHECK(uut.status().late == 0);
  CHECK(!whole_of(-2));
  for (auto start : {0, 2, 4, 6}) {
    CAPTURE(start);
    REQUIRE(whole_of(start));
    CHECK(whole_of(start)->count == 2);
  }
}

TEST_CASE_METHOD(fixture, "another series' progress sends no revision early",
                 "[analytics]") {
  shard uut{program_of({}), table};
  constexpr auto other = "t{source=\"b\"}";
  uut.process(std::vector{at(0, 1.0), at(13, 1.0)}, {t0, time_forever}, out);
  uut.process(
    std::vector{at(1, 1.0), at(50, 1.0, other), at(90, 1.0, other), at(2, 1.0)},
    {t0, time_forever}, out);
  CHECK(whole_of(0)->count == 3);
  CHECK(whole_of(0)->revision == 2);
  uut.tick({t0, time_forever}, true, out);
  CHECK(uut.status().revisions == 1);
}

TEST_CASE_METHOD(fixture, "a view's own lateness holds also after a silence",
                 "[analytics]") {
  stream_config config;
  config.window.reset();
  view_config view;
  view.name = "patient";
  view.allowed_lateness_ns = 3600 * second_ns;
  config.views.push_back(view);
  shard uut{program_of(config), table};
  uut.process(std::vector{at(0, 1.0), at(25, 1.0)}, {t0, time_forever}, out);
  // Silent for longer than event_time's idle timeout and lateness together.
  uut.tick({t0 + 60 * second_ns, time_forever}, true, out);
  uut.process(std::vector{at(1, 1.0)}, {t0 + 61 * second_ns, time_forever}, out);
  CHECK(uut.status().late == 0);
  REQUIRE(whole_of(0));
  CHECK(whole_of(0)->count == 2);
}
