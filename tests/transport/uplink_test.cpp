// Both ends of the uplink over real sockets, with a centre and an edge that
// keep their records in memory.
#include "transport/uplink.hpp"

#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"
#include "transport/uplink_messages.hpp"

#include <catch2/catch.hpp>
#include <zmq.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::transport;
using namespace std::chrono_literals;
using test::wait_until;

namespace {

/// Stores what comes and answers as the contract says, from the server's
/// thread.
class centre {
public:
  struct stored_edge {
    std::uint64_t epoch = 0;
    std::uint64_t through = 0;
    std::vector<std::string> blocks;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> holes;
    std::uint64_t next_seq = 0;
    int hellos = 0;
  };

  explicit centre(uplink_server_config config) : config_{std::move(config)} {
    open();
  }

  void open() {
    server_ = std::make_unique<uplink_server>(config_, callbacks());
    auto bound = server_->start();
    REQUIRE(bound);
    config_.endpoint = *bound;
  }

  ~centre() {
    close();
  }

  /// In two steps: the callbacks use `server_` until it has stopped.
  void close() {
    server_->stop();
    server_.reset();
  }

  const std::string& endpoint() const {
    return config_.endpoint;
  }

  uplink_server& server() {
    return *server_;
  }

  stored_edge edge(const std::string& name) {
    auto guard = std::lock_guard{mutex_};
    return edges_[name];
  }

  std::vector<error> errors() {
    auto guard = std::lock_guard{mutex_};
    return errors_;
  }

  std::map<std::string, edge_status> statuses() {
    auto guard = std::lock_guard{mutex_};
    return statuses_;
  }

  /// Blocks numbered so are lost once between the network and the store.
  std::set<std::uint64_t> drop_once;
  /// Takes blocks but acknowledges nothing.
  std::atomic<bool> mute{false};
  std::atomic<std::uint64_t> bytes_unacknowledged{0};

private:
  uplink_server_callbacks callbacks() {
    auto result = uplink_server_callbacks{};
    result.on_hello = [this](const std::string& name, std::uint64_t epoch,
                             std::uint32_t, std::uint64_t next_seq) {
      auto guard = std::lock_guard{mutex_};
      auto& x = edges_[name];
      ++x.hellos;
      x.next_seq = next_seq;
      if (std::exchange(x.epoch, epoch) != epoch)
        x.through = 0;
      return uplink_position{x.through, 0, 0};
    };
    result.on_batch = [this](const std::string& name, std::uint64_t epoch, bool,
                             std::vector<uplink_entry> entries) {
      for (auto& x : entries)
        on_entry(name, epoch, std::move(x));
    };
    result.on_status = [this](const std::string& name, const edge_status& x) {
      auto guard = std::lock_guard{mutex_};
      statuses_[name] = x;
    };
    result.on_error = [this](const std::string&, const error& e) {
      auto guard = std::lock_guard{mutex_};
      errors_.push_back(e);
    };
    return result;
  }

  void on_entry(const std::string& name, std::uint64_t epoch, uplink_entry entry) {
    auto guard = std::lock_guard{mutex_};
    auto& x = edges_[name];
    if (drop_once.erase(entry.first_seq) > 0)
      return;
    if (mute) {
      bytes_unacknowledged += window_cost(entry);
      return;
    }
    if (entry.first_seq > x.through + 1) {
      server_->resend(name, epoch, x.through + 1, false);
      return;
    }
    if (entry.first_seq == x.through + 1) {
      if (entry.kind == entry_kind::records)
        x.blocks.push_back(std::move(entry.bytes));
      else
        x.holes.emplace_back(entry.first_seq, entry.last_seq());
      x.through += entry.seq_span;
    }
    server_->acknowledge(name, epoch, {x.through, 0, 0});
  }

  uplink_server_config config_;
  std::unique_ptr<uplink_server> server_;
  std::mutex mutex_;
  std::map<std::string, stored_edge> edges_;
  std::map<std::string, edge_status> statuses_;
  std::vector<error> errors_;
};

class edge {
public:
  edge(const std::string& endpoint, std::string name, curve_client_keys keys = {}) {
    config.endpoint = endpoint;
    config.name = std::move(name);
    config.keys = std::move(keys);
    config.backlog = backlog_mode::in_order;
    config.heartbeat_interval = 50ms;
    config.silence_max = 1000ms;
    config.backoff_min = 5ms;
    config.backoff_max = 20ms;
  }

