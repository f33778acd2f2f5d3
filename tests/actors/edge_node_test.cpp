// EDGE NODE: the whole edge in one process, fed over a real ZeroMQ socket: starts
// without centre and broker, saves its windows at a stop, takes them up at a start.
#include "actors/edge_node.hpp"

#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"
#include "transport/block_codec.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <variant>

using namespace weir::actors;
using namespace std::chrono_literals;

namespace {

struct fixture {
  weir::test::temp_dir dir;

  edge_node_config config() {
    edge_node_config result;
    result.name = "test";
    result.shards = 2;
    result.outbox.directory = dir.path() / "outbox";
    result.journal.files.directory = dir.path() / "journal";
    result.journal.files.size_bytes_max = 8 << 20;
    result.uplink_enabled = false;
    result.stream.event_time.out_of_orderness_ns = 0;
    result.stream.event_time.idle_timeout_ns = 3'600'000'000'000;
    zmq_source_config source;
    source.name = "zmq";
    source.zmq.router_endpoint = "tcp://127.0.0.1:*";
    result.zmq_sources.push_back(source);
    return result;
  }

  static void send(const edge_node& node, const std::vector<std::string>& payloads) {
    auto publisher = weir::transport::zmq_publisher::connect(
      {.endpoint = node.zmq_endpoints().at(0).router, .keys = {}});
    REQUIRE(publisher);
    for (const auto& x : payloads)
      REQUIRE((*publisher)->send(x, 5s));
    REQUIRE((*publisher)->drain(5s));
  }

