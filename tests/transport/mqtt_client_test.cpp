// The MQTT client against a real mosquitto.
#include "transport/mqtt_client.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/mosquitto_broker.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

using namespace weir;
using namespace weir::transport;
using namespace std::chrono_literals;
using test::wait_until;

namespace {

struct received {
  std::string topic;
  std::string payload;
  bool retained = false;
  bool oversized = false;
};

/// A client that remembers what it was told.
class listener {
public:
  explicit listener(mqtt_config config) : client_{std::move(config), callbacks()} {
  }

  mqtt_client* operator->() {
    return &client_;
  }

  std::vector<received> got() {
    auto guard = std::lock_guard{mutex_};
    return got_;
  }

  std::vector<std::string> payloads() {
    auto result = std::vector<std::string>{};
    for (auto& x : got())
      result.push_back(x.payload);
    return result;
  }

  std::vector<std::pair<bool, std::string>> states() {
    auto guard = std::lock_guard{mutex_};
    return states_;
  }

  bool up() {
    auto guard = std::lock_guard{mutex_};
    return !states_.empty() && states_.back().first;
  }

  bool told(bool state, const std::string& part) {
    auto all = states();
    return std::any_of(all.begin(), all.end(), [&](auto& x) {
      return x.first == state && x.second.find(part) != std::string::npos;
    });
  }

private:
  mqtt_callbacks callbacks() {
    auto result = mqtt_callbacks{};
    result.on_message = [this](const mqtt_message& x) {
      auto guard = std::lock_guard{mutex_};
      got_.push_back(
        {std::string{x.topic}, std::string{x.payload}, x.retained, x.oversized});
    };
    result.on_state = [this](bool state, const std::string& why) {
      auto guard = std::lock_guard{mutex_};
      states_.emplace_back(state, why);
    };
    return result;
  }

  std::mutex mutex_;
  std::vector<received> got_;
  std::vector<std::pair<bool, std::string>> states_;
  mqtt_client client_; // Ends before what it calls back into.
};

mqtt_config make_config(const std::string& uri, const std::string& client_id,
                        std::vector<std::string> topics = {}) {
  auto result = mqtt_config{};
  result.uri = uri;
  result.client_id = client_id;
  result.topics = std::move(topics);
  result.backoff_min = 20ms;
  result.backoff_max = 200ms;
  return result;
}

void start(listener& x) {
  REQUIRE(x->start());
  REQUIRE(wait_until([&] { return x.up(); }));
}

std::vector<std::string> numbered(int from, int to) {
  auto result = std::vector<std::string>{};
  for (int i = from; i < to; ++i)
    result.push_back(std::to_string(i));
  return result;
}

/// QoS 1 may repeat around a lost connection; the order of the firsts stands.
std::vector<std::string> firsts(const std::vector<std::string>& payloads) {
  auto result = std::vector<std::string>{};
  for (const auto& x : payloads)
    if (std::find(result.begin(), result.end(), x) == result.end())
      result.push_back(x);
  return result;
}

void publish_all(listener& from, const std::vector<std::string>& payloads,
                 int qos = 1) {
  for (const auto& x : payloads)
    REQUIRE(from->publish("plant/a/temperature", x, qos, false));
}

/// By another program: Paho takes a second for each further client of a
/// process.
void publish_by_tool(const test::mosquitto_broker& broker, const std::string& topic,
                     const std::vector<std::string>& payloads, int qos = 1,
                     bool retain = false) {
  auto dir = test::temp_dir{};
  auto lines = std::string{};
  for (const auto& x : payloads)
    lines += x + "\n";
  test::write_file(dir / "lines", lines);
  auto command = "mosquitto_pub -p " + std::to_string(broker.port()) + " -l -q "
                 + std::to_string(qos) + " -t " + topic + (retain ? " -r" : "") + " < "
                 + (dir / "lines").string();
  REQUIRE(std::system(command.c_str()) == 0);
}

/// Certificates made for one test run.
struct certificates {
  test::temp_dir dir;

