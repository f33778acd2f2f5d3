// The edge's side of the link, with the network and the clock played by the
// test.
#include "transport/uplink_session.hpp"

#include "transport/block_codec.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace weir::transport;
using namespace std::chrono_literals;

namespace {

using time_point = uplink_session::time_point;

constexpr std::uint64_t epoch = 77;

/// The outbox: blocks by first number.
struct outbox {
  std::map<std::uint64_t, uplink_block> blocks;
  std::uint64_t next_seq = 1;
  int reads = 0;

  void add(std::uint32_t records, std::size_t size = 100) {
    blocks[next_seq] = {next_seq, records, std::string(size, 'x')};
    next_seq += records;
  }

  /// What the store above does when the centre has it, or when it is too old.
  void erase_through(std::uint64_t seq) {
    while (!blocks.empty() && blocks.begin()->first <= seq)
      blocks.erase(blocks.begin());
  }

  std::vector<uplink_block> read_after(std::uint64_t seq, std::size_t size_max) {
    ++reads;
    auto result = std::vector<uplink_block>{};
    auto size = std::size_t{0};
    for (auto i = blocks.upper_bound(seq); i != blocks.end(); ++i) {
      if (!result.empty() && size + i->second.bytes.size() > size_max)
        break;
      size += i->second.bytes.size();
      result.push_back(i->second);
    }
    return result;
  }
};

struct fixture {
  outbox box;
  uplink_session_config config = make_config();
  uplink_session session{config, sources()};
  time_point now{1h};

  // What the session wanted, by kind.
  int opened = 0;
  int closed = 0;
  std::vector<uplink_message> sent;
  std::vector<std::uint64_t> acked;
  std::vector<std::pair<link_state, std::string>> states;

  static uplink_session_config make_config() {
    auto result = uplink_session_config{};
    result.peer = "tcp://centre:1";
    result.epoch = epoch;
    result.run = 3;
    result.window_bytes_max = 1000;
    result.seed = 42;
    return result;
  }

  uplink_session::sources sources() {
    return {[this](auto seq, auto size) { return box.read_after(seq, size); },
            [] {
              auto status = edge_status{};
              status.version = "1.2";
              return status;
            },
            [this] { return box.next_seq; }};
  }

  void collect() {
    for (auto& action : session.take_actions()) {
      if (std::holds_alternative<open_link>(action))
        ++opened;
      else if (std::holds_alternative<close_link>(action))
        ++closed;
      else if (auto* x = std::get_if<send_message>(&action))
        sent.push_back(std::move(x->message));
      else if (auto* y = std::get_if<report_acked>(&action))
        acked.push_back(y->through_seq);
      else if (auto* z = std::get_if<report_state>(&action))
        states.emplace_back(z->state, z->why);
    }
  }

  void tick(std::chrono::milliseconds later = 0ms) {
    now += later;
    session.tick(now);
    collect();
  }

  void receive(const uplink_message& message) {
    session.received(now, message);
    collect();
  }

  void lose(const std::string& why, bool refused = false) {
    session.lost(now, why, refused);
    collect();
  }

  void connect() {
    session.connected(now);
    collect();
  }

  /// Up, and what was sent until then forgotten.
  void bring_up(std::uint64_t position = 0) {
    session.start(now);
    connect();
    receive(welcome_message{position, 0, 0});
    REQUIRE(states.back().first == link_state::up);
  }

  template <class Message>
  std::vector<Message> take() {
    auto result = std::vector<Message>{};
    for (auto& message : sent)
      if (auto* x = std::get_if<Message>(&message))
        result.push_back(*x);
    sent.clear();
    return result;
  }

  std::vector<std::uint64_t> take_block_numbers() {
    auto result = std::vector<std::uint64_t>{};
    for (auto& x : take<block_message>())
      result.push_back(x.first_seq);
    return result;
  }
};

using numbers = std::vector<std::uint64_t>;

} // namespace

TEST_CASE("the session says hello and continues where the centre stands",
          "[uplink_session]") {
  auto f = fixture{};
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
  f.receive(welcome_message{2, 0, 0});
  CHECK(f.acked == numbers{2});
  auto blocks = f.take<block_message>();
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].first_seq == 3);
  CHECK(blocks[0].record_count == 2);
  CHECK(blocks[0].epoch == epoch);
  CHECK(blocks[1].first_seq == 5);
  CHECK(f.states.back().first == link_state::up);
}