  ~edge() {
    client.reset(); // Before what it calls back into.
  }

  void start(std::uint64_t epoch = 1) {
    client = std::make_unique<uplink_client>(config, epoch, 2, callbacks());
    REQUIRE(client->start());
  }

  /// Blocks of three records.
  void add(int count, std::size_t size = 20) {
    for (int i = 0; i < count; ++i) {
      auto guard = std::lock_guard{mutex_};
      auto text = std::to_string(next_seq_) + " ";
      text.resize(std::max(size, text.size()), '.');
      outbox_[next_seq_] = {entry_kind::records, 2, next_seq_, 3, 3, text};
      made_.push_back(text);
      next_seq_ += 3;
    }
    if (client)
      client->notify();
  }

  void expire(std::uint64_t first_seq) {
    auto guard = std::lock_guard{mutex_};
    outbox_[first_seq] = {entry_kind::expired, 2, first_seq, 3, 0, {}};
  }

  std::vector<std::string> made() {
    auto guard = std::lock_guard{mutex_};
    return made_;
  }

  std::size_t left() {
    auto guard = std::lock_guard{mutex_};
    return outbox_.size();
  }

  std::vector<std::pair<link_state, std::string>> states() {
    auto guard = std::lock_guard{mutex_};
    return states_;
  }

  bool is(link_state state) {
    auto guard = std::lock_guard{mutex_};
    return !states_.empty() && states_.back().first == state;
  }

  uplink_client_config config;
  std::unique_ptr<uplink_client> client;

private:
  uplink_client_callbacks callbacks() {
    auto result = uplink_client_callbacks{};
    result.read_after = [this](std::uint64_t seq, std::size_t size_max) {
      auto guard = std::lock_guard{mutex_};
      auto blocks = std::vector<uplink_entry>{};
      auto size = std::size_t{0};
      for (auto i = outbox_.upper_bound(seq);
           i != outbox_.end() && (blocks.empty() || size < size_max); ++i) {
        blocks.push_back(i->second);
        size += i->second.bytes.size();
      }
      return blocks;
    };
    result.next_seq = [this] {
      auto guard = std::lock_guard{mutex_};
      return next_seq_;
    };
    result.on_ack = [this](const uplink_position& x) {
      auto guard = std::lock_guard{mutex_};
      outbox_.erase(outbox_.begin(), outbox_.upper_bound(x.through_seq));
    };
    result.status = [] {
      auto status = edge_status{};
      status.version = "0.1.0";
      status.events_total = 12;
      return status;
    };
    result.on_state = [this](link_state state, const std::string& why) {
      auto guard = std::lock_guard{mutex_};
      states_.emplace_back(state, why);
    };
    return result;
  }

  std::mutex mutex_;
  std::map<std::uint64_t, uplink_entry> outbox_;
  std::uint64_t next_seq_ = 1;
  std::vector<std::string> made_;
  std::vector<std::pair<link_state, std::string>> states_;
};

uplink_server_config plain_server() {
  auto result = uplink_server_config{};
  result.endpoint = "tcp://127.0.0.1:0";
  result.heartbeat_interval = 50ms;
  return result;
}

batch_message one_block(std::uint64_t epoch, std::string bytes) {
  return {epoch, false, {{entry_kind::records, 0, 1, 1, 1, std::move(bytes)}}};
}

/// An edge without our manners.
struct raw_edge {
  zmq::context_t context;
  zmq::socket_t socket{context, zmq::socket_type::dealer};

  raw_edge(const std::string& endpoint, const std::string& name) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 5000);
    if (!name.empty())
      socket.set(zmq::sockopt::routing_id, name);
    socket.connect(endpoint);
  }

  void send(const std::string& bytes) {
    socket.send(zmq::buffer(bytes), zmq::send_flags::none);
  }

  void send(const uplink_message& message) {
    send(encode_uplink(message));
  }

  uplink_message receive() {
    auto frame = zmq::message_t{};
    REQUIRE(socket.recv(frame));
    auto message = decode_uplink(frame.to_string_view());
    REQUIRE(message);
    return *message;
  }
};

} // namespace

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

// -- bad input and bad settings ----------------------------------------------

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