  certificates() {
    auto at = dir.path().string();
    test::write_file(dir / "ext", "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    auto authority = [&](const std::string& name) {
      run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
          "-nodes -days 2 -subj /CN="
          + name + " -keyout " + at + "/" + name + ".key -out " + at + "/" + name
          + ".crt");
    };
    authority("ca");
    authority("other");
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        "-subj /CN=localhost -keyout "
        + at + "/server.key -out " + at + "/server.csr");
    run("openssl x509 -req -days 2 -in " + at + "/server.csr -CA " + at
        + "/ca.crt -CAkey " + at + "/ca.key -CAcreateserial -extfile " + at
        + "/ext -out " + at + "/server.crt");
  }

  static void run(const std::string& command) {
    REQUIRE(std::system((command + " >/dev/null 2>&1").c_str()) == 0);
  }

  test::mosquitto_broker::settings broker(bool wants_ours = false) const {
    return {true,      {}, dir / "ca.crt", dir / "server.crt", dir / "server.key",
            wants_ours};
  }
};

} // namespace

TEST_CASE("messages of both qualities travel in both versions", "[mqtt]") {
  auto version = GENERATE(4, 5);
  auto qos = GENERATE(0, 1);
  auto broker = test::mosquitto_broker{};
  auto config = make_config(broker.uri(), "sub", {"plant/+/temperature"});
  config.version = version;
  config.qos = qos;
  auto client = listener{config};
  start(client);
  publish_all(client, numbered(0, 300), qos);
  REQUIRE(client->publish("plant/a/pressure", "not for us", qos, false));
  REQUIRE(client->publish("plant/b/temperature", "", qos, false));
  REQUIRE(wait_until([&] { return client.got().size() >= 301; }));
  auto expected = numbered(0, 300);
  expected.emplace_back();
  CHECK(client.payloads() == expected);
  CHECK(client.got().front().topic == "plant/a/temperature");
  CHECK(client.got().back().topic == "plant/b/temperature");
  CHECK_FALSE(client.got().front().retained);
  CHECK(wait_until([&] { return client->publish_pending() == 0; }));
}

TEST_CASE("a persistent session keeps messages for a client that was away", "[mqtt]") {
  auto version = GENERATE(4, 5);
  auto broker = test::mosquitto_broker{};
  auto config = make_config(broker.uri(), "edge-1", {"plant/#"});
  config.version = version;
  {
    auto first = listener{config};
    start(first);
    CHECK(first.told(true, "new session"));
    first->stop(1s);
  }
  publish_by_tool(broker, "plant/a/temperature", numbered(0, 50));
  auto second = listener{config};
  start(second);
  CHECK(second.told(true, "kept our session"));
  REQUIRE(wait_until([&] { return second.got().size() >= 50; }));
  CHECK(second.payloads() == numbered(0, 50));
}

TEST_CASE("after a broker restart it is subscribed again and its queue flushed",
          "[mqtt]") {
  auto [version, persistence]
    = GENERATE(table<int, bool>({{4, true}, {5, true}, {5, false}}));
  auto broker = test::mosquitto_broker{{persistence, {}, {}, {}, {}, false}};
  auto config = make_config(broker.uri(), "edge", {"plant/#"});
  config.version = version;
  auto client = listener{config};
  start(client);
  publish_all(client, numbered(0, 10));
  REQUIRE(wait_until([&] { return client.got().size() == 10; }));
  broker.stop();
  REQUIRE(wait_until([&] { return !client.up(); }));
  publish_all(client, numbered(10, 300));
  CHECK(client->publish_pending() == 290);
  broker.start();
  auto began = std::chrono::steady_clock::now();
  REQUIRE(wait_until([&] { return client.up(); }));
  CHECK(std::chrono::steady_clock::now() - began < 2s);
  if (persistence)
    CHECK(client.told(true, "kept our session"));
  // It subscribes before it publishes.
  REQUIRE(wait_until([&] {
    auto all = client.payloads();
    return all.back() == "299" && client->publish_pending() == 0;
  }));
  CHECK(firsts(client.payloads()) == numbered(0, 300));
}

