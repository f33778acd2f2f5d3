// An edge and a centre over real sockets.
#include "tests/transport/centre_model.hpp"
#include "tests/transport/uplink_fixture.hpp"

#include "tests/support/temp_dir.hpp"

using namespace weir;
using namespace weir::transport;
using namespace weir::test;
using namespace std::chrono_literals;

TEST_CASE("records travel in order and leave the outbox when acknowledged",
          "[uplink]") {
  auto c = centre{plain_server()};
  auto e = edge{c.endpoint(), "north"};
  e.add(10);
  e.start();
  e.add(200);
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  CHECK(c.edge("north").blocks == e.made());
  CHECK(c.edge("north").through == 630);
  CHECK(e.is(link_state::up));
  REQUIRE(wait_until([&] { return c.statuses().contains("north"); }));
  CHECK(c.statuses()["north"].events_total == 12);
  CHECK(c.errors().empty());
}

TEST_CASE("a stop waits for the acknowledgements until its deadline", "[uplink]") {
  auto c = centre{plain_server()};
  auto e = edge{c.endpoint(), "north"};
  e.start();
  e.add(100);
  CHECK(e.client->stop(5s));
  CHECK(e.left() == 0);
  CHECK(c.edge("north").blocks == e.made());

  auto f = edge{c.endpoint(), "south"};
  c.mute = true;
  f.start();
  f.add(5);
  CHECK_FALSE(f.client->stop(100ms));
  CHECK(f.left() == 5);
}

TEST_CASE("the edge goes on where it was when the centre restarts", "[uplink]") {
  auto c = centre{plain_server()};
  auto e = edge{c.endpoint(), "north"};
  e.start();
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(wait_until([&] { return c.edge("north").hellos >= i; }));
    e.add(50);
    c.close();
    e.add(50);
    c.open();
  }
  CHECK(wait_until([&] { return e.left() == 0; }));
  for (const auto& [state, why] : e.states())
    UNSCOPED_INFO(to_string(state) << ": " << why);
  CHECK(c.edge("north").blocks == e.made());
}

TEST_CASE("the edge may start first, and says so once", "[uplink]") {
  auto dir = test::temp_dir{};
  auto config = plain_server();
  config.endpoint = "ipc://" + (dir / "uplink").string();
  auto e = edge{config.endpoint, "north"};
  e.add(3);
  e.start();
  REQUIRE(wait_until([&] { return e.is(link_state::down); }));
  auto c = centre{config};
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  REQUIRE(e.states().size() == 3);
  CHECK(e.states()[0].first == link_state::connecting);
  CHECK(e.states()[1].second.find("nothing answers") != std::string::npos);
  CHECK(e.states()[2].first == link_state::up);
}

TEST_CASE("what the store lost is asked for again", "[uplink]") {
  auto c = centre{plain_server()};
  c.drop_once = {1, 31, 34, 91};
  auto e = edge{c.endpoint(), "north"};
  e.add(60);
  e.start();
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  CHECK(c.edge("north").blocks == e.made());
}

TEST_CASE("expired records are told as holes", "[uplink]") {
  auto c = centre{plain_server()};
  auto e = edge{c.endpoint(), "north"};
  e.add(5);
  e.expire(1);
  e.expire(7);
  e.expire(10);
  e.start();
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  auto stored = c.edge("north");
  CHECK(stored.blocks.size() == 2);
  CHECK(stored.holes == decltype(stored.holes){{1, 3}, {7, 9}, {10, 12}});
}

