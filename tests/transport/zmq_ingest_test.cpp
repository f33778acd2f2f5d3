// Ingest over real sockets on free loopback ports.
#include "transport/zmq_ingest.hpp"

#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"
#include "transport/ingest_frames.hpp"

#include <catch2/catch.hpp>
#include <zmq.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::transport;
using namespace std::chrono_literals;
using test::wait_until;

namespace {

/// Takes messages, and keeps them back while it is closed.
class receiver {
public:
  zmq_handlers handler() {
    return {[this](std::string_view client, std::string_view payload) {
              auto lock = std::unique_lock{mutex_};
              ++waiting_;
              changed_.wait(lock, [this] { return open_; });
              --waiting_;
              got_.emplace_back(payload);
              clients_.emplace_back(client);
            },
            {}};
  }

  std::function<void(const error&)> on_error() {
    return [this](const error& e) {
      auto guard = std::lock_guard{mutex_};
      errors_.push_back(e);
    };
  }

  void set_open(bool open) {
    {
      auto guard = std::lock_guard{mutex_};
      open_ = open;
    }
    changed_.notify_all();
  }

  std::vector<std::string> got() {
    auto guard = std::lock_guard{mutex_};
    return got_;
  }

  std::vector<std::string> clients() {
    auto guard = std::lock_guard{mutex_};
    return clients_;
  }

  std::vector<error> errors() {
    auto guard = std::lock_guard{mutex_};
    return errors_;
  }

  bool blocked() {
    auto guard = std::lock_guard{mutex_};
    return waiting_ > 0;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
  std::vector<std::string> got_;
  std::vector<std::string> clients_;
  std::vector<error> errors_;
};

zmq_ingest_config both_on_free_ports() {
  auto result = zmq_ingest_config{};
  result.router_endpoint = "tcp://127.0.0.1:0";
  result.pull_endpoint = "tcp://127.0.0.1:*";
  return result;
}

std::unique_ptr<zmq_publisher> connect(zmq_publisher::config settings) {
  settings.backoff_min = 5ms;
  settings.backoff_max = 20ms;
  auto result = zmq_publisher::connect(std::move(settings));
  REQUIRE(result);
  return std::move(*result);
}

std::vector<std::string> numbered(int from, int to) {
  auto result = std::vector<std::string>{};
  for (int i = from; i < to; ++i)
    result.push_back("message " + std::to_string(i));
  return result;
}

void send_all(zmq_publisher& to, const std::vector<std::string>& messages) {
  for (const auto& x : messages)
    REQUIRE(to.send(x, 5s));
}

/// A DEALER without our manners.
struct raw_dealer {
  zmq::context_t context;
  zmq::socket_t socket{context, zmq::socket_type::dealer};

  explicit raw_dealer(const std::string& endpoint) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 5000);
    socket.connect(endpoint);
  }

  void send(const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i)
      socket.send(zmq::buffer(frames[i]), i + 1 < frames.size()
                                            ? zmq::send_flags::sndmore
                                            : zmq::send_flags::none);
  }

  void send_numbered(std::uint64_t sequence, const std::string& payload) {
    auto header = encode_ingest_header(sequence);
    send({std::string{header.data(), header.size()}, payload});
  }

  std::optional<std::uint64_t> receive_ack() {
    auto frame = zmq::message_t{};
    if (!socket.recv(frame))
      return std::nullopt;
    return decode_ingest_ack(frame.to_string_view());
  }
};

} // namespace