TEST_CASE("a broker that is away is no error and makes one line", "[mqtt]") {
  auto broker = test::mosquitto_broker{};
  broker.stop();
  auto client = listener{make_config(broker.uri(), "edge", {"#"})};
  REQUIRE(client->start());
  REQUIRE(client->publish("a", "early", 1, false));
  REQUIRE(wait_until([&] { return client.states().size() == 1; }));
  CHECK_FALSE(client.up());
  CHECK(client.told(false, broker.uri()));
  broker.start();
  REQUIRE(wait_until([&] { return client.up(); }));
  REQUIRE(wait_until([&] { return client.got().size() == 1; }));
  CHECK(client.got()[0].payload == "early");
  CHECK(client.states().size() == 2);
}

TEST_CASE("the publish queue is bounded while the broker is away", "[mqtt]") {
  auto config
    = make_config("mqtt://127.0.0.1:" + std::to_string(test::free_port()), "edge");
  config.publish_pending_max = 3;
  auto client = listener{config};
  REQUIRE(client->start());
  publish_all(client, numbered(0, 3));
  auto full = client->publish("a", "4", 1, false);
  REQUIRE_FALSE(full);
  CHECK(full.error().code == errc::queue_full);
  CHECK(client->publish_pending() == 3);
  client->stop(0ms);
  auto late = client->publish("a", "5", 1, false);
  REQUIRE_FALSE(late);
  CHECK(late.error().code == errc::stopped);
}

TEST_CASE("stop waits for the acknowledgements, but not beyond its deadline",
          "[mqtt]") {
  auto broker = test::mosquitto_broker{};
  auto client = listener{make_config(broker.uri(), "edge")};
  start(client);
  publish_all(client, numbered(0, 500));
  client->stop(10s);
  CHECK(client->publish_pending() == 0);

  broker.stop();
  auto alone = listener{make_config(broker.uri(), "edge")};
  REQUIRE(alone->start());
  publish_all(alone, {"x"});
  auto began = std::chrono::steady_clock::now();
  alone->stop(100ms);
  CHECK(std::chrono::steady_clock::now() - began < 3s);
  CHECK(alone->publish_pending() == 1);
}

TEST_CASE("retained messages are marked", "[mqtt]") {
  auto version = GENERATE(4, 5);
  auto broker = test::mosquitto_broker{};
  publish_by_tool(broker, "plant/state", {"old"}, 1, true);
  auto config = make_config(broker.uri(), "sub", {"plant/#"});
  config.version = version;
  auto subscriber = listener{config};
  start(subscriber);
  REQUIRE(wait_until([&] { return subscriber.got().size() == 1; }));
  CHECK(subscriber.got()[0].retained);
  REQUIRE(subscriber->publish("plant/state", "new", 1, true));
  REQUIRE(wait_until([&] { return subscriber.got().size() == 2; }));
  CHECK_FALSE(subscriber.got()[1].retained); // Live, though kept for others.
}

TEST_CASE("a payload beyond the limit is handed over empty and flagged", "[mqtt]") {
  auto broker = test::mosquitto_broker{};
  auto config = make_config(broker.uri(), "sub", {"#"});
  config.payload_bytes_max = 1000;
  auto subscriber = listener{config};
  start(subscriber);
  publish_by_tool(broker, "a", {std::string(1001, 'x'), std::string(1000, 'x')});
  REQUIRE(wait_until([&] { return subscriber.got().size() == 2; }));
  CHECK(subscriber.got()[0].oversized);
  CHECK(subscriber.got()[0].payload.empty());
  CHECK_FALSE(subscriber.got()[1].oversized);
  CHECK(subscriber.got()[1].payload.size() == 1000);
  auto own = subscriber->publish("a", std::string(1001, 'x'), 1, false);
  REQUIRE_FALSE(own);
  CHECK(own.error().code == errc::too_large);
}

// -- acknowledgement ---------------------------------------------------------

// Runs only as the child of the test below: a client that hangs in on_message
// on the payload "hang", after noting every payload.
TEST_CASE("mqtt child", "[.mqtt_child]") {
  const auto* uri = std::getenv("WEIR_TEST_URI");
  const auto* notes = std::getenv("WEIR_TEST_NOTES");
  if (uri == nullptr || notes == nullptr)
    return; // Picked by a filter that knows nothing of it.
  auto text = std::string{};
  auto callbacks = mqtt_callbacks{};
  callbacks.on_message = [&](const mqtt_message& x) {
    text += std::string{x.payload} + "\n";
    test::write_file(notes, text);
    while (x.payload == "hang")
      ::pause();
  };
  callbacks.on_state = [&](bool up, const std::string&) {
    if (up)
      test::write_file(std::string{notes} + ".up", "up");
  };
  auto config = make_config(uri, "edge-1", {"plant/#"});
  config.version = std::atoi(std::getenv("WEIR_TEST_VERSION"));
  auto client = mqtt_client{config, callbacks};
  REQUIRE(client.start());
  for (;;)
    ::pause();
}

