// SESSIONS: a link burns once, whoever comes; all ages and numbers are bounded.
#include "web/sessions.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>
#include <vector>

using namespace weir::web;

namespace {

constexpr std::int64_t minute_ns = 60ll * 1'000'000'000;
constexpr std::int64_t start_ns = 1'700'000'000ll * 1'000'000'000;

} // namespace

TEST_CASE("a token is good for exactly one session", "[web]") {
  session_registry uut;
  auto link = uut.make_link(start_ns);
  auto secret = uut.redeem(link.token, start_ns);
  REQUIRE(secret);
  CHECK(*secret != link.token);
  CHECK_FALSE(uut.redeem(link.token, start_ns));
  CHECK(uut.touch(*secret, start_ns));
  CHECK_FALSE(uut.touch(link.token, start_ns));
  CHECK_FALSE(uut.touch("", start_ns));
}

TEST_CASE("of many callers with one token exactly one gets in", "[web]") {
  for (int round = 0; round < 50; ++round) {
    session_registry uut;
    auto link = uut.make_link(start_ns);
    std::atomic<bool> go{false};
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        while (!go)
          std::this_thread::yield();
        if (uut.redeem(link.token, start_ns))
          winners += 1;
      });
    go = true;
    for (auto& x : threads)
      x.join();
    REQUIRE(winners == 1);
    REQUIRE(uut.sessions() == 1);
  }
}

TEST_CASE("a token lives 15 minutes", "[web]") {
  session_registry uut;
  auto good = uut.make_link(start_ns);
  auto old = uut.make_link(start_ns);
  CHECK(good.expires_ns == start_ns + 15 * minute_ns);
  CHECK(uut.redeem(good.token, start_ns + 15 * minute_ns - 1));
  CHECK_FALSE(uut.redeem(old.token, start_ns + 15 * minute_ns));
}

TEST_CASE("a session ends after 30 idle minutes, and after 12 hours in any case",
          "[web]") {
  session_registry uut;
  auto idle = *uut.redeem(uut.make_link(start_ns).token, start_ns);
  CHECK(uut.touch(idle, start_ns + 29 * minute_ns));
  CHECK_FALSE(uut.touch(idle, start_ns + 59 * minute_ns));
  auto busy = *uut.redeem(uut.make_link(start_ns).token, start_ns);
  for (int minute = 20; minute < 12 * 60; minute += 20)
    CHECK(uut.touch(busy, start_ns + minute * minute_ns));
  CHECK_FALSE(uut.touch(busy, start_ns + 12 * 60 * minute_ns));
  CHECK(uut.sessions() == 0);
}

TEST_CASE("an ended session is over", "[web]") {
  session_registry uut;
  auto secret = *uut.redeem(uut.make_link(start_ns).token, start_ns);
  uut.end("another");
  CHECK(uut.touch(secret, start_ns));
  uut.end(secret);
  CHECK_FALSE(uut.touch(secret, start_ns));
}

TEST_CASE("beyond the limits the oldest goes", "[web]") {
  session_registry uut{{.links_max = 2, .sessions_max = 2}};
  auto a = uut.make_link(start_ns);
  auto b = uut.make_link(start_ns);
  auto c = uut.make_link(start_ns);
  CHECK(uut.links() == 2);
  CHECK_FALSE(uut.redeem(a.token, start_ns));
  auto first = *uut.redeem(b.token, start_ns);
  auto second = *uut.redeem(c.token, start_ns);
  auto third = *uut.redeem(uut.make_link(start_ns).token, start_ns);
  CHECK_FALSE(uut.touch(first, start_ns));
  CHECK(uut.touch(second, start_ns));
  CHECK(uut.touch(third, start_ns));
}