TEST_CASE("messages arrive in order and are acknowledged", "[zmq_ingest]") {
  auto sink = receiver{};
  auto ingest = zmq_ingest{both_on_free_ports(), sink.handler(), sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto publisher = connect({bound->router, {}});
  send_all(*publisher, numbered(0, 500));
  REQUIRE(publisher->drain(5s));
  CHECK(publisher->acknowledged() == 500);
  CHECK(sink.got() == numbered(0, 500));
  CHECK(sink.clients().front() == "zmq");
  CHECK(sink.errors().empty());
}

TEST_CASE("messages are acknowledged when they are settled, many at once",
          "[zmq_ingest]") {
  auto sink = receiver{}; // Held back: in its first settling.
  sink.set_open(false);
  std::atomic<std::size_t> taken{0};
  std::atomic<std::size_t> settled{0};
  auto settlings = std::vector<std::size_t>{};
  auto handlers = zmq_handlers{};
  handlers.take = [&](std::string_view, std::string_view) { ++taken; };
  handlers.settle = [&] {
    settlings.push_back(taken - settled);
    sink.handler().take("settle", {});
    settled = taken.load();
    return true;
  };
  auto ingest = zmq_ingest{both_on_free_ports(), handlers, sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto publisher = connect({bound->router, {}});
  send_all(*publisher, numbered(0, 500));
  // It sends while it is asked to do something.
  REQUIRE(wait_until([&] { return !publisher->drain(10ms) && sink.blocked(); }));
  CHECK_FALSE(publisher->drain(200ms));
  CHECK(publisher->acknowledged() == 0);
  sink.set_open(true);
  REQUIRE(publisher->drain(5s));
  CHECK(publisher->acknowledged() == 500);
  ingest.stop();
  CHECK(settled == 500);
  CHECK(settlings.size() < 100);
  CHECK(*std::max_element(settlings.begin(), settlings.end()) <= 256);
  CHECK(*std::min_element(settlings.begin(), settlings.end()) > 0);
}

TEST_CASE("messages that could not be settled are not acknowledged", "[zmq_ingest]") {
  auto sink = receiver{};
  std::atomic<bool> refused{false};
  auto handlers = sink.handler();
  handlers.settle = [&] {
    refused = true;
    return false;
  };
  auto ingest = zmq_ingest{both_on_free_ports(), handlers, sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto publisher = connect({bound->router, {}});
  send_all(*publisher, numbered(0, 3));
  REQUIRE(wait_until([&] { return !publisher->drain(10ms) && refused; }));
  CHECK_FALSE(publisher->drain(200ms));
  CHECK(publisher->acknowledged() == 0);
}

TEST_CASE("PUSH messages arrive without acknowledgement", "[zmq_ingest]") {
  auto sink = receiver{};
  auto ingest = zmq_ingest{both_on_free_ports(), sink.handler(), sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto settings = zmq_publisher::config{bound->pull, {}};
  settings.acknowledged = false;
  auto publisher = connect(settings);
  send_all(*publisher, numbered(0, 100));
  REQUIRE(publisher->drain(5s));
  REQUIRE(wait_until([&] { return sink.got().size() == 100; }));
  send_all(*publisher, numbered(100, 101)); // It works on after a drain.
  REQUIRE(publisher->drain(5s));
  REQUIRE(wait_until([&] { return sink.got() == numbered(0, 101); }));
}

TEST_CASE("ipc end points work", "[zmq_ingest]") {
  auto dir = test::temp_dir{};
  auto sink = receiver{};
  auto config = zmq_ingest_config{};
  config.router_endpoint = "ipc://" + (dir / "socket").string();
  auto ingest = zmq_ingest{config, sink.handler(), sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  CHECK(bound->pull.empty());
  auto publisher = connect({bound->router, {}});
  send_all(*publisher, numbered(0, 3));
  REQUIRE(publisher->drain(5s));
  CHECK(sink.got() == numbered(0, 3));
}

TEST_CASE("acknowledgements are cumulative and come once per round", "[zmq_ingest]") {
  auto sink = receiver{};
  auto ingest = zmq_ingest{both_on_free_ports(), sink.handler(), sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto dealer = raw_dealer{bound->router};
  sink.set_open(false);
  for (std::uint64_t i = 1; i <= 50; ++i)
    dealer.send_numbered(i, "x");
  REQUIRE(wait_until([&] { return sink.blocked(); }));
  sink.set_open(true);
  auto acks = std::vector<std::uint64_t>{};
  while (acks.empty() || acks.back() != 50) {
    auto ack = dealer.receive_ack();
    REQUIRE(ack);
    CHECK((acks.empty() || *ack > acks.back()));
    acks.push_back(*ack);
  }
  CHECK(acks.size() < 50);
}

TEST_CASE("a full window blocks the publisher until the handler goes on",
          "[zmq_ingest]") {
  auto sink = receiver{};
  auto ingest = zmq_ingest{both_on_free_ports(), sink.handler(), sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto settings = zmq_publisher::config{bound->router, {}};
  settings.window_max = 10;
  auto publisher = connect(settings);
  sink.set_open(false);
  send_all(*publisher, numbered(0, 10));
  auto full = publisher->send("too much", 50ms);
  REQUIRE_FALSE(full);
  CHECK(full.error().code == errc::cannot_connect);
  CHECK(full.error().message.find("window") != std::string::npos);
  CHECK_FALSE(publisher->drain(20ms));
  sink.set_open(true);
  send_all(*publisher, numbered(10, 30));
  REQUIRE(publisher->drain(5s));
  CHECK(sink.got() == numbered(0, 30));
}

TEST_CASE("a publisher goes on where it was when the receiver restarts",
          "[zmq_ingest]") {
  auto sink = receiver{};
  auto config = both_on_free_ports();
  auto ingest = std::make_unique<zmq_ingest>(config, sink.handler(), sink.on_error());
  auto bound = ingest->start();
  REQUIRE(bound);
  config.router_endpoint = bound->router;
  auto publisher = connect({bound->router, {}});
  send_all(*publisher, numbered(0, 100));
  REQUIRE(publisher->drain(5s));
  ingest->stop();
  send_all(*publisher, numbered(100, 200)); // Into the window.
  CHECK_FALSE(publisher->drain(30ms));
  ingest = std::make_unique<zmq_ingest>(config, sink.handler(), sink.on_error());
  REQUIRE(ingest->start());
  send_all(*publisher, numbered(200, 300));
  REQUIRE(publisher->drain(5s));
  CHECK(sink.got() == numbered(0, 300));
  CHECK(publisher->acknowledged() == 300);
}

TEST_CASE("restarts in the middle of the stream lose nothing", "[zmq_ingest]") {
  auto sink = receiver{};
  auto config = both_on_free_ports();
  config.pull_endpoint.clear();
  auto ingest = std::make_unique<zmq_ingest>(config, sink.handler(), sink.on_error());
  config.router_endpoint = ingest->start()->router;
  auto publisher = connect({config.router_endpoint, {}});
  for (int i = 0; i < 10; ++i) {
    send_all(*publisher, numbered(i * 100, i * 100 + 100));
    ingest = std::make_unique<zmq_ingest>(config, sink.handler(), sink.on_error());
    REQUIRE(ingest->start());
  }
  REQUIRE(publisher->drain(5s));
  // Only what was taken and not yet acknowledged may come twice, in runs.
  auto got = sink.got();
  auto expected = numbered(0, 1000);
  auto seen = std::size_t{0};
  for (const auto& x : got) {
    auto at = std::find(expected.begin(), expected.end(), x) - expected.begin();
    REQUIRE(static_cast<std::size_t>(at) <= seen); // Never a gap.
    seen = std::max(seen, static_cast<std::size_t>(at) + 1);
  }
  CHECK(seen == expected.size());
}

TEST_CASE("a publisher may start before the receiver", "[zmq_ingest]") {
  auto dir = test::temp_dir{};
  auto endpoint = "ipc://" + (dir / "socket").string();
  auto publisher = connect({endpoint, {}});
  auto early = publisher->drain(10ms);
  CHECK(early); // There is nothing to wait for.
  send_all(*publisher, numbered(0, 5));
  auto away = publisher->drain(50ms);
  REQUIRE_FALSE(away);
  CHECK(away.error().code == errc::cannot_connect);
  CHECK(away.error().message.find("nothing answers") != std::string::npos);
  auto sink = receiver{};
  auto config = zmq_ingest_config{};
  config.router_endpoint = endpoint;
  auto ingest = zmq_ingest{config, sink.handler(), sink.on_error()};
  REQUIRE(ingest.start());
  REQUIRE(publisher->drain(5s));
  CHECK(sink.got() == numbered(0, 5));
}

// -- keys --------------------------------------------------------------------

TEST_CASE("with CURVE only known keys come in, under their names",
          "[zmq_ingest][curve]") {
  auto server = make_curve_keys();
  auto friend_keys = make_curve_keys();
  auto sink = receiver{};
  auto config = both_on_free_ports();
  config.keys = {server, {{"gateway-7", friend_keys.public_key}}};
  auto ingest = zmq_ingest{config, sink.handler(), sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);

  SECTION("a known key") {
    auto publisher = connect({bound->router, {server.public_key, friend_keys}});
    send_all(*publisher, numbered(0, 10));
    REQUIRE(publisher->drain(5s));
    CHECK(sink.got() == numbered(0, 10));
    CHECK(sink.clients().front() == "gateway-7");
    CHECK(sink.errors().empty());
  }
  SECTION("a known key by PUSH") {
    auto settings
      = zmq_publisher::config{bound->pull, {server.public_key, friend_keys}};
    settings.acknowledged = false;
    auto publisher = connect(settings);
    REQUIRE(publisher->send("x", 5s));
    REQUIRE(publisher->drain(5s));
    REQUIRE(wait_until([&] { return sink.clients().size() == 1; }));
    CHECK(sink.clients().front() == "gateway-7");
  }
  SECTION("an unknown key") {
    auto stranger = make_curve_keys();
    auto publisher = connect({bound->router, {server.public_key, stranger}});
    REQUIRE(publisher->send("x", 5s)); // Into the window.
    auto refused = publisher->drain(5s);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::not_authorized);
    CHECK(refused.error().message.find(stranger.public_key) != std::string::npos);
    REQUIRE(wait_until([&] { return !sink.errors().empty(); }));
    CHECK(sink.errors().front().code == errc::not_authorized);
    CHECK(sink.errors().front().message.find(stranger.public_key) != std::string::npos);
  }
  SECTION("a wrong server key") {
    auto publisher
      = connect({bound->router, {make_curve_keys().public_key, friend_keys}});
    REQUIRE(publisher->send("x", 5s));
    auto refused = publisher->drain(5s);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::not_authorized);
    CHECK(refused.error().message.find("server_public_key") != std::string::npos);
    REQUIRE(wait_until([&] { return !sink.errors().empty(); }));
  }
  SECTION("no key at all") {
    auto publisher = connect({bound->router, {}});
    REQUIRE(publisher->send("x", 5s));
    auto refused = publisher->drain(2s);
    REQUIRE_FALSE(refused);
  }
  if (sink.clients().empty())
    CHECK(sink.got().empty());
}

// -- bad input and bad settings ----------------------------------------------

TEST_CASE("garbage is reported and stops nobody", "[zmq_ingest]") {
  auto sink = receiver{};
  auto config = both_on_free_ports();
  config.message_bytes_max = 10'000;
  auto ingest = zmq_ingest{config, sink.handler(), sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto good = connect({bound->router, {}});
  send_all(*good, numbered(0, 5));
  auto reported = true;

  SECTION("a payload without header") {
    raw_dealer{bound->router}.socket.send(zmq::str_buffer("hello"),
                                          zmq::send_flags::none);
    reported = false; // The dealer is gone before it is sure to be read.
  }
  SECTION("one frame") {
    auto dealer = raw_dealer{bound->router};
    dealer.send({"123456789"});
    REQUIRE(wait_until([&] { return !sink.errors().empty(); }));
  }
  SECTION("another version") {
    auto dealer = raw_dealer{bound->router};
    dealer.send({std::string{"\x02\0\0\0\0\0\0\0\x01", 9}, "payload"});
    REQUIRE(wait_until([&] { return !sink.errors().empty(); }));
  }
  SECTION("a short header, empty frames and too many frames") {
    auto dealer = raw_dealer{bound->router};
    dealer.send({"", "", "", "", "", "", "", "", "", "", "", ""});
    dealer.send({"\x01", "x"});
    dealer.send({""});
    auto header = encode_ingest_header(1);
    dealer.send({std::string{header.data(), header.size()}, "x", "y"});
    REQUIRE(wait_until([&] { return !sink.errors().empty(); }));
  }
  SECTION("a number out of order") {
    auto dealer = raw_dealer{bound->router};
    dealer.send_numbered(1, "message 5");
    CHECK(dealer.receive_ack() == 1u);
    dealer.send_numbered(3, "never taken");
    CHECK(dealer.receive_ack() == 1u); // What we have, so that it can see it.
    REQUIRE(wait_until([&] { return !sink.errors().empty(); }));
    dealer.send_numbered(2, "message 6");
    CHECK(dealer.receive_ack() == 2u);
  }
  SECTION("a message beyond the limit cuts its sender off") {
    auto dealer = raw_dealer{bound->router};
    dealer.send_numbered(1, std::string(20'000, 'x'));
    dealer.socket.set(zmq::sockopt::rcvtimeo, 100);
    CHECK_FALSE(dealer.receive_ack());
    reported = false; // ZeroMQ tells nobody.
  }
  SECTION("two frames on the PULL socket") {
    auto context = zmq::context_t{};
    auto push = zmq::socket_t{context, zmq::socket_type::push};
    push.connect(bound->pull);
    push.send(zmq::str_buffer("a"), zmq::send_flags::sndmore);
    push.send(zmq::str_buffer("b"), zmq::send_flags::none);
    REQUIRE(wait_until([&] { return !sink.errors().empty(); }));
  }
  if (reported)
    CHECK(sink.errors().front().code == errc::malformed);
  REQUIRE(good->drain(5s));
  send_all(*good, numbered(7, 10));
  REQUIRE(good->drain(5s));
  auto got = sink.got();
  CHECK(std::count(got.begin(), got.end(), "message 9") == 1);
  CHECK(std::count(got.begin(), got.end(), "never taken") == 0);
}

TEST_CASE("a publisher refuses what the receiver would not take", "[zmq_ingest]") {
  auto settings = zmq_publisher::config{"tcp://127.0.0.1:9", {}};
  settings.message_bytes_max = 10;
  auto publisher = connect(settings);
  auto sent = publisher->send("12345678901", 1s);
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == errc::too_large);
}

TEST_CASE("settings that cannot work are refused with the reason", "[zmq_ingest]") {
  auto sink = receiver{};
  auto start = [&](zmq_ingest_config config) {
    return zmq_ingest{config, sink.handler(), sink.on_error()}.start();
  };
  auto config = both_on_free_ports();

  SECTION("nothing to do") {
    auto result = start({});
    REQUIRE_FALSE(result);
    CHECK(result.error().code == errc::invalid_config);
  }
  SECTION("clear text beyond this machine") {
    config.router_endpoint = "tcp://0.0.0.0:0";
    auto result = start(config);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == errc::invalid_config);
    CHECK(result.error().message.find("CURVE") != std::string::npos);
  }
  SECTION("no such scheme") {
    config.pull_endpoint = "udp://127.0.0.1:1";
    auto result = start(config);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == errc::invalid_config);
  }
  SECTION("no port") {
    config.pull_endpoint = "tcp://127.0.0.1";
    CHECK_FALSE(start(config));
  }
  SECTION("a port in use") {
    auto first = zmq_ingest{config, sink.handler(), sink.on_error()};
    config.router_endpoint = first.start()->router;
    auto result = start(config);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == errc::cannot_bind);
    CHECK(result.error().message.find(config.router_endpoint) != std::string::npos);
    CHECK(result.error().message.find("another program") != std::string::npos);
  }
  SECTION("started twice") {
    auto ingest = zmq_ingest{config, sink.handler(), sink.on_error()};
    REQUIRE(ingest.start());
    CHECK_FALSE(ingest.start());
  }
}

TEST_CASE("forgotten connections must connect anew and then go on", "[zmq_ingest]") {
  auto sink = receiver{};
  auto config = both_on_free_ports();
  config.clients_max = 1;
  auto ingest = zmq_ingest{config, sink.handler(), sink.on_error()};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto a = connect({bound->router, {}});
  auto b = connect({bound->router, {}});
  for (int i = 0; i < 5; ++i) {
    REQUIRE(a->send("a" + std::to_string(i), 5s));
    REQUIRE(a->drain(5s));
    REQUIRE(b->send("b" + std::to_string(i), 5s));
    REQUIRE(b->drain(5s));
  }
  CHECK(sink.got().size() == 10);
}