TEST_CASE("a hello that is not answered is said again, then given up",
          "[uplink_session]") {
  auto f = fixture{};
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
  auto f = fixture{};
  for (int i = 0; i < 30; ++i)
    f.box.add(1, 300);
  f.bring_up();
  CHECK(f.take_block_numbers() == numbers{1, 2, 3});
  CHECK(f.session.in_flight_bytes() == 900);
  f.tick(10ms);
  CHECK(f.take_block_numbers().empty());
  f.receive(ack_message{epoch, 2});
  CHECK(f.acked.back() == 2);
  CHECK(f.take_block_numbers() == numbers{4, 5});
}

TEST_CASE("a block larger than the window travels alone", "[uplink_session]") {
  auto f = fixture{};
  f.box.add(1, 5000);
  f.box.add(1, 10);
  f.bring_up();
  CHECK(f.take_block_numbers() == numbers{1});
  f.receive(ack_message{epoch, 1});
  CHECK(f.take_block_numbers() == numbers{2});
}

TEST_CASE("new data is sent at once while the window has room", "[uplink_session]") {
  auto f = fixture{};
  f.bring_up();
  CHECK(f.take_block_numbers().empty());
  CHECK(f.session.all_acknowledged());
  f.box.add(4);
  CHECK_FALSE(f.session.all_acknowledged());
  f.session.new_data(f.now);
  f.collect();
  CHECK(f.take_block_numbers() == numbers{1});
  CHECK_FALSE(f.session.all_acknowledged());
  f.receive(ack_message{epoch, 4});
  CHECK(f.session.all_acknowledged());
}

TEST_CASE("repeated, old and foreign acknowledgements change nothing",
          "[uplink_session]") {
  auto f = fixture{};
  for (int i = 0; i < 4; ++i)
    f.box.add(1);
  f.bring_up();
  f.receive(ack_message{epoch, 3});
  f.receive(ack_message{epoch, 3});
  f.receive(ack_message{epoch, 1});
  f.receive(ack_message{epoch + 1, 4});
  CHECK(f.acked == numbers{0, 3});
  CHECK(f.session.acknowledged_seq() == 3);
}

TEST_CASE("an acknowledgement may be ahead of what this connection sent",
          "[uplink_session]") {
  auto f = fixture{};
  for (int i = 0; i < 20; ++i)
    f.box.add(1, 400);
  f.bring_up(); // Sends 1 and 2.
  f.take_block_numbers();
  f.receive(ack_message{epoch, 10});
  CHECK(f.acked.back() == 10);
  CHECK(f.take_block_numbers() == numbers{11, 12});
  CHECK(f.session.in_flight_bytes() == 800);
}

TEST_CASE("a gap is sent again from its start", "[uplink_session]") {
  auto f = fixture{};
  for (int i = 0; i < 5; ++i)
    f.box.add(2, 100);
  f.bring_up();
  CHECK(f.take_block_numbers() == numbers{1, 3, 5, 7, 9});
  f.receive(ack_message{epoch, 2});
  f.receive(resend_message{epoch, 3});
  CHECK(f.take_block_numbers() == numbers{3, 5, 7, 9});
  CHECK(f.session.in_flight_bytes() == 400);
}

TEST_CASE("the same question in a hurry is answered once, and again later",
          "[uplink_session]") {
  auto f = fixture{};
  for (int i = 0; i < 5; ++i)
    f.box.add(1);
  f.bring_up();
  f.take_block_numbers();
  f.receive(resend_message{epoch, 2});
  CHECK(f.take_block_numbers() == numbers{2, 3, 4, 5});
  f.receive(resend_message{epoch, 2});
  f.receive(resend_message{epoch, 2});
  CHECK(f.take_block_numbers().empty());
  f.receive(ack_message{epoch, 0});
  f.tick(1s);
  CHECK(f.take_block_numbers() == numbers{2, 3, 4, 5});
  f.receive(resend_message{epoch, 2});
  f.receive(ack_message{epoch, 5}); // It came after all.
  f.tick(1s);
  CHECK(f.take_block_numbers().empty());
}

