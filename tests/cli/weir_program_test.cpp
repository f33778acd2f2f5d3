// The real program: exit codes, standard output, and a real broker.
#include "tests/support/child_process.hpp"
#include "tests/support/mosquitto_broker.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"
#include "transport/mqtt_client.hpp"
#include "transport/zmq_ingest.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <set>

using namespace weir::test;

namespace {

struct outcome {
  int code = -1;
  std::string output; ///< Standard output and error.
};

std::vector<std::string> command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), WEIR_PROGRAM);
  return arguments;
}

outcome run(std::vector<std::string> arguments) {
  temp_dir directory;
  child_process process{command(std::move(arguments)), directory / "out"};
  auto code = process.wait(std::chrono::seconds{20});
  return {code.value_or(-1), read_file(directory / "out")};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count_lines_with(const std::string& text, const std::string& part) {
  std::size_t result = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++result;
  return result;
}

/// Subscribes to everything and counts different payloads.
class counting_subscriber {
public:
  explicit counting_subscriber(const std::string& uri)
    : client_(config_of(uri),
              {.on_message =
                 [this](const weir::transport::mqtt_message& x) {
                   std::lock_guard guard{mutex_};
                   seen_.emplace(x.payload);
                   topics_.emplace(x.topic);
                 },
               .on_state = [this](bool up, const std::string&) { up_ = up; }}) {
    REQUIRE(client_.start());
    REQUIRE(wait_until([this] { return up_.load(); }));
  }
  std::size_t messages() {
    std::lock_guard guard{mutex_};
    return seen_.size();
  }
  std::set<std::string> topics() {
    std::lock_guard guard{mutex_};
    return topics_;
  }

private:
  static weir::transport::mqtt_config config_of(const std::string& uri) {
    weir::transport::mqtt_config result;
    result.uri = uri;
    result.client_id = "subscriber";
    result.topics = {"#"};
    return result;
  }
  std::mutex mutex_;
  std::set<std::string> seen_;
  std::set<std::string> topics_;
  std::atomic<bool> up_{false};
  weir::transport::mqtt_client client_;
};

} // namespace

