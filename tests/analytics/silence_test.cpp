// SILENCE: which windows a silent source's local time closes.
#include "analytics/shard.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace weir::analytics;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t t0 = 1'700'000'000 * second_ns;

/// One view of sessions with a gap of 60 s; sources are idle after 15 s.
struct fixture {
  series_table table{100};
  shard_output out;

  shard sessions(std::vector<std::string> group_by) {
    stream_config config;
    config.window.reset();
    config.detector.enabled = false;
    view_config view;
    view.name = "sessions";
    view.kind = window_kind::session;
    view.group_by = std::move(group_by);
    config.views.push_back(view);
    auto program = stream_program::compile(std::move(config));
    REQUIRE(program);
    return shard{*program, table};
  }

  void take(shard& uut, std::int64_t second) {
    event x{t0 + second * second_ns, 1.0, *table.intern("t{source=\"a\"}"), 0};
    uut.process({&x, 1}, {x.time_ns, time_forever}, out);
  }
  void tick(shard& uut, std::int64_t first, std::int64_t last) {
    for (auto second = first; second <= last; ++second)
      uut.tick({t0 + second * second_ns, time_forever}, true, out);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a session is ended by its own gap, not by the idle timeout",
                 "[analytics]") {
  for (const auto& group_by :
       {std::vector<std::string>{}, std::vector<std::string>{"metric"}}) {
    CAPTURE(group_by.size());
    out.clear();
    auto uut = sessions(group_by);
    take(uut, 0);
    tick(uut, 1, 40);
    take(uut, 40);
    tick(uut, 41, 99);
    CHECK(out.summaries.empty());
    tick(uut, 100, 100);
    REQUIRE(out.summaries.size() == 1);
    CHECK(out.summaries[0].count == 2);
    CHECK(out.summaries[0].start_ns == t0);
    CHECK(out.summaries[0].width_ns == 100 * second_ns);
    take(uut, 110);
    tick(uut, 110, 300);
    CHECK(out.summaries.size() == 2);
  }
}
