// QUERY QUEUE: one thread, in order, bounded.
#include "web/query_queue.hpp"

#include "tests/support/wait_until.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <vector>

using namespace weir::web;

TEST_CASE("jobs run in order on another thread", "[web]") {
  query_queue uut{10};
  std::promise<std::vector<int>> done;
  std::vector<int> order;
  for (int i = 0; i < 3; ++i)
    REQUIRE(uut.try_post([&order, i] { order.push_back(i); }));
  REQUIRE(uut.try_post([&] { done.set_value(order); }));
  uut.start();
  CHECK(done.get_future().get() == std::vector{0, 1, 2});
}

TEST_CASE("beyond its capacity a job is refused, not kept", "[web]") {
  query_queue uut{2};
  uut.start();
  std::promise<void> gate;
  auto opened = gate.get_future().share();
  std::atomic<int> ran{0};
  REQUIRE(uut.try_post([opened, &ran] {
    opened.wait();
    ran += 1;
  }));
  REQUIRE(weir::test::wait_until([&] { return uut.size() == 0; }));
  CHECK(uut.try_post([&ran] { ran += 1; }));
  CHECK(uut.try_post([&ran] { ran += 1; }));
  CHECK_FALSE(uut.try_post([&ran] { ran += 100; }));
  gate.set_value();
  CHECK(weir::test::wait_until([&] { return ran == 3; }));
}

TEST_CASE("a stopped queue takes nothing and drops what waits", "[web]") {
  query_queue uut{2};
  bool ran = false;
  REQUIRE(uut.try_post([&ran] { ran = true; }));
  uut.stop();
  CHECK_FALSE(uut.try_post([] {}));
  CHECK(uut.size() == 0);
  CHECK_FALSE(ran);
}
