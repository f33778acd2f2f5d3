#include "tests/bench/windows_actors.hpp"

#include "actors/shard_actor.hpp"
#include "actors/system.hpp"
#include "tests/bench/measure.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace weir::bench {

namespace {

using namespace actors;
using namespace std::chrono_literals;

constexpr std::size_t batch_events = 512;
constexpr std::size_t series_count = 1000;

/// Takes what a shard closes, as the outbox writer would, but keeps only the count.
outbox_writer_actor::behavior_type
counting_writer(outbox_writer_actor::pointer, std::shared_ptr<writer_backlog> backlog) {
  return {
    [backlog](const shard_records& x) { *backlog -= record_bytes(*x.records); },
    [](const rejection_batch&) {},
    [](const shard_cut&) {},
    [](commit) {},
    [](finish) { return outcome{}; },
  };
}

struct node {
  explicit node(std::size_t shards) : table(10'000, shards), runtime(shards) {
    analytics::stream_config config;
    config.detector.enabled = false;
    auto program = *analytics::stream_program::compile(config);
    auto writer = runtime.get().spawn(counting_writer, backlog);
    outlet = writer;
    for (std::size_t i = 0; i < shards; ++i) {
      shard_parts x;
      x.core = std::make_shared<analytics::shard>(program, table, i);
      x.gauge = std::make_shared<shard_gauge>();
      x.backlog = backlog;
      x.number = i;
      x.routed = std::make_shared<routed_backlog>();
      x.peers = peers;
      x.series = &table;
      x.inbox = std::make_shared<shard_inbox>(
        shard_inbox_config{}, [this, i](shard_inbox::wake when) {
          if (when == shard_inbox::wake::now)
            caf::anon_send((*peers)[i], drain_v);
          else
            caf::delayed_anon_send((*peers)[i], 2ms, drain_v);
        });
      parts.push_back(x);
      peers->push_back(runtime.get().spawn(shard_behavior, shard_actor_config{}, x,
                                           writer, alert_publisher_actor{}));
    }
  }
  ~node() {
    for (auto& x : *peers)
      caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(outlet, caf::exit_reason::user_shutdown);
    peers->clear();
    outlet = nullptr;
  }

  std::uint64_t taken() const {
    std::uint64_t result = 0;
    for (const auto& x : parts)
      result += x.gauge->get().events;
    return result;
  }

  analytics::series_table table;
  std::shared_ptr<writer_backlog> backlog = std::make_shared<writer_backlog>();
  std::shared_ptr<std::vector<shard_actor>> peers
    = std::make_shared<std::vector<shard_actor>>();
  std::vector<shard_parts> parts;
  actor_runtime runtime;
  outbox_writer_actor outlet;
};

/// Decoded batches, as an event port has them before it hands over.
std::vector<analytics::event> make_batches(analytics::series_table& table,
                                           std::size_t events) {
  std::vector<analytics::series_id> ids;
  for (std::size_t i = 0; i < series_count; ++i) {
    std::string text;
    analytics::append_canonical(
      text,
      {"metric-" + std::to_string(i % 10), "device-" + std::to_string(i / 10), {}});
    ids.push_back(*table.intern(text));
  }
  std::mt19937_64 random{1};
  std::vector<analytics::event> result(events);
  for (auto& x : result) {
    x.series = ids[random() % ids.size()];
    x.value = static_cast<double>(random() % 1000);
  }
  return result;
}

} // namespace

double actors_meps(std::size_t events) {
  auto shards = std::max(2u, std::thread::hardware_concurrency());
  node uut{shards};
  auto batches = make_batches(uut.table, 1 << 20);
  std::vector<std::vector<analytics::event>> staged(shards);
  std::int64_t time_ns = 1'790'000'000'000'000'000;
  auto feed = [&](std::size_t count) {
    for (std::size_t done = 0; done < count; done += batch_events) {
      const auto* batch = batches.data() + done % batches.size();
      for (std::size_t i = 0; i < batch_events; ++i) {
        auto x = batch[i];
        x.time_ns = time_ns += 10'000;
        staged[uut.table.shard_of(x.series)].push_back(x);
      }
      for (std::size_t i = 0; i < shards; ++i) {
        uut.parts[i].inbox->push(staged[i]);
        staged[i].clear();
      }
    }
  };
  auto wait_for = [&](std::uint64_t count) {
    while (uut.taken() < count)
      std::this_thread::yield();
  };
  events = events / batch_events * batch_events;
  feed(batches.size());
  wait_for(batches.size());
  auto start = clock::now();
  feed(events);
  wait_for(batches.size() + events);
  return static_cast<double>(events) / seconds_since(start) / 1e6;
}

} // namespace weir::bench