TEST_CASE("a message is acknowledged only when on_message has returned", "[mqtt]") {
  auto version = GENERATE(4, 5);
  auto broker = test::mosquitto_broker{};
  auto dir = test::temp_dir{};
  auto notes = dir / "notes";
  auto child = test::child_process{
    {{"/proc/self/exe", "[.mqtt_child]"},
     {"WEIR_TEST_URI=" + broker.uri(), "WEIR_TEST_NOTES=" + notes.string(),
      "WEIR_TEST_VERSION=" + std::to_string(version)},
     {}}};
  REQUIRE(wait_until([&] { return !test::read_file(dir / "notes.up").empty(); }));
  publish_by_tool(broker, "plant/a", {"taken", "hang", "behind it"});
  REQUIRE(wait_until([&] { return test::read_file(notes) == "taken\nhang\n"; }));
  child.kill(); // Inside on_message of "hang".

  auto config = make_config(broker.uri(), "edge-1", {"plant/#"});
  config.version = version;
  auto again = listener{config};
  start(again);
  REQUIRE(wait_until([&] { return again.got().size() >= 2; }));
  CHECK(again.payloads() == std::vector<std::string>{"hang", "behind it"});
}

TEST_CASE("publish does not wait for an on_message that takes its time", "[mqtt]") {
  auto broker = test::mosquitto_broker{};
  auto mutex = std::mutex{};
  auto got = std::vector<std::string>{};
  auto callbacks = mqtt_callbacks{};
  callbacks.on_message = [&](const mqtt_message& x) {
    auto guard = std::lock_guard{mutex};
    got.emplace_back(x.payload);
  };
  auto client = mqtt_client{make_config(broker.uri(), "edge", {"#"}), callbacks};
  REQUIRE(client.start());
  {
    auto blocked = std::unique_lock{mutex};
    for (int i = 0; i < 50; ++i)
      REQUIRE(client.publish("a", std::to_string(i), 1, false));
    // Its first message is not taken, so nothing after it is done either.
    CHECK(client.publish_pending() > 0);
  }
  REQUIRE(wait_until([&] {
    auto guard = std::lock_guard{mutex};
    return got.size() == 50;
  }));
  CHECK(got == numbered(0, 50));
}

// -- TLS and passwords -------------------------------------------------------

TEST_CASE("TLS works with the right CA and is refused with another", "[mqtt]") {
  auto certs = certificates{};
  auto broker = test::mosquitto_broker{certs.broker()};
  auto config = make_config(broker.tls_uri(), "sub", {"#"});

  SECTION("the right CA") {
    config.tls.ca_file = certs.dir / "ca.crt";
    auto client = listener{config};
    start(client);
    REQUIRE(client->publish("a", "secret", 1, false));
    REQUIRE(wait_until([&] { return client.got().size() == 1; }));
  }
  SECTION("another CA") {
    config.tls.ca_file = certs.dir / "other.crt";
    auto client = listener{config};
    REQUIRE(client->start());
    REQUIRE(wait_until([&] { return !client.states().empty(); }));
    CHECK_FALSE(client.up());
    CHECK(client.told(false, "ca_file"));
  }
  SECTION("another CA, and we do not care") {
    config.tls.ca_file = certs.dir / "other.crt";
    config.tls.verify_server = false;
    auto client = listener{config};
    start(client);
  }
  SECTION("files that are missing") {
    config.tls.ca_file = certs.dir / "no-such.crt";
    auto started = listener {
      config
      } -> start();
    REQUIRE_FALSE(started);
    CHECK(started.error().code == errc::unreadable_file);
    CHECK(started.error().message.find("no-such.crt") != std::string::npos);
    config.tls.ca_file = certs.dir / "ca.crt";
    config.tls.certificate_file = certs.dir / "server.crt";
    started = listener {
      config
      } -> start();
    REQUIRE_FALSE(started);
    CHECK(started.error().code == errc::invalid_config);
  }
}

