// SHARD INBOX: bounded, wakes its shard once, makes sources wait and lets them go.
#include "actors/shard_inbox.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace weir::actors;
using weir::analytics::event;

namespace {

struct fixture {
  int asked_now = 0;
  int asked_later = 0;
  shard_inbox uut{{100, 10}, [this](shard_inbox::wake when) {
                    ++(when == shard_inbox::wake::now ? asked_now : asked_later);
                  }};
  std::vector<event> batch;

  static std::vector<event> events(std::size_t count) {
    return std::vector<event>(count);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a lone event asks for a wake-up after the linger, once",
                 "[actors]") {
  uut.push(events(1));
  uut.push(events(1));
  CHECK(asked_later == 1);
  CHECK(asked_now == 0);
  uut.drain(batch);
  CHECK(batch.size() == 2);
  uut.push(events(1));
  CHECK(asked_later == 2);
}

TEST_CASE_METHOD(fixture, "a full batch asks for a wake-up now, once", "[actors]") {
  uut.push(events(4));
  uut.push(events(6));
  uut.push(events(20));
  CHECK(asked_now == 1);
  uut.drain(batch);
  CHECK(batch.size() == 30);
}

TEST_CASE_METHOD(fixture,
                 "a source waits while the inbox is full, and its order "
                 "stays",
                 "[actors]") {
  std::vector<event> many;
  for (int i = 0; i < 1000; ++i)
    many.push_back({i, 0.0, 0, 0});
  std::atomic<bool> done{false};
  std::thread source{[&] {
    done = uut.push(many); // Catch's assertions are for one thread.
  }};
  std::vector<event> all;
  while (all.size() < many.size()) {
    CHECK(uut.size() <= 100);
    uut.drain(batch);
    all.insert(all.end(), batch.begin(), batch.end());
    std::this_thread::yield();
  }
  source.join();
  CHECK(done);
  CHECK(all == many);
  CHECK(uut.waits() > 0);
}

TEST_CASE_METHOD(fixture, "closing lets waiting sources go and keeps what waits",
                 "[actors]") {
  uut.push(events(100));
  std::atomic<bool> taken = true;
  std::thread source{[&] { taken = uut.push(events(1)); }};
  while (uut.waits() == 0)
    std::this_thread::yield();
  uut.close();
  source.join();
  CHECK_FALSE(taken);
  uut.drain(batch);
  CHECK(batch.size() == 100);
  CHECK_FALSE(uut.push(events(1)));
}

TEST_CASE_METHOD(fixture, "the last quarter is for sources that wait", "[actors]") {
  uut.push(events(74));
  CHECK(uut.has_room_to_spare());
  uut.push(events(1));
  CHECK_FALSE(uut.has_room_to_spare());
  CHECK(uut.wait_for_room());
  CHECK(uut.waits() == 0);
}

TEST_CASE_METHOD(fixture, "where memory is short a part of the room is used",
                 "[actors]") {
  uut.set_room_percent(20);
  uut.push(events(15));
  CHECK_FALSE(uut.has_room_to_spare());
  uut.push(events(5));
  std::atomic<bool> taken = false;
  std::thread source{[&] { taken = uut.push(events(1)); }};
  while (uut.waits() == 0)
    std::this_thread::yield();
  uut.set_room_percent(100); // Lets it go without a drain.
  source.join();
  CHECK(taken);
  CHECK(uut.size() == 21);
}
