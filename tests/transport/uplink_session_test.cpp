#include "tests/transport/uplink_session_fixture.hpp"

#include "transport/block_codec.hpp"

#include <algorithm>

using namespace weir::transport;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

using positions = std::vector<uplink_position>;

} // namespace

TEST_CASE("the session says hello and continues where the centre stands",
          "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 3; ++i)
    f.box.add(2);
  f.session.start(f.now);
  f.collect();
  CHECK(f.opened == 1);
  CHECK(f.sent.empty());
  f.connect();
  auto hellos = f.take<hello_message>();
  REQUIRE(hellos.size() == 1);
  CHECK(hellos[0].epoch == epoch);
  CHECK(hellos[0].run == 3);
  CHECK(hellos[0].next_seq == 7);
  CHECK(hellos[0].software_version == "1.2");
  f.welcome({2, 0, 0});
  CHECK(f.acked == positions{{2, 0, 0}});
  CHECK(f.contacts == 1);
  auto batches = f.take<batch_message>();
  REQUIRE(batches.size() == 1);
  CHECK(batches[0].epoch == epoch);
  CHECK_FALSE(batches[0].live_lane);
  REQUIRE(batches[0].entries.size() == 2);
  CHECK(batches[0].entries[0] == f.box.entries[3]);
  CHECK(batches[0].entries[1] == f.box.entries[5]);
  CHECK(f.states.back().first == link_state::up);
}

TEST_CASE("a hello that is not answered is said again, then given up",
          "[uplink_session]") {
  auto f = session_fixture{};
  f.session.start(f.now);
  f.connect();
  CHECK(f.take<hello_message>().size() == 1);
  f.tick(1s);
  CHECK(f.take<hello_message>().size() == 1);
  f.tick(4s);
  CHECK(f.states.back().first == link_state::down);
  CHECK(f.closed == 1);
}

TEST_CASE("the window bounds the bytes that are not acknowledged", "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 30; ++i)
    f.box.add(1, 300 - beside);
  f.bring_up();
  CHECK(f.take_numbers() == numbers{1, 2, 3});
  CHECK(f.session.in_flight_bytes() == 900);
  f.tick(10ms);
  CHECK(f.take_numbers().empty());
  f.acknowledge(2);
  CHECK(f.acked.back().through_seq == 2);
  CHECK(f.take_numbers() == numbers{4, 5});
}

TEST_CASE("a block larger than the window travels alone", "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(1, 5000);
  f.box.add(1, 10);
  f.bring_up();
  CHECK(f.take_numbers() == numbers{1});
  f.acknowledge(1);
  CHECK(f.take_numbers() == numbers{2});
}

TEST_CASE("new data is sent at once while the window has room", "[uplink_session]") {
  auto f = session_fixture{};
  f.bring_up();
  CHECK(f.take_numbers().empty());
  CHECK(f.session.all_acknowledged());
  f.box.add(4);
  CHECK_FALSE(f.session.all_acknowledged());
  f.session.new_data(f.now);
  f.collect();
  CHECK(f.take_numbers() == numbers{1});
  CHECK_FALSE(f.session.all_acknowledged());
  f.acknowledge(4);
  CHECK(f.session.all_acknowledged());
}

TEST_CASE("repeated, old and foreign acknowledgements change nothing",
          "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 4; ++i)
    f.box.add(1);
  f.bring_up();
  f.acknowledge(3);
  f.acknowledge(3);
  f.acknowledge(1);
  f.receive(ack_message{epoch + 1, {4, 0, 0}, 0});
  CHECK(f.acked == positions{{0, 0, 0}, {3, 0, 0}});
  CHECK(f.session.position() == uplink_position{3, 0, 0});
}

TEST_CASE("an acknowledgement may be ahead of what this connection sent",
          "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 20; ++i)
    f.box.add(1, 400 - beside);
  f.bring_up(); // Sends 1 and 2.
  f.take_numbers();
  f.acknowledge(10);
  CHECK(f.acked.back().through_seq == 10);
  CHECK(f.take_numbers() == numbers{11, 12});
  CHECK(f.session.in_flight_bytes() == 800);
}

TEST_CASE("a gap is sent again from its start", "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 5; ++i)
    f.box.add(2, 100 - beside);
  f.bring_up();
  CHECK(f.take_numbers() == numbers{1, 3, 5, 7, 9});
  f.acknowledge(2);
  f.ask_again(3);
  CHECK(f.take_numbers() == numbers{3, 5, 7, 9});
  CHECK(f.session.in_flight_bytes() == 400);
}