TEST_CASE("a broker that wants client certificates gets ours", "[mqtt]") {
  auto certs = certificates{};
  auto broker = test::mosquitto_broker{certs.broker(true)};
  auto config = make_config(broker.tls_uri(), "sub", {"#"});
  config.tls.ca_file = certs.dir / "ca.crt";
  auto without = listener{config};
  REQUIRE(without->start());
  REQUIRE(wait_until([&] { return !without.states().empty(); }));
  CHECK_FALSE(without.up());
  without->stop(0ms);
  config.tls.certificate_file = certs.dir / "server.crt";
  config.tls.key_file = certs.dir / "server.key";
  auto with = listener{config};
  start(with);
}

TEST_CASE("a wrong password is told as such, a right one lets in", "[mqtt]") {
  auto version = GENERATE(4, 5);
  auto dir = test::temp_dir{};
  test::write_file(dir / "passwords", "edge:right\n");
  certificates::run("mosquitto_passwd -U " + (dir / "passwords").string());
  auto broker = test::mosquitto_broker{
    {true, "password_file " + (dir / "passwords").string() + "\n", {}, {}, {}, false}};
  auto config = make_config(broker.uri(), "edge", {"#"});
  config.version = version;
  config.user = "edge";
  config.password_file = dir / "secret";
  test::write_file(config.password_file, "wrong\nsecond line\n");

  auto open_file = listener {
    config
    } -> start();
  REQUIRE_FALSE(open_file);
  CHECK(open_file.error().code == errc::unreadable_file);
  CHECK(open_file.error().message.find("chmod 600") != std::string::npos);

  std::filesystem::permissions(config.password_file,
                               std::filesystem::perms::owner_read
                                 | std::filesystem::perms::owner_write);
  auto wrong = listener{config};
  REQUIRE(wrong->start());
  REQUIRE(wait_until([&] { return !wrong.states().empty(); }));
  INFO(wrong.states().front().second);
  CHECK_FALSE(wrong.up());
  CHECK(wrong.told(false, "password"));
  test::write_file(config.password_file, "right\n");
  auto right = listener{config};
  start(right);
}

// -- settings ----------------------------------------------------------------

TEST_CASE("MQTT settings that cannot work are refused with the reason", "[mqtt]") {
  auto good = make_config("mqtt://127.0.0.1:1", "edge", {"a/#"});
  auto refused = [](const mqtt_config& config, const std::string& part) {
    auto started = listener {
      config
      } -> start();
    REQUIRE_FALSE(started);
    CHECK(started.error().code == errc::invalid_config);
    INFO(started.error().message);
    CHECK(started.error().message.find(part) != std::string::npos);
  };
  for (auto* uri : {"tcp://127.0.0.1:1", "127.0.0.1:1", "http://a", ""}) {
    auto config = good;
    config.uri = uri;
    refused(config, "mqtt://");
  }
  for (auto* uri : {"mqtt://", "mqtt://:1883", "mqtt://h:x",
                    "mqtts://h:", "mqtt://u@h:1", "mqtt://h:1/path"}) {
    auto config = good;
    config.uri = uri;
    refused(config, "HOST:PORT");
  }
  auto config = good;
  config.client_id.clear();
  refused(config, "client_id");
  config = good;
  config.qos = 2;
  refused(config, "qos");
  config = good;
  config.version = 3;
  refused(config, "version");
  config = good;
  config.topics.push_back("");
  refused(config, "topic");
  config = good;
  config.keep_alive = 0s;
  refused(config, "keep_alive");
}

TEST_CASE("a topic with wildcards or bad UTF-8 is not published to", "[mqtt]") {
  auto client = listener{make_config("mqtt://127.0.0.1:1", "edge")};
  for (auto* topic : {"", "a/+", "#", "a\xff"}) {
    auto result = client->publish(topic, "x", 1, false);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == errc::invalid_config);
  }
  CHECK_FALSE(client->publish("a", "x", 2, false));
  CHECK(client->publish_pending() == 0);
}
