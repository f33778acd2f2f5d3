// What the centre does with edges that break the rules, are many, or are of another
// version.
#include "tests/transport/uplink_fixture.hpp"

#include "transport/uplink_credit.hpp"

using namespace weir;
using namespace weir::transport;
using namespace weir::test;
using namespace std::chrono_literals;

TEST_CASE("an edge that breaks the rules is turned away with the reason", "[uplink]") {
  auto c = centre{plain_server()};
  auto e = edge{c.endpoint(), "good"};
  e.start();
  auto reason = [](const uplink_message& message) {
    auto* reject = std::get_if<reject_message>(&message);
    REQUIRE(reject != nullptr);
    return reject->code;
  };
  auto raw = raw_edge{c.endpoint(), "bad"};

  SECTION("garbage") {
    raw.send(std::string{"\x01 not msgpack at all"});
    CHECK(reason(raw.receive()) == reject_code::malformed);
  }
  SECTION("another version") {
    raw.send(std::string{"\x7f\x90", 2});
    CHECK(reason(raw.receive()) == reject_code::unsupported_version);
  }
  SECTION("an empty frame") {
    raw.send(std::string{});
    CHECK(reason(raw.receive()) == reject_code::malformed);
  }
  SECTION("several frames") {
    raw.socket.send(zmq::str_buffer("a"), zmq::send_flags::sndmore);
    raw.socket.send(zmq::str_buffer("b"), zmq::send_flags::none);
    CHECK(reason(raw.receive()) == reject_code::malformed);
  }
  SECTION("records before hello") {
    raw.send(one_block(1, "x"));
    CHECK(reason(raw.receive()) == reject_code::out_of_order);
  }
  SECTION("what only a centre says") {
    raw.send(hello_message{});
    raw.receive();
    raw.send(ack_message{0, {5, 0, 0}, 0});
    CHECK(reason(raw.receive()) == reject_code::out_of_order);
  }
  SECTION("records of another epoch") {
    raw.send(hello_message{});
    raw.receive();
    raw.send(one_block(55, "x"));
    CHECK(reason(raw.receive()) == reject_code::out_of_order);
    CHECK(c.edge("bad").blocks.empty());
  }
  SECTION("no name") {
    auto nameless = raw_edge{c.endpoint(), ""};
    nameless.send(hello_message{});
    CHECK(reason(nameless.receive()) == reject_code::not_authorized);
  }
  SECTION("a name with other characters") {
    auto strange = raw_edge{c.endpoint(), "../etc"};
    strange.send(hello_message{});
    CHECK(reason(strange.receive()) == reject_code::not_authorized);
  }
  CHECK(wait_until([&] { return !c.errors().empty(); }));
  e.add(10);
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  CHECK(c.edge("good").blocks == e.made());
}

TEST_CASE("a full centre turns new edges away", "[uplink]") {
  auto config = plain_server();
  config.edges_max = 1;
  auto c = centre{config};
  auto a = edge{c.endpoint(), "a"};
  a.start();
  REQUIRE(wait_until([&] { return a.is(link_state::up); }));
  auto b = edge{c.endpoint(), "b"};
  b.start();
  REQUIRE(wait_until([&] { return b.is(link_state::refused); }));
  CHECK(b.states().back().second.find("edges_max") != std::string::npos);
}

TEST_CASE("acknowledging edges that are not there does no harm", "[uplink]") {
  auto c = centre{plain_server()};
  c.server().acknowledge("nobody", 1, {10, 0, 0});
  c.server().resend("nobody", 1, 3, false);
  auto e = edge{c.endpoint(), "north"};
  e.add(1);
  e.start();
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  c.server().acknowledge("north", 999, {1000, 0, 0}); // Another epoch.
  e.add(1);
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  CHECK(c.edge("north").blocks == e.made());
}

