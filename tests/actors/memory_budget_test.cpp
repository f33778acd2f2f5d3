// MEMORY BUDGET: one number in, limits out that keep together what was asked.
#include "actors/memory_budget.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;

namespace {

constexpr std::size_t mb = 1 << 20;

} // namespace

TEST_CASE("budgets never exceed the bound, whatever the node looks like", "[actors]") {
  for (std::size_t bound_mb : {64, 96, 128, 512, 4096})
    for (std::size_t shards : {1, 2, 8, 64})
      for (std::size_t views : {0, 1, 24})
        for (std::size_t horizon : {0, 262'144}) {
          memory_budget_config config{bound_mb * mb, shards, 3, views, horizon};
          REQUIRE(memory_bytes_min(config) <= config.bound_bytes);
          auto x = plan_memory(config);
          CHECK(x.sum_bytes() <= config.bound_bytes);
          CHECK(x.sum_bytes() >= config.bound_bytes / 100 * 99);
        }
}

TEST_CASE("the limits of the default node lose no speed", "[actors]") {
  auto x = plan_memory({96 * mb, 2, 1, 0, 262'144});
  CHECK(x.inbox_events_max >= 32'768);
  CHECK(x.receive_messages_max >= 32);
  CHECK(x.backlog_bytes_max >= 3 * mb); // 20,000 summaries.
}

TEST_CASE("limits fit their budgets, and shrink with the bound and the views",
          "[actors]") {
  memory_budget_config config{96 * mb, 8, 4, 12, 262'144};
  auto x = plan_memory(config);
  CHECK(x.inbox_events_max * config.shards * 48 <= x.inbox_bytes);
  CHECK(x.inbox_events_max * config.shards * config.grouped_views
        <= std::max<std::uint64_t>(x.routed_events_max, 1024 * 8 * 12));
  CHECK(x.backlog_bytes_max * 3 <= x.record_bytes);
  auto without_views = config;
  without_views.grouped_views = 0;
  CHECK(plan_memory(without_views).inbox_events_max > x.inbox_events_max);
  auto smaller = config;
  smaller.bound_bytes = 64 * mb;
  CHECK(plan_memory(smaller).backlog_bytes_max < x.backlog_bytes_max);
  CHECK(plan_memory(smaller).receive_messages_max <= x.receive_messages_max);
}

TEST_CASE("a large duplicate filter asks for a larger bound", "[actors]") {
  memory_budget_config config{96 * mb, 2, 1, 0, 262'144};
  auto least = memory_bytes_min(config);
  config.duplicates_horizon = 10'000'000;
  CHECK(memory_bytes_min(config) > least + 300 * mb);
  config.bound_bytes = memory_bytes_min(config);
  CHECK(plan_memory(config).sum_bytes() <= config.bound_bytes);
}