TEST_CASE("a centre that does not acknowledge holds at most a window", "[uplink]") {
  auto c = centre{plain_server()};
  c.mute = true;
  auto e = edge{c.endpoint(), "north"};
  e.config.window_bytes_max = 10'000;
  e.add(1000, 1000 - 32);
  e.start();
  REQUIRE(wait_until([&] { return c.bytes_unacknowledged == 10'000; }));
  // Two more rounds of status and answer: nothing else comes.
  auto hellos = c.edge("north").hellos;
  e.add(1, 1000 - 32);
  CHECK_FALSE(e.client->stop(200ms));
  CHECK(c.bytes_unacknowledged == 10'000);
  CHECK(c.edge("north").hellos == hellos);
}

TEST_CASE("after an outage new records arrive before the backlog has", "[uplink]") {
  auto mutex = std::mutex{};
  auto model = centre_model{};
  auto held = std::atomic<bool>{true}; // No answers: the backlog cannot drain.
  auto first_live = std::atomic<std::uint64_t>{0};
  auto server = std::unique_ptr<uplink_server>{};
  auto callbacks = uplink_server_callbacks{};
  callbacks.on_hello = [&](auto&, auto&) {
    auto guard = std::lock_guard{mutex};
    return model.position();
  };
  callbacks.on_batch = [&](auto& name, auto number, bool live_lane, auto entries) {
    auto guard = std::lock_guard{mutex};
    for (auto& x : entries)
      if (auto again = model.take(x, live_lane))
        server->resend(name, number, again->from_seq, again->live_lane);
    if (live_lane && first_live == 0)
      first_live = entries.front().first_seq;
    if (!held)
      server->acknowledge(name, number, model.position());
  };
  server = std::make_unique<uplink_server>(plain_server(), callbacks);
  auto endpoint = server->start();
  REQUIRE(endpoint);

  auto e = edge{*endpoint, "north"};
  e.config.backlog = backlog_mode::live_first;
  e.config.window_bytes_max = 20'000;
  e.add(1000, 100); // Numbers 1 to 3000.
  e.start();
  REQUIRE(wait_until([&] { return e.is(link_state::up); }));
  e.add(10, 100);
  REQUIRE(wait_until([&] { return first_live == 3001; }));
  held = false;
  e.add(10, 100); // The answer to it sets the rest in motion.
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  e.client->stop(5s);
  server->stop();
  CHECK(model.position() == uplink_position{3060, 0, 0});
  CHECK(model.numbers == 3060);
  CHECK(model.lanes_opened == 1);
  CHECK(model.violations == 0);
}

TEST_CASE("an edge that was set back goes on under a new epoch", "[uplink]") {
  auto c = centre{plain_server()};
  auto e = edge{c.endpoint(), "north"};
  e.add(5);
  e.start(7);
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  e.client.reset();
  auto older = edge{c.endpoint(), "north"}; // Its outbox begins at 1 again.
  older.renewed_epoch = 8;
  older.add(2);
  older.start(7);
  REQUIRE(wait_until([&] { return older.left() == 0; }));
  CHECK(older.behind == 15);
  CHECK(c.edge("north").epoch == 8);
  CHECK(c.edge("north").through == 6);
}

TEST_CASE("two edges do not get in each other's way", "[uplink]") {
  auto c = centre{plain_server()};
  auto a = edge{c.endpoint(), "a"};
  auto b = edge{c.endpoint(), "b"};
  a.start(5);
  b.start(6);
  for (int i = 0; i < 20; ++i) {
    a.add(7);
    b.add(11);
  }
  REQUIRE(wait_until([&] { return a.left() == 0 && b.left() == 0; }));
  CHECK(c.edge("a").blocks == a.made());
  CHECK(c.edge("b").blocks == b.made());
  CHECK(c.edge("b").epoch == 6);
}

// -- keys --------------------------------------------------------------------

TEST_CASE("with CURVE the allow-list names the edge", "[uplink][curve]") {
  auto server = make_curve_keys();
  auto known = make_curve_keys();
  auto config = plain_server();
  config.keys = {server, {{"site-12", known.public_key}}};
  auto c = centre{config};

  SECTION("a known key, whatever it calls itself") {
    auto e = edge{c.endpoint(), "somebody else", {server.public_key, known}};
    e.add(50);
    e.start();
    REQUIRE(wait_until([&] { return e.left() == 0; }));
    CHECK(c.edge("site-12").blocks == e.made());
  }
  SECTION("an unknown key") {
    auto stranger = make_curve_keys();
    auto e = edge{c.endpoint(), "site-12", {server.public_key, stranger}};
    e.add(1);
    e.start();
    REQUIRE(wait_until([&] { return e.is(link_state::refused); }));
    CHECK(e.states().back().second.find(stranger.public_key) != std::string::npos);
    REQUIRE(wait_until([&] { return !c.errors().empty(); }));
    CHECK(c.errors().front().code == errc::not_authorized);
    CHECK(c.edge("site-12").hellos == 0);
  }
  SECTION("a wrong server key") {
    auto e = edge{c.endpoint(), "x", {make_curve_keys().public_key, known}};
    e.start();
    REQUIRE(wait_until([&] { return e.is(link_state::refused); }));
    CHECK(e.states().back().second.find("server_public_key") != std::string::npos);
    CHECK(c.edge("site-12").hellos == 0);
  }
  SECTION("no key") {
    auto e = edge{c.endpoint(), "site-12"};
    e.start();
    REQUIRE(
      wait_until([&] { return e.is(link_state::refused) || e.is(link_state::down); }));
    CHECK(c.edge("site-12").hellos == 0);
  }
  SECTION("two connections with one key: the newer hello counts") {
    auto dealer = [&](raw_edge& x) {
      x.socket = zmq::socket_t{x.context, zmq::socket_type::dealer};
      x.socket.set(zmq::sockopt::linger, 0);
      x.socket.set(zmq::sockopt::rcvtimeo, 5000);
      x.socket.set(zmq::sockopt::curve_serverkey, server.public_key);
      x.socket.set(zmq::sockopt::curve_publickey, known.public_key);
      x.socket.set(zmq::sockopt::curve_secretkey, known.secret_key);
      x.socket.connect(c.endpoint());
      auto hello = hello_message{};
      hello.epoch = 9;
      x.send(hello);
      REQUIRE(std::holds_alternative<welcome_message>(x.receive()));
    };
    auto older = raw_edge{c.endpoint(), "unused-1"};
    dealer(older);
    auto newer = raw_edge{c.endpoint(), "unused-2"};
    dealer(newer);
    older.send(one_block(9, "from the older"));
    REQUIRE(wait_until([&] { return !c.errors().empty(); }));
    newer.send(one_block(9, "from the newer"));
    REQUIRE(std::holds_alternative<ack_message>(newer.receive()));
    CHECK(c.edge("site-12").blocks == std::vector<std::string>{"from the newer"});
  }
}