TEST_CASE("uplink settings that cannot work are refused", "[uplink]") {
  auto code_of = [](uplink_client_config config) {
    auto callbacks = uplink_client_callbacks{};
    callbacks.read_after = [](auto, auto) { return std::vector<uplink_entry>{}; };
    auto client = uplink_client{std::move(config), 1, 1, callbacks};
    auto started = client.start();
    REQUIRE_FALSE(started);
    return started.error().code;
  };
  auto config = uplink_client_config{};
  CHECK(code_of(config) == errc::invalid_config); // Neither keys nor name.
  config.name = "north";
  config.endpoint = "tcp://203.0.113.5:5570"; // In clear, not this machine.
  CHECK(code_of(config) == errc::invalid_config);
  config.endpoint = "http://127.0.0.1:1";
  CHECK(code_of(config) == errc::invalid_config);
  config.endpoint = "tcp://127.0.0.1:*";
  CHECK(code_of(config) == errc::invalid_config);

  auto c = centre{plain_server()};
  auto second = plain_server();
  second.endpoint = c.endpoint();
  auto server = uplink_server{second, {}};
  auto started = server.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().code == errc::cannot_bind);
  CHECK(started.error().message.find(c.endpoint()) != std::string::npos);
}

TEST_CASE("an edge of version 1 of the link is told to be updated, in its own words",
          "[uplink]") {
  auto c = centre{plain_server()};
  auto raw = raw_edge{c.endpoint(), "old"};
  // hello: version byte 1, wire version 1, epoch 42, run 2, next_seq 3, "0.1.0"
  raw.send(std::string{"\x01\x96\x01\x01\x2a\x02\x03\xa5"
                       "0.1.0"});
  auto frame = zmq::message_t{};
  REQUIRE(raw.socket.recv(frame));
  // What version 1 read: version byte 1, [3, code, reason].
  CHECK(frame.to_string_view().substr(0, 4) == "\x01\x93\x03\x01");
  CHECK(frame.to_string_view().find("update the edge") != std::string_view::npos);
  CHECK(c.edge("old").hellos == 0);
}

TEST_CASE("an edge of version 2 tells an older centre's answer apart", "[uplink]") {
  auto frame = std::string{"\x01\x94\x02\x00\x00\x00", 6}; // welcome of version 1
  auto answer = decode_uplink(frame);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().message.find("update the other side") != std::string::npos);
}

TEST_CASE("the centre tells each edge its credit, and less when they are many",
          "[uplink]") {
  auto config = plain_server();
  config.credit_bytes_total = 1 << 20;
  auto c = centre{config};
  auto greet = [](raw_edge& raw) {
    raw.send(hello_message{});
    auto message = raw.receive();
    auto* welcome = std::get_if<welcome_message>(&message);
    REQUIRE(welcome != nullptr);
    return welcome->credit_bytes;
  };
  auto after_status = [](raw_edge& raw) {
    raw.send(status_message{});
    auto message = raw.receive();
    auto* pong = std::get_if<pong_message>(&message);
    REQUIRE(pong != nullptr);
    return pong->credit_bytes;
  };
  auto a = raw_edge{c.endpoint(), "a"};
  CHECK(greet(a) == 1 << 20);
  auto b = raw_edge{c.endpoint(), "b"};
  CHECK(greet(b) == 64 << 10); // All that is not promised to the first.
  CHECK(after_status(a) == 512 << 10);
  CHECK(after_status(b) == 512 << 10);

  c.server().set_credit_total(0); // The store cannot be written.
  CHECK(after_status(a) == 0);
  b.send(one_block(0, "x")); // Had been sent before that was heard.
  auto message = b.receive();
  REQUIRE(std::holds_alternative<ack_message>(message));
  CHECK(std::get<ack_message>(message).credit_bytes == 0);
  c.server().set_credit_total(1 << 20);
  CHECK(after_status(a) == 512 << 10);
}