TEST_CASE("the same question in a hurry is answered once, and again later",
          "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 5; ++i)
    f.box.add(1);
  f.bring_up();
  f.take_numbers();
  f.ask_again(2);
  CHECK(f.take_numbers() == numbers{2, 3, 4, 5});
  f.ask_again(2);
  f.ask_again(2);
  CHECK(f.take_numbers().empty());
  f.acknowledge(0);
  f.tick(1s);
  CHECK(f.take_numbers() == numbers{2, 3, 4, 5});
  f.ask_again(2);
  f.acknowledge(5); // It came after all.
  f.tick(1s);
  CHECK(f.take_numbers().empty());
}

TEST_CASE("a question for what is acknowledged or was never sent is ignored",
          "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 3; ++i)
    f.box.add(1);
  f.bring_up();
  f.acknowledge(2);
  f.take_numbers();
  f.ask_again(1);
  f.ask_again(2);
  f.ask_again(9);
  f.receive(resend_message{epoch + 1, 3, false});
  CHECK(f.take_numbers().empty());
}

TEST_CASE("a question from inside a block never cuts it", "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(4);
  f.box.add(4);
  f.bring_up();
  f.take_numbers();
  f.ask_again(6);
  CHECK(f.sent.size() == 1);
  CHECK(f.take_numbers() == numbers{5});
}

TEST_CASE("holes travel like blocks, in order", "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 3; ++i)
    f.box.add(2);
  f.box.expire(3);
  f.bring_up();
  auto batches = f.take<batch_message>();
  REQUIRE(batches.size() == 1);
  REQUIRE(batches[0].entries.size() == 3);
  CHECK(batches[0].entries[1]
        == uplink_entry{entry_kind::expired, 3, 3, 2, 0, std::string{}});
  CHECK(f.missing.empty());
}

// The centre was set back to before what it had acknowledged, and the outbox forgot.
TEST_CASE("numbers that neither side has are told as expired", "[uplink_session]") {
  auto f = session_fixture{};
  for (int i = 0; i < 6; ++i)
    f.box.add(2);
  for (auto seq : {1, 7, 9})
    f.box.entries.erase(seq);
  f.bring_up();
  auto order = std::vector<std::string>{};
  for (auto& batch : f.take<batch_message>())
    for (auto& x : batch.entries)
      order.push_back((x.kind == entry_kind::records ? "block " : "hole ")
                      + std::to_string(x.first_seq) + "-"
                      + std::to_string(x.last_seq()));
  CHECK(order
        == std::vector<std::string>{"hole 1-2", "block 3-4", "block 5-6", "hole 7-10",
                                    "block 11-12"});
  CHECK(f.missing
        == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{1, 2}, {7, 10}});
}

TEST_CASE("silence and a lost connection lead to a new attempt with back-off",
          "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(1);
  f.bring_up();
  SECTION("silence") {
    f.tick(5s);
  }
  SECTION("lost") {
    f.lose("cable cut");
  }
  CHECK(f.states.back().first == link_state::down);
  CHECK(f.closed == 1);
  CHECK(f.opened == 1);
  CHECK(f.session.in_flight_bytes() == 0);
  CHECK(f.session.next_tick() > f.now);
  CHECK(f.session.next_tick() <= f.now + 200ms);
  f.now = f.session.next_tick();
  f.tick();
  CHECK(f.opened == 2);
  f.connect();
  f.take<hello_message>();
  f.welcome({0, 0, 0});
  CHECK(f.take_numbers() == numbers{1});
}

TEST_CASE("anything from the centre counts as a sign of life", "[uplink_session]") {
  auto f = session_fixture{};
  f.bring_up();
  CHECK(f.take<status_message>().size() == 1);
  for (int i = 0; i < 20; ++i) {
    f.tick(1s);
    CHECK(f.take<status_message>().size() == 1);
    f.receive(pong_message{0, 0, f.credit});
  }
  CHECK(f.states.back().first == link_state::up);
  CHECK(f.closed == 0);
}