  static std::string event(std::int64_t time_s, double value) {
    return R"({"type":"m","source":"a","value":)" + std::to_string(value)
           + R"(,"timestamp":)" + std::to_string(1'700'000'000 + time_s) + "}";
  }

  std::vector<weir::analytics::summary> stored() {
    return stored_in(dir.path());
  }
  static std::vector<weir::analytics::summary>
  stored_in(const std::filesystem::path& data) {
    auto outbox = weir::storage::outbox::open({data / "outbox"}, 0);
    REQUIRE(outbox);
    std::vector<weir::analytics::summary> result;
    auto blocks = (*outbox)->read_after(0, 1 << 24);
    REQUIRE(blocks);
    for (const auto& x : *blocks) {
      auto records
        = weir::transport::decode_block(std::get<weir::storage::stored_block>(x).bytes);
      REQUIRE(records);
      result.insert(result.end(), records->summaries.begin(), records->summaries.end());
    }
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a stop in the middle of a window loses nothing of it",
                 "[actors]") {
  {
    auto node = edge_node::start(config());
    REQUIRE(node);
    send(**node, {event(0, 1.0), event(3, 2.0)});
    CHECK((*node)->stop(4s).empty());
  }
  {
    auto node = edge_node::start(config());
    REQUIRE(node);
    send(**node, {event(5, 3.0), event(10, 4.0)});
    CHECK((*node)->stop(4s).empty());
  }
  auto summaries = stored();
  REQUIRE(summaries.size() == 1);
  CHECK(summaries[0].count == 3);
  CHECK(summaries[0].sum == 6.0);
}

TEST_CASE_METHOD(fixture,
                 "what is acknowledged is there after a crash at any moment, once, and "
                 "the summaries are those of an undisturbed run",
                 "[actors]") {
  auto node = edge_node::start(config());
  REQUIRE(node);
  std::vector<std::filesystem::path> crashes;
  for (int i = 0; i < 5; ++i) {
    send(**node, {event(i * 4, i), event(i * 4 + 1, -i)});
    // What kill -9 would leave.
    crashes.push_back(dir.path() / ("crash-" + std::to_string(i)));
    std::filesystem::create_directory(crashes.back());
    for (const auto* name : {"outbox", "journal"})
      std::filesystem::copy(dir.path() / name, crashes.back() / name);
  }
  send(**node, {event(100, 0.0)});
  CHECK((*node)->stop(4s).empty());
  node->reset();
  auto undisturbed = stored();
  REQUIRE(undisturbed.size() == 2);
  for (std::size_t i = 0; i < crashes.size(); ++i) {
    auto after = config();
    after.outbox.directory = crashes[i] / "outbox";
    after.journal.files.directory = crashes[i] / "journal";
    auto again = edge_node::start(after);
    REQUIRE(again);
    // The sender repeats what it is not sure of; then goes on.
    for (auto k = static_cast<int>(i); k < 5; ++k)
      send(**again, {event(k * 4, k), event(k * 4 + 1, -k)});
    send(**again, {event(100, 0.0)});
    auto ledger = (*again)->status().ledger;
    CHECK(ledger.duplicate == 2);
    CHECK(ledger.violations == 0);
    CHECK((*again)->status().run == 1);
    CHECK((*again)->stop(4s).empty());
    again->reset();
    CHECK(stored_in(crashes[i]) == undisturbed);
  }
}

TEST_CASE_METHOD(fixture, "a damaged checkpoint or journal does not stop the start",
                 "[actors]") {
  {
    auto node = edge_node::start(config());
    REQUIRE(node);
    send(**node, {event(0, 1.0)});
    CHECK((*node)->stop(4s).empty());
  }
  SECTION("the journal") {
    for (const auto& x : std::filesystem::directory_iterator{dir.path() / "journal"})
      if (x.path().extension() == ".seg")
        std::ofstream{x.path(), std::ios::in | std::ios::out} << "this is no header";
    auto node = edge_node::start(config());
    REQUIRE(node);
    CHECK((*node)->status().ledger.files_set_aside > 0);
    send(**node, {event(5, 2.0)});
  }
  SECTION("the database") {
    std::ofstream{dir.path() / "outbox" / "data.mdb"} << "this is no database";
    auto node = edge_node::start(config());
    REQUIRE(node);
    CHECK((*node)->status().ledger.files_set_aside == 1);
    send(**node, {event(5, 2.0)});
  }
}

TEST_CASE_METHOD(fixture, "the status counts what came in and what was rejected",
                 "[actors]") {
  auto node = edge_node::start(config());
  REQUIRE(node);
  send(**node, {event(0, 1.0), "not json", event(60, 1.0)});
  REQUIRE(
    weir::test::wait_until([&] { return (*node)->status().outbox_records >= 2; }, 5s));
  auto status = (*node)->status();
  CHECK(status.events_total == 2);
  CHECK(status.rejected_total == 1);
  CHECK(status.run == 1);
  CHECK(status.epoch != 0);
  CHECK(status.rss_bytes > 0);
}

TEST_CASE_METHOD(fixture, "the status tells what streams did with the events",
                 "[actors]") {
  auto x = config();
  x.ingest.restamp_future = true;
  x.stream.filters.push_back({.where = "value < 100"});
  weir::analytics::derive_config twice;
  twice.metric = "twice";
  twice.value = "2 * m";
  x.stream.derives.push_back(twice);
  auto node = edge_node::start(x);
  REQUIRE(node);
  // The last is centuries ahead of any clock: it gets the time of its arrival.
  send(**node, {event(0, 1.0), event(1, 100.0), event(1'000'000'000, 2.0)});
  REQUIRE(weir::test::wait_until(
    [&] {
      auto status = (*node)->status();
      return status.derived_total == 2 && status.state_bytes > 0;
    },
    5s));
  auto status = (*node)->status();
  CHECK(status.events_total == 3);
  CHECK(status.filtered_total == 1);
  CHECK(status.series_known == 2);
  CHECK(status.restamped_total == 1);
  CHECK(status.revisions_total == 0);
  CHECK(status.evicted_total == 0);
  CHECK(status.held_events == 0);
  CHECK(status.clock_jumps_total == 0);
}

TEST_CASE_METHOD(fixture, "settings that cannot work are refused with a sentence",
                 "[actors]") {
  auto bad = config();
  bad.zmq_sources.push_back(bad.zmq_sources[0]);
  auto node = edge_node::start(bad);
  REQUIRE_FALSE(node);
  CHECK(node.error().find("name") != std::string::npos);
  auto remote = config();
  remote.zmq_sources[0].zmq.router_endpoint = "tcp://0.0.0.0:*";
  CHECK_FALSE(edge_node::start(remote));
  auto endless = config();
  endless.writer.checkpoints = false;
  CHECK_FALSE(edge_node::start(endless));
}

TEST_CASE_METHOD(fixture, "a second edge on the same folder is refused", "[actors]") {
  auto first = edge_node::start(config());
  REQUIRE(first);
  auto second = edge_node::start(config());
  REQUIRE_FALSE(second);
  CHECK_FALSE(second.error().empty());
}
