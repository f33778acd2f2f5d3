// The two lanes of the uplink's session, and how the window is shared between them.
#include "tests/transport/uplink_session_fixture.hpp"

#include <numeric>

using namespace weir::transport;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

/// A backlog of 200 entries with ten records each: numbers 1 to 2000.
void add_backlog(session_fixture& f, std::size_t cost = 100) {
  for (int i = 0; i < 200; ++i)
    f.box.add(10, cost - beside);
}

session_fixture with_window(std::size_t bytes) {
  auto config = session_fixture::make_config();
  config.window_bytes_max = bytes;
  return session_fixture{config};
}

} // namespace

TEST_CASE("new records do not wait for a large backlog", "[uplink_session]") {
  auto f = session_fixture{};
  add_backlog(f);
  f.bring_up();
  CHECK(f.take_numbers() == numbers{1, 11, 21, 31, 41, 51, 61}); // 3/4 of the window
  CHECK(f.take_numbers(true).empty());
  f.add_and_tell(5, 100 - beside);
  CHECK(f.take_numbers(true) == numbers{2001});
  f.add_and_tell(5, 100 - beside);
  CHECK(f.take_numbers(true) == numbers{2006});
  CHECK(f.session.in_flight_bytes() == 900);

  f.acknowledge({0, 2001, 2010});
  CHECK(f.acked.back() == uplink_position{0, 2001, 2010});
  CHECK(f.session.in_flight_bytes() == 700);
  CHECK(f.take_numbers().empty());
  f.acknowledge({70, 2001, 2010});
  CHECK(f.take_numbers() == numbers{71, 81, 91, 101, 111, 121, 131});
}