TEST_CASE("a question for what is acknowledged or was never sent is ignored",
          "[uplink_session]") {
  auto f = fixture{};
  for (int i = 0; i < 3; ++i)
    f.box.add(1);
  f.bring_up();
  f.receive(ack_message{epoch, 2});
  f.take_block_numbers();
  f.receive(resend_message{epoch, 1});
  f.receive(resend_message{epoch, 2});
  f.receive(resend_message{epoch, 9});
  f.receive(resend_message{epoch + 1, 3});
  CHECK(f.take_block_numbers().empty());
}

TEST_CASE("a question from inside a block never cuts it", "[uplink_session]") {
  auto f = fixture{};
  f.box.add(4);
  f.box.add(4);
  f.bring_up();
  f.take_block_numbers();
  f.receive(resend_message{epoch, 6});
  CHECK(f.sent.size() == 1);
  CHECK(f.take_block_numbers() == numbers{5});
}

TEST_CASE("expired ranges are told as skips before the next block",
          "[uplink_session]") {
  auto f = fixture{};
  for (int i = 0; i < 6; ++i)
    f.box.add(2);
  f.box.blocks.erase(1);
  f.box.blocks.erase(7);
  f.box.blocks.erase(9);
  f.bring_up();
  auto order = std::vector<std::string>{};
  for (auto& message : f.sent)
    if (auto* x = std::get_if<skip_message>(&message))
      order.push_back("skip " + std::to_string(x->first_seq) + "-"
                      + std::to_string(x->through_seq));
    else if (auto* y = std::get_if<block_message>(&message))
      order.push_back("block " + std::to_string(y->first_seq));
  CHECK(order
        == std::vector<std::string>{"skip 1-2", "block 3", "block 5", "skip 7-10",
                                    "block 11"});
}

TEST_CASE("silence and a lost connection lead to a new attempt with back-off",
          "[uplink_session]") {
  auto f = fixture{};
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
  CHECK(f.session.next_tick() > f.now);
  CHECK(f.session.next_tick() <= f.now + 200ms);
  f.now = f.session.next_tick();
  f.tick();
  CHECK(f.opened == 2);
  f.connect();
  f.take<hello_message>();
  f.receive(welcome_message{0, 0, 0});
  CHECK(f.take_block_numbers() == numbers{1});
}

TEST_CASE("anything from the centre counts as a sign of life", "[uplink_session]") {
  auto f = fixture{};
  f.bring_up();
  CHECK(f.take<status_message>().size() == 1);
  for (int i = 0; i < 20; ++i) {
    f.tick(1s);
    CHECK(f.take<status_message>().size() == 1);
    f.receive(pong_message{});
  }
  CHECK(f.states.back().first == link_state::up);
  CHECK(f.closed == 0);
}

TEST_CASE("the times between attempts double up to the limit and are jittered",
          "[uplink_session]") {
  auto f = fixture{};
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
  auto f = fixture{};
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
  auto f = fixture{};
  f.session.start(f.now);
  f.connect();
  f.receive(reject_message{reject_code::not_authorized, "unknown edge"});
  CHECK(f.states.back().first == link_state::refused);
  CHECK(f.states.back().second.find("unknown edge") != std::string::npos);
  CHECK(f.session.next_tick() >= f.now + 5s);
}

TEST_CASE("a database that was set back is noticed, not read as duplicates",
          "[uplink_session]") {
  auto f = fixture{};
  f.box.add(5);
  f.session.start(f.now);
  f.connect();
  f.receive(welcome_message{100, 0, 0});
  CHECK(f.states.back().first == link_state::refused);
  CHECK(f.take_block_numbers().empty());
  CHECK(f.acked.empty());
}

TEST_CASE("what stays unacknowledged for long is sent again", "[uplink_session]") {
  auto f = fixture{};
  f.box.add(1);
  f.box.add(1);
  f.bring_up();
  CHECK(f.take_block_numbers() == numbers{1, 2});
  for (int i = 0; i < 29; ++i) {
    f.tick(1s);
    f.receive(pong_message{});
  }
  CHECK(f.take_block_numbers().empty());
  f.tick(1s);
  CHECK(f.take_block_numbers() == numbers{1, 2});
}

TEST_CASE("a block beyond the link's limit stops the link and says so",
          "[uplink_session]") {
  auto f = fixture{};
  f.box.add(1, block_bytes_max + 1);
  f.session.start(f.now);
  f.connect();
  f.receive(welcome_message{0, 0, 0});
  CHECK(f.states.back().first == link_state::refused);
  CHECK(f.take_block_numbers().empty());
}