TEST_CASE("the times between attempts double up to the limit and are jittered",
          "[uplink_session]") {
  auto f = session_fixture{};
  f.session.start(f.now);
  f.collect();
  auto pauses = std::vector<std::chrono::milliseconds>{};
  for (int i = 0; i < 12; ++i) {
    f.lose("away");
    auto pause = f.session.next_tick() - f.now;
    pauses.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(pause));
    f.now = f.session.next_tick();
    f.tick();
  }
  auto full = 200ms;
  for (auto pause : pauses) {
    CHECK(pause >= full / 2);
    CHECK(pause <= full);
    full = std::min(full * 2, std::chrono::milliseconds{10'000});
  }
  auto late = std::vector(pauses.end() - 5, pauses.end());
  std::sort(late.begin(), late.end());
  CHECK(late.front() != late.back());
  // One line for all of it.
  CHECK(f.states.size() == 2);
}

TEST_CASE("a night without the centre makes few lines", "[uplink_session]") {
  auto f = session_fixture{};
  f.session.start(f.now);
  f.collect();
  auto end = f.now + 10min;
  for (int i = 0; f.now < end; ++i) {
    f.lose(i % 2 == 0 ? "refused" : "unreachable");
    f.now = f.session.next_tick();
    f.tick();
  }
  CHECK(f.opened > 50);
  CHECK(f.states.size() <= 2 * 10 + 3);
}

TEST_CASE("being turned away is a state of its own with a long pause",
          "[uplink_session]") {
  auto f = session_fixture{};
  f.session.start(f.now);
  f.connect();
  f.receive(reject_message{reject_code::not_authorized, "unknown edge"});
  CHECK(f.states.back().first == link_state::refused);
  CHECK(f.states.back().second.find("unknown edge") != std::string::npos);
  CHECK(f.session.next_tick() >= f.now + 5s);
}

TEST_CASE("a database that was set back is noticed, not read as duplicates",
          "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(5);
  f.session.start(f.now);
  f.connect();
  auto position = GENERATE(uplink_position{100, 0, 0}, uplink_position{2, 50, 100});
  f.welcome(position);
  CHECK(f.behind == position);
  CHECK(f.states.back().first == link_state::refused);
  CHECK(f.take_numbers().empty());
  CHECK(f.acked.empty());
  CHECK(f.contacts == 0);
}

TEST_CASE("a database that was set back goes on under a new epoch",
          "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(5);
  f.session.start(f.now);
  f.connect();
  f.take<hello_message>();
  f.next_epoch = 78;
  f.welcome({100, 0, 0});
  CHECK(f.behind == uplink_position{100, 0, 0});
  auto hellos = f.take<hello_message>();
  REQUIRE(hellos.size() == 1);
  CHECK(hellos[0].epoch == 78);
  CHECK(hellos[0].next_seq == 1);
  f.box.add(2);
  f.welcome({100, 0, 0}); // For a hello of the old epoch.
  CHECK(f.contacts == 0);
  f.receive(welcome_message{78, {}, f.credit, 0, 0});
  CHECK(f.contacts == 1);
  CHECK(f.states.back().first == link_state::up);
  auto batches = f.take<batch_message>();
  REQUIRE(batches.size() == 1);
  CHECK(batches[0].epoch == 78);
  CHECK(batches[0].entries[0].first_seq == 1);
}

TEST_CASE("a database that was set back is noticed though it has made more since",
          "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(50);
  f.box.unsent_seq = 31; // It was copied when it had sent 30.
  f.session.start(f.now);
  f.connect();
  auto hellos = f.take<hello_message>();
  REQUIRE(hellos.size() == 1);
  CHECK(hellos[0].next_seq == 51);
  CHECK(hellos[0].unsent_seq == 31);
  SECTION("the centre has a number that it has never sent") {
    f.next_epoch = 78;
    auto position = GENERATE(uplink_position{31, 0, 0}, uplink_position{10, 20, 40});
    f.welcome(position);
    CHECK(f.behind == position);
    CHECK(f.contacts == 0);
    hellos = f.take<hello_message>();
    REQUIRE(hellos.size() == 1);
    CHECK(hellos[0].epoch == 78);
  }
  SECTION("the centre has what it has sent") {
    auto position = GENERATE(uplink_position{30, 0, 0}, uplink_position{10, 20, 30});
    f.welcome(position);
    CHECK(f.behind == uplink_position{});
    CHECK(f.contacts == 1);
  }
}

TEST_CASE("what stays unacknowledged for long is sent again", "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(1);
  f.box.add(1);
  f.bring_up();
  CHECK(f.take_numbers() == numbers{1, 2});
  for (int i = 0; i < 29; ++i) {
    f.tick(1s);
    f.receive(pong_message{0, 0, f.credit});
  }
  CHECK(f.take_numbers().empty());
  f.tick(1s);
  CHECK(f.take_numbers() == numbers{1, 2});
}

TEST_CASE("a block beyond the link's limit stops the link and says so",
          "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(1, block_bytes_max + 1);
  f.session.start(f.now);
  f.connect();
  f.welcome({0, 0, 0});
  CHECK(f.states.back().first == link_state::refused);
  CHECK(f.take_numbers().empty());
}

TEST_CASE("messages at the wrong time do nothing", "[uplink_session]") {
  auto f = session_fixture{};
  f.box.add(1);
  f.acknowledge(1);
  f.session.start(f.now);
  f.collect();
  f.welcome({0, 0, 0});
  CHECK(f.acked.empty());
  f.connect();
  f.acknowledge(1);
  f.ask_again(1);
  CHECK(f.acked.empty());
  CHECK(f.take_numbers().empty());
  f.session.connected(f.now); // Twice.
  f.collect();
  CHECK(f.take<hello_message>().empty());
}