TEST_CASE("help and version succeed, a wrong command line returns 2", "[cli]") {
  CHECK(run({"--version"}).output.starts_with("weir "));
  auto help = run({"simulate", "plant", "--help"});
  CHECK(help.code == 0);
  for (auto part : {"NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "EXIT STATUS"})
    CHECK(has(help.output, part));
  CHECK(run({}).code == 2);
  CHECK(run({"simulate", "plant", "--bogus"}).code == 2);
  CHECK(run({"simulate", "plant"}).code == 2);
  CHECK(run({"simulate", "plant", "--stdout", "--machines", "0"}).code == 2);
  CHECK(run({"simulate", "plant", "--stdout", "--interval", "often"}).code == 2);
  CHECK(run({"simulate", "plant", "--stdout", "--from", "now", "--until", "-1h"}).code
        == 2);
}

TEST_CASE("the same seed and start print the same events", "[cli]") {
  std::vector<std::string> arguments{
    "simulate",   "plant", "--stdout", "--seed", "7", "--from", "2024-05-15T09:00:00Z",
    "--duration", "60s"};
  auto first = run(arguments);
  CHECK(first.code == 0);
  CHECK(count_lines_with(first.output, "\"timestamp\"") == 60 * 80);
  CHECK(has(first.output, "sent 4800 events in 4800 messages"));
  CHECK(run(arguments).output == first.output);
}

TEST_CASE("keys are made once, and shown", "[cli]") {
  temp_dir directory;
  auto file = (directory / "edge.key").string();
  auto made = run({"keys", "new", "--out", file});
  CHECK(made.code == 0);
  CHECK(made.output.size() == 41);
  auto shown = run({"keys", "show", file});
  CHECK(shown.code == 0);
  CHECK(shown.output == made.output);
  auto again = run({"keys", "new", "--out", file});
  CHECK(again.code == 1);
  CHECK(has(again.output, "exists already"));
  CHECK(run({"keys", "show", (directory / "none").string()}).code == 1);
}

TEST_CASE("a store's master key is made once, and only its fingerprint is shown",
          "[cli]") {
  temp_dir directory;
  auto file = (directory / "store.key").string();
  auto made = run({"keys", "store", file});
  CHECK(made.code == 0);
  CHECK(made.output.size() == 17); // 16 hex digits and the end of the line.
  auto text = read_file(file);
  CHECK(text.starts_with("weir-master-key 1\n"));
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::mask)
        == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  auto shown = run({"keys", "show", file});
  CHECK(shown.code == 0);
  CHECK(shown.output == made.output);
  auto again = run({"keys", "store", file});
  CHECK(again.code == 1);
  CHECK(has(again.output, "exists already"));
  CHECK(read_file(file) == text);
  std::filesystem::permissions(file, std::filesystem::perms::owner_read
                                       | std::filesystem::perms::others_read);
  auto open_to_all = run({"keys", "show", file});
  CHECK(open_to_all.code == 1);
  CHECK(has(open_to_all.output, "chmod 600 " + file));
  CHECK(run({"keys", "store"}).code == 2);
}

TEST_CASE("every simulated event reaches the broker, on the topic of its series",
          "[cli]") {
  mosquitto_broker broker;
  counting_subscriber subscriber{broker.uri()};
  auto done = run({"simulate", "plant", "--mqtt", broker.uri(), "--machines", "3",
                   "--from", "-100s", "--duration", "50s"});
  INFO(done.output);
  CHECK(done.code == 0);
  CHECK(wait_until([&] { return subscriber.messages() == 50 * 12; }));
  CHECK(subscriber.topics().size() == 12);
  CHECK(subscriber.topics().contains("plant/m-03/rpm"));
}

TEST_CASE("SIGTERM ends a live simulation in order", "[cli]") {
  temp_dir directory;
  child_process process{
    command({"simulate", "plant", "--stdout", "--machines", "1", "--interval", "10ms"}),
    directory / "out"};
  REQUIRE(wait_until([&] { return has(read_file(directory / "out"), "series from"); }));
  CHECK(process.stop() == 0);
  CHECK(has(read_file(directory / "out"), "sent "));
}

TEST_CASE("a broker that comes late gets everything", "[cli]") {
  mosquitto_broker broker;
  counting_subscriber subscriber{broker.uri()};
  broker.stop();
  temp_dir directory;
  child_process process{
    command({"simulate", "plant", "--mqtt", broker.uri(), "--machines", "1", "--from",
             "-100s", "--duration", "20s"}),
    directory / "out"};
  REQUIRE(
    wait_until([&] { return has(read_file(directory / "out"), "not connected"); }));
  CHECK(process.running());
  broker.start();
  CHECK(process.wait(std::chrono::seconds{20}) == 0);
  INFO(read_file(directory / "out"));
  CHECK(wait_until([&] { return subscriber.messages() == 20 * 4; }));
}

TEST_CASE("batches reach a ZeroMQ ingest and are acknowledged", "[cli]") {
  std::atomic<std::size_t> messages{0};
  weir::transport::zmq_ingest_config config;
  config.router_endpoint = "tcp://127.0.0.1:*";
  weir::transport::zmq_ingest ingest{
    config,
    {[&](std::string_view, std::string_view) { ++messages; }},
    [](const weir::transport::error&) {}};
  auto bound = ingest.start();
  REQUIRE(bound);
  auto done
    = run({"simulate", "store", "--zmq", bound->router, "--from", "-7d", "--until",
           "now", "--activity", "10", "--batch", "50", "--interval", "1h"});
  INFO(done.output);
  CHECK(done.code == 0);
  CHECK(has(done.output, "events in " + std::to_string(messages.load()) + " messages"));
  CHECK(messages > 10);
}

TEST_CASE("a CSV file is replayed, by its own pace or at once", "[cli]") {
  temp_dir directory;
  write_file(directory / "x.csv", "t,temp,rpm,who\r\n"
                                  "1700000000,1.5,100,\"a, b\"\r\n"
                                  "1700000100,,101,c\r\n");
  auto file = (directory / "x.csv").string();
  auto fast = run({"replay", file, "--time", "t", "--value", "temp", "--value", "rpm",
                   "--source-col", "who", "--as-fast-as-possible", "--stdout"});
  INFO(fast.output);
  CHECK(fast.code == 0);
  CHECK(count_lines_with(fast.output, "\"timestamp\"") == 3);
  CHECK(has(fast.output, "\"source\":\"a, b\",\"type\":\"temp\",\"value\":1.5"));
  CHECK(has(fast.output, "passed over 1 empty values"));
  auto paced
    = run({"replay", file, "--time", "t", "--value", "rpm", "--source", "s", "--metric",
           "speed", "--speed", "1000", "--shift-to-now", "--stdout"});
  CHECK(paced.code == 0);
  CHECK(count_lines_with(paced.output, "\"type\":\"speed\"") == 2);
  CHECK_FALSE(has(paced.output, "2023-11-14"));
  CHECK(
    run({"replay", file, "--time", "t", "--value", "no", "--source", "s", "--stdout"})
      .code
    == 1);
}

TEST_CASE("without a server the commands that ask it say so", "[cli]") {
  auto url = "http://127.0.0.1:" + std::to_string(free_port());
  for (auto name : {"status", "series", "alerts", "quarantine", "ledger", "link"}) {
    auto done = run({name, "--url", url});
    INFO(name);
    CHECK(done.code == 1);
    CHECK(has(done.output, "is weir-central running"));
  }
  for (auto name : {"query", "windows"}) {
    auto done = run({name, "1", "--url", url});
    INFO(name);
    CHECK(done.code == 1);
    CHECK(has(done.output, "is weir-central running"));
  }
  CHECK(run({"query", "1 +", "--url", url}).code == 2); // Noticed here already.
  CHECK(run({"query", "1", "--at", "then", "--url", url}).code == 2);
  CHECK(run({"query", "1", "--step", "5s", "--url", url}).code == 2);
  auto checked = run({"check", "--url", url, "--seconds", "0"});
  CHECK(checked.code == 1);
  CHECK(has(checked.output, "FAILED"));
}