TEST_CASE("what an edge sends far beyond its credit is not taken", "[uplink]") {
  auto c = centre{plain_server()};
  c.mute = true;
  auto raw = raw_edge{c.endpoint(), "rude"};
  raw.send(hello_message{});
  raw.receive();
  for (int i = 0; i < 20; ++i)
    raw.send(one_block(0, std::string(500'000, 'x')));
  raw.send(status_message{});
  raw.receive(); // All before it has been read.
  CHECK(c.bytes_unacknowledged <= 4 << 20);
  CHECK(c.bytes_unacknowledged > 3 << 20);
  REQUIRE(c.errors().size() == 1);
  CHECK(c.errors()[0].code == errc::too_large);
  c.server().acknowledge("rude", 0, {1, 0, 0}); // The store has caught up.
  REQUIRE(std::holds_alternative<ack_message>(raw.receive()));
  auto before = c.bytes_unacknowledged.load();
  raw.send(one_block(0, "x"));
  CHECK(wait_until([&] { return c.bytes_unacknowledged > before; }));
}

TEST_CASE("a storm of hellos does not keep an edge waiting that is up", "[uplink]") {
  auto config = plain_server();
  auto c = centre{config};
  auto e = edge{c.endpoint(), "calm"};
  e.start();
  REQUIRE(wait_until([&] { return e.is(link_state::up); }));
  auto storm = std::vector<std::unique_ptr<raw_edge>>{};
  for (int i = 0; i < 40; ++i) {
    storm.push_back(
      std::make_unique<raw_edge>(c.endpoint(), "storm-" + std::to_string(i)));
    for (int j = 0; j < 50; ++j)
      storm.back()->send(hello_message{});
  }
  e.add(50);
  REQUIRE(wait_until([&] { return e.left() == 0; }));
  for (auto& raw : storm) // Each is greeted, though not each time that it asked.
    REQUIRE(std::holds_alternative<welcome_message>(raw->receive()));
  CHECK(c.edge("calm").blocks == e.made());
}

// -- credit --------------------------------------------------------------------

TEST_CASE("credit never adds up to more than the total and a least part for each",
          "[uplink_credit]") {
  constexpr auto total = std::size_t{64} << 20;
  auto now = uplink_credit::time_point{1h};
  auto uut = uplink_credit{total};
  auto edges = std::vector<uplink_credit::account>(2000);
  for (auto& x : edges) {
    uut.heard(x, now);
    CHECK(uut.grant(x) <= uplink_credit::share_max);
    CHECK(uut.told_bytes() <= total + edges.size() * uplink_credit::share_min);
  }
  CHECK(edges[0].told_bytes == uplink_credit::share_max); // Not told anew yet.
  for (auto& x : edges)
    CHECK(uut.grant(x) == uplink_credit::share_min);
  CHECK(uut.active() == 2000);
  CHECK(uut.told_bytes() == 2000 * uplink_credit::share_min);

  now += 5s;
  for (std::size_t i = 0; i < 100; ++i)
    uut.heard(edges[i], now);
  now += 6s; // The others were silent for eleven seconds.
  for (auto& x : edges)
    uut.check(x, now);
  CHECK(uut.active() == 100);
  for (std::size_t i = 0; i < 100; ++i)
    uut.grant(edges[i]);
  for (std::size_t i = 0; i < 100; ++i)
    CHECK(uut.grant(edges[i]) == total / 100);
  for (auto& x : edges)
    uut.leave(x);
  CHECK(uut.active() == 0);
  CHECK(uut.told_bytes() == 0);
}

TEST_CASE("batches that the store has answered are not held against the edge",
          "[uplink_credit]") {
  auto now = uplink_credit::time_point{1h};
  auto uut = unanswered_batches{};
  constexpr auto mib = std::size_t{1} << 20;
  for (std::uint64_t i = 1; i <= 4; ++i)
    CHECK(uut.take(i * 10, mib, now));
  CHECK_FALSE(uut.take(50, 1, now));
  SECTION("by an acknowledgement") {
    uut.acknowledged({20, 0, 0});
    CHECK(uut.bytes() == 2 * mib);
  }
  SECTION("by one of the lane") {
    uut.acknowledged({5, 25, 30});
    CHECK(uut.bytes() == 3 * mib);
  }
  SECTION("by a question") {
    uut.asked_again(31);
    CHECK(uut.bytes() == 3 * mib);
  }
  SECTION("by time") {
    now += 31s;
  }
  CHECK(uut.take(60, 1, now));
}