TEST_CASE("the lanes become one when the backlog has arrived", "[uplink_session]") {
  auto f = with_window(100'000);
  add_backlog(f);
  f.bring_up();
  CHECK(f.take_numbers().size() == 200);
  f.add_and_tell(5);
  f.add_and_tell(5);
  CHECK(f.take_numbers(true) == numbers{2001, 2006});
  f.acknowledge({1990, 2001, 2005});
  CHECK_FALSE(f.session.all_acknowledged());
  f.acknowledge(2005); // 2000 arrived: one lane.
  CHECK(f.acked.back() == uplink_position{2005, 0, 0});
  CHECK(f.session.in_flight_bytes() == 100 + beside); // 2006 to 2010.
  f.add_and_tell(5);
  CHECK(f.take_numbers() == numbers{2011});
  f.ask_again(2006);
  CHECK(f.take_numbers() == numbers{2006, 2011});
  f.acknowledge(2015);
  CHECK(f.session.all_acknowledged());
}

TEST_CASE("the lanes may become one before the edge has heard of the centre's lane",
          "[uplink_session]") {
  auto f = with_window(100'000);
  add_backlog(f);
  f.bring_up();
  f.add_and_tell(5);
  f.add_and_tell(5);
  f.acknowledge(2005);
  CHECK(f.session.in_flight_bytes() == 100 + beside);
}

TEST_CASE("a lane that nothing was sent in ends with the backlog", "[uplink_session]") {
  auto f = with_window(100'000);
  add_backlog(f);
  f.bring_up();
  f.take_numbers();
  f.acknowledge(2000);
  CHECK(f.session.all_acknowledged());
  f.add_and_tell(5);
  CHECK(f.take_numbers(true).empty());
  CHECK(f.session.in_flight_bytes() == 100 + beside);
}

TEST_CASE("a small backlog and the mode in_order need no lane", "[uplink_session]") {
  auto f = with_window(100'000);
  SECTION("small") {
    for (int i = 0; i < 10; ++i)
      f.box.add(10);
  }
  SECTION("few records of many bytes") {
    f.box.add(1, 60'000);
  }
  SECTION("in order") {
    auto config = f.config;
    config.backlog = backlog_mode::in_order;
    f.session = uplink_session{config, f.sources()};
    add_backlog(f);
  }
  f.bring_up();
  f.take_numbers();
  auto next = f.box.next_seq;
  f.add_and_tell(1);
  CHECK(f.take_numbers() == numbers{next});
}

TEST_CASE("after another disconnection both lanes go on", "[uplink_session]") {
  auto f = session_fixture{};
  add_backlog(f);
  for (int i = 0; i < 3; ++i)
    f.box.add(5, 100 - beside); // Numbers 2001, 2006, 2011.
  f.box.acknowledge({500, 2001, 2005});
  f.bring_up({500, 2001, 2005});
  CHECK(f.take_numbers(true) == numbers{2006, 2011});
  CHECK(f.take_numbers() == numbers{501, 511, 521, 531, 541, 551, 561});
}

TEST_CASE("in the mode in_order a lane of an earlier time waits for the backlog",
          "[uplink_session]") {
  auto config = session_fixture::make_config();
  config.backlog = backlog_mode::in_order;
  config.window_bytes_max = 100'000;
  auto f = session_fixture{config};
  for (int i = 0; i < 5; ++i)
    f.box.add(10); // Numbers 1, 11, 21, 31, 41.
  f.box.acknowledge({10, 31, 40});
  f.bring_up({10, 31, 40});
  CHECK(f.take_numbers(true).empty());
  CHECK(f.take_numbers() == numbers{11, 21});
  f.acknowledge(40);
  CHECK(f.take_numbers() == numbers{41});
  CHECK(f.missing.empty());
}

TEST_CASE("the centre's lane counts, not the one that was meant", "[uplink_session]") {
  auto f = with_window(3000);
  add_backlog(f); // 1 to 2000
  f.bring_up();
  f.take_numbers();
  for (int i = 0; i < 3; ++i)
    f.add_and_tell(10);
  CHECK(f.take_numbers(true) == numbers{2001, 2011, 2021});
  SECTION("its first batch was lost: the main lane brings it") {
    f.acknowledge({1960, 2011, 2030});
    CHECK(f.take_numbers(true).empty());
    CHECK(f.take_numbers() == numbers{1961, 1971, 1981, 1991, 2001});
  }
  SECTION("an earlier connection had opened one below it") {
    f.acknowledge({0, 1901, 1910});
    CHECK(f.take_numbers(true).front() == 1911);
    CHECK(f.session.position() == uplink_position{0, 1901, 1910});
  }
  SECTION("and begins before what the main lane has sent") {
    auto before = f.session.in_flight_bytes(); // 22 of the backlog, 3 new.
    f.credit = 0;
    f.acknowledge({0, 101, 2030});
    CHECK(f.session.in_flight_bytes() == before - 12 * 100 - 3 * (100 + beside));
  }
}

TEST_CASE("a gap in a lane is sent again in that lane", "[uplink_session]") {
  auto f = with_window(3000);
  add_backlog(f);
  f.bring_up();
  f.take_numbers();
  for (int i = 0; i < 3; ++i)
    f.add_and_tell(10, 50 - beside);
  f.take_numbers(true);
  f.acknowledge({0, 2001, 2010});
  f.ask_again(2011, true);
  CHECK(f.take_numbers(true) == numbers{2011, 2021});
  CHECK(f.take_numbers().empty());
  f.ask_again(11);
  auto again = f.take_numbers();
  REQUIRE_FALSE(again.empty());
  CHECK(again.front() == 11);
}

TEST_CASE("an entry that needs the window alone is not starved by new ones",
          "[uplink_session]") {
  auto f = with_window(1000);
  f.box.add(2000, 5000);
  f.bring_up();
  CHECK(f.take_numbers() == numbers{1});
  f.acknowledge(2000);
  CHECK(f.session.in_flight_bytes() == 0);

  auto g = with_window(1000);
  add_backlog(g, 5000);
  g.bring_up();
  CHECK(g.take_numbers() == numbers{1});
  g.add_and_tell(1, 100 - beside);
  CHECK(g.take_numbers(true).empty()); // The window is more than full.
  g.acknowledge(10);
  CHECK(g.take_numbers(true) == numbers{2001}); // New records first...
  g.add_and_tell(1, 100 - beside);
  CHECK(g.take_numbers(true).empty()); // ...and then it is the other lane's turn.
  g.acknowledge({10, 2001, 2001});
  CHECK(g.take_numbers() == numbers{11});
}

TEST_CASE("the window is no larger than the centre's credit", "[uplink_session]") {
  auto f = with_window(10'000);
  f.credit = 300;
  for (int i = 0; i < 9; ++i)
    f.box.add(1, 100 - beside);
  f.bring_up();
  CHECK(f.take_numbers() == numbers{1, 2, 3});
  f.credit = 0;
  f.acknowledge(3);
  CHECK(f.take_numbers().empty());
  f.tick(100ms);
  CHECK(f.take_numbers().empty());
  f.receive(pong_message{0, 0, 500});
  CHECK(f.take_numbers() == numbers{4, 5, 6, 7, 8});
  f.credit = 200; // Less than what is on its way.
  f.acknowledge(5);
  CHECK(f.take_numbers().empty());
  f.acknowledge(7);
  CHECK(f.take_numbers() == numbers{9});
}

TEST_CASE("the backlog keeps to its rate, and new records do not wait for it",
          "[uplink_session]") {
  auto config = session_fixture::make_config();
  config.window_bytes_max = 1'000'000;
  config.backlog_bytes_per_s_max = 100'000;
  auto f = session_fixture{config};
  for (int i = 0; i < 1000; ++i)
    f.box.add(2, 1000 - beside); // A megabyte: ten seconds.
  f.bring_up();
  auto bytes = std::size_t{0};
  auto end = f.now + 5s;
  auto last = std::uint64_t{0};
  while (f.now < end) {
    for (auto seq : f.take_numbers()) {
      CHECK(seq == last + (last == 0 ? 1 : 2));
      last = seq;
      bytes += 1000;
    }
    CHECK(f.session.next_tick() > f.now);
    f.now = std::min(f.session.next_tick(), end);
    f.receive(pong_message{0, 0, f.credit});
    f.tick();
  }
  CHECK(bytes >= 450'000);
  CHECK(bytes <= 550'000 + batch_plain_bytes_max);
  f.add_and_tell(1);
  CHECK(f.take_numbers(true) == numbers{2001});
}

TEST_CASE("batches are closed at their size, and a rest that is small waits",
          "[uplink_session]") {
  auto f = with_window(200'000);
  for (int i = 0; i < 100; ++i)
    f.box.add(1, 10'000); // Blocks that will be compressed on the way: a quarter each.
  f.bring_up();
  auto batches = f.take<batch_message>();
  REQUIRE(batches.size() >= 2);
  for (const auto& x : batches) {
    auto size = std::accumulate(
      x.entries.begin(), x.entries.end(), std::size_t{0},
      [](auto sum, const auto& entry) { return sum + batch_size_estimate(entry); });
    CHECK(size >= batch_bytes_min);
    CHECK(size <= 2 * batch_bytes_target);
  }
  auto sent = f.session.in_flight_bytes();
  f.acknowledge(1); // Room for one more, which is not worth a message.
  CHECK(f.take<batch_message>().empty());
  f.acknowledge(5);
  CHECK(f.take<batch_message>().size() == 1);
  CHECK(f.session.in_flight_bytes() <= sent);
}

TEST_CASE("compressed blocks fill a batch with their own size", "[uplink_session]") {
  auto f = with_window(1'000'000);
  for (int i = 0; i < 40; ++i) {
    f.box.add(1, 4000);
    f.box.entries.rbegin()->second.bytes[0] = '\3';
  }
  f.bring_up();
  auto batches = f.take<batch_message>();
  REQUIRE(batches.size() == 5);
  CHECK(batches[0].entries.size() == 9);
}