TEST_CASE("messages at the wrong time do nothing", "[uplink_session]") {
  auto f = fixture{};
  f.box.add(1);
  f.receive(ack_message{epoch, 1});
  f.session.start(f.now);
  f.collect();
  f.receive(welcome_message{0, 0, 0});
  CHECK(f.acked.empty());
  f.connect();
  f.receive(ack_message{epoch, 1});
  f.receive(resend_message{epoch, 1});
  CHECK(f.acked.empty());
  CHECK(f.take_block_numbers().empty());
  f.session.connected(f.now); // Twice.
  f.collect();
  CHECK(f.take<hello_message>().empty());
}

// A centre that keeps to the contract behind a network that does not: it loses,
// repeats and re-orders messages and cuts the connection.
TEST_CASE("every record arrives exactly once and in order whatever the network",
          "[uplink_session]") {
  auto seed = GENERATE(range(1u, 41u));
  INFO("seed " << seed);
  auto random = std::mt19937{seed};
  auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
  auto f = fixture{};
  auto stored = numbers{}; // By the centre; positions are its last.
  auto skipped = std::uint64_t{0};
  auto through = std::uint64_t{0};
  auto to_centre = std::vector<uplink_message>{};
  auto to_edge = std::vector<uplink_message>{};
  auto expired = std::uint64_t{0};

  auto deliver = [&](const uplink_message& message) {
    if (std::holds_alternative<hello_message>(message)) {
      to_edge.push_back(welcome_message{through, 0, 0});
    } else if (std::holds_alternative<status_message>(message)) {
      to_edge.push_back(pong_message{});
    } else if (auto* x = std::get_if<block_message>(&message)) {
      if (x->first_seq > through + 1) {
        to_edge.push_back(resend_message{epoch, through + 1});
      } else if (x->first_seq == through + 1) {
        for (auto i = 0u; i < x->record_count; ++i)
          stored.push_back(++through);
      }
      to_edge.push_back(ack_message{epoch, through});
    } else if (auto* y = std::get_if<skip_message>(&message)) {
      if (y->first_seq > through + 1)
        to_edge.push_back(resend_message{epoch, through + 1});
      else if (y->through_seq > through)
        skipped += y->through_seq - std::exchange(through, y->through_seq);
      to_edge.push_back(ack_message{epoch, through});
    }
  };
  auto carry = [&](std::vector<uplink_message>& queue, bool faulty, auto take) {
    auto batch = std::exchange(queue, {});
    if (faulty && chance(20))
      std::shuffle(batch.begin(), batch.end(), random);
    for (auto& message : batch) {
      if (faulty && chance(10))
        continue;
      take(message);
      if (faulty && chance(10))
        take(message);
    }
  };
  auto round = [&](bool faulty) {
    f.tick(100ms);
    if (std::exchange(f.opened, 0) > 0)
      f.connect();
    std::move(f.sent.begin(), f.sent.end(), std::back_inserter(to_centre));
    f.sent.clear();
    carry(to_centre, faulty, deliver);
    carry(to_edge, faulty, [&](auto& message) { f.receive(message); });
    for (auto seq : std::exchange(f.acked, {}))
      f.box.erase_through(seq);
    if (std::exchange(f.closed, 0) > 0) {
      to_centre.clear();
      to_edge.clear();
    }
  };

  f.session.start(f.now);
  f.collect();
  for (int i = 0; i < 400; ++i) {
    if (chance(60))
      f.box.add(1 + static_cast<std::uint32_t>(random() % 3), 50 + random() % 300);
    if (chance(2))
      f.lose("cut");
    if (chance(1) && f.box.blocks.size() > 2) { // The oldest expires.
      expired += f.box.blocks.begin()->second.record_count;
      f.box.blocks.erase(f.box.blocks.begin());
    }
    round(true);
  }
  f.box.add(1); // So that an expired end is told, too.
  for (int i = 0; i < 2000 && !f.session.all_acknowledged(); ++i)
    round(false);

  CHECK(f.session.all_acknowledged());
  CHECK(through == f.box.next_seq - 1);
  CHECK(std::is_sorted(stored.begin(), stored.end()));
  CHECK(std::adjacent_find(stored.begin(), stored.end()) == stored.end());
  CHECK(stored.size() + skipped == f.box.next_seq - 1);
  CHECK(skipped <= expired); // Some had been stored before they expired.
}
