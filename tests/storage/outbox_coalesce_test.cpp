// A long outage in a small budget: coalescing keeps totals, extremes and quantiles, and
// every number stays accounted for.
#include "storage/outbox.hpp"

#include "analytics/aggregates.hpp"
#include "analytics/extended_aggregates.hpp"
#include "tests/storage/codec.hpp"
#include "tests/storage/small_disk.hpp"
#include "tests/storage/temp_directory.hpp"
#include "transport/block_codec.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace weir::storage;
using namespace weir::analytics;

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t begin_ns = 1'700'000'000 * second;

/// Windows to choose from, each with the values that made it and a sketch of them.
struct sample {
  summary window;
  std::vector<double> values;
};

std::vector<sample> make_samples(unsigned seed) {
  auto random = std::mt19937{seed};
  auto plan = parse_aggregates({"count", "p95"}).value();
  std::vector<sample> result(32);
  for (auto& x : result) {
    extended_aggregates sketch{plan};
    auto base = 10.0 + static_cast<double>(random() % 5000);
    for (int i = 0; i < 10; ++i) {
      // Multiples of a quarter: sums of them are exact.
      auto value = base + static_cast<double>(random() % 400) / 4;
      x.values.push_back(value);
      sketch.add(i * second, value);
    }
    auto& w = x.window;
    w.count = x.values.size();
    w.min = *std::min_element(x.values.begin(), x.values.end());
    w.max = *std::max_element(x.values.begin(), x.values.end());
    w.first = x.values.front();
    w.last = x.values.back();
    for (auto value : x.values)
      w.sum += value;
    w.mean = w.sum / 10;
    for (auto value : x.values)
      w.m2 += (value - w.mean) * (value - w.mean);
    sketch.encode(w.extended);
  }
  return result;
}

struct totals {
  std::uint64_t count = 0;
  double sum = 0.0;
  double min = INFINITY;
  double max = -INFINITY;

  void add(const summary& x) {
    count += x.count;
    sum += x.sum;
    min = std::min(min, x.min);
    max = std::max(max, x.max);
  }
  bool operator==(const totals&) const = default;
};

/// An edge that is cut off: one window of each series every 10 s.
struct outage {
  explicit outage(std::size_t series_count, std::size_t size_bytes_max)
    : series(series_count),
      config(weir::test::with_codec(directory / "outbox", size_bytes_max)) {
    config.coalesce_min_age_ns = hour / 6;
    for (std::size_t i = 0; i < series; ++i)
      names.push_back("temperature{source=machine-" + std::to_string(i) + "}");
    reopen();
  }

  void reopen() {
    uut.reset();
    uut = outbox::open(config, 1).value();
  }

  record_block windows(std::int64_t start_ns) {
    record_block result;
    result.series = names;
    for (series_id i = 0; i < series; ++i) {
      auto which = random() % samples.size();
      auto x = samples[which].window;
      x.series = i;
      x.start_ns = start_ns;
      x.width_ns = 10 * second;
      x.first_ns = start_ns;
      x.last_ns = start_ns + 9 * second;
      want[i].add(x);
      ++used[i][which];
      result.summaries.push_back(std::move(x));
    }
    return result;
  }

  void commit(const record_block& records,
              block_priority priority = block_priority::summary) {
    auto block
      = new_block{weir::transport::encode_block(records),
                  static_cast<std::uint32_t>(records.record_count()), priority};
    REQUIRE(uut->commit({&block, 1}, nullptr));
  }

  void run(std::int64_t from_ns, std::int64_t to_ns) {
    for (auto t = from_ns; t < to_ns; t += 10 * second)
      commit(windows(t));
  }

  /// Everything that waits, from a copy of the database: nothing is offered by that.
  std::vector<outbox_entry> look() {
    auto path = directory / "copy";
    std::filesystem::remove_all(path);
    std::filesystem::copy(config.directory, path);
    return outbox::open({path}, 1).value()->read_after(0, 1 << 30).value();
  }

  std::size_t series;
  weir::test::temp_directory directory;
  outbox_config config;
  std::unique_ptr<outbox> uut;
  std::vector<std::string> names;
  std::vector<sample> samples = make_samples(1);
  std::mt19937 random{2};
  std::map<series_id, totals> want;
  std::map<series_id, std::map<std::size_t, std::uint64_t>> used;
};

/// What came of the outage, as the centre would have it.
struct harvest {
  std::map<std::string, totals> got;
  std::map<std::string, summary> whole; ///< All windows of a series merged.
  std::uint64_t records = 0;
  std::uint64_t numbers = 0;
  std::uint64_t holes = 0;
  std::int64_t widest_ns = 0;
  std::size_t alerts = 0;

  explicit harvest(const std::vector<outbox_entry>& entries) {
    std::uint64_t next = 1;
    for (const auto& entry : entries) {
      CHECK(first_seq_of(entry) >= next);
      next = last_seq_of(entry) + 1;
      numbers += next - first_seq_of(entry);
      const auto* block = std::get_if<stored_block>(&entry);
      if (block == nullptr) {
        ++holes;
        continue;
      }
      auto decoded = weir::transport::decode_block(block->bytes);
      REQUIRE(decoded);
      CHECK(decoded->record_count() == block->record_count);
      CHECK(block->record_count <= block->seq_span);
      records += block->record_count;
      alerts += decoded->alerts.size();
      for (const auto& x : decoded->summaries) {
        const auto& name = decoded->series[x.series];
        got[name].add(x);
        widest_ns = std::max(widest_ns, x.width_ns);
        if (auto [at, is_new] = whole.try_emplace(name, x); !is_new)
          merge(at->second, x);
      }
    }
  }
};

/// The value at rank q of the values behind `used`.
double exact_quantile(const outage& from, series_id series, double q) {
  std::map<double, std::uint64_t> values;
  std::uint64_t total = 0;
  for (auto [which, times] : from.used.at(series))
    for (auto value : from.samples[which].values) {
      values[value] += times;
      total += times;
    }
  auto rank = static_cast<std::uint64_t>(q * static_cast<double>(total - 1));
  for (auto [value, times] : values) {
    if (rank < times)
      return value;
    rank -= times;
  }
  return NAN;
}

void check_outage(outage& x) {
  auto all = harvest{x.look()};
  auto stats = x.uut->stats();
  CHECK(stats.expired_records == 0);
  CHECK(all.holes == 0);
  CHECK(all.numbers == stats.next_seq - 1);
  CHECK(all.records == stats.records);
  CHECK(stats.records + stats.coalesced_records == stats.next_seq - 1);
  CHECK(stats.size_bytes <= x.config.size_bytes_max);
  auto p95 = parse_aggregate("p95").value();
  for (series_id i = 0; i < x.series; ++i) {
    const auto& name = x.names[i];
    CHECK(all.got[name] == x.want[i]);
    auto exact = exact_quantile(x, i, 0.95);
    CHECK(value_of(all.whole[name], p95) == Approx(exact).epsilon(0.0101));
  }
}

} // namespace

TEST_CASE("days of outage in a small budget keep totals, extremes and quantiles",
          "[coalesce]") {
  auto x = outage{20, 1 << 20};
  x.run(begin_ns, begin_ns + 48 * hour);
  CHECK(x.uut->stats().state == outbox_state::coalescing);
  CHECK(x.uut->stats().coalesced_records > 100'000);
  check_outage(x);
  x.reopen();
  x.run(begin_ns + 48 * hour, begin_ns + 50 * hour);
  check_outage(x);
}

// 5.2 million windows: minutes. Run by name.
TEST_CASE("a month of outage in a small budget keeps totals, extremes and quantiles",
          "[.slow]") {
  auto x = outage{20, 4 << 20};
  x.run(begin_ns, begin_ns + 30 * 24 * hour);
  check_outage(x);
  auto all = harvest{x.look()};
  WARN("records " << all.records << ", widest " << all.widest_ns / second
                  << " s, bytes " << x.uut->stats().size_bytes);
}

TEST_CASE("coalescing begins at 80 percent, with the oldest, and leaves what is young",
          "[coalesce]") {
  auto x = outage{4, 1 << 20};
  auto t = begin_ns;
  for (; x.uut->stats().level_percent < 78; t += 10 * second)
    x.commit(x.windows(t));
  CHECK(x.uut->stats().state == outbox_state::ok);
  CHECK(x.uut->stats().coalesced_records == 0);
  for (; x.uut->stats().coalesced_records == 0 && t < begin_ns + 24 * hour;
       t += 10 * second)
    x.commit(x.windows(t));
  CHECK(x.uut->stats().level_percent < 80);
  auto entries = x.look();
  std::size_t young = 0;
  for (const auto& entry : entries) {
    const auto& block = std::get<stored_block>(entry);
    auto records = weir::transport::decode_block(block.bytes).value();
    for (const auto& w : records.summaries)
      if (w.start_ns + w.width_ns > t - hour / 6) {
        CHECK(w.width_ns == 10 * second);
        ++young;
      }
  }
  CHECK(young == 60 * 4);
  const auto& oldest = std::get<stored_block>(entries.front());
  CHECK(oldest.seq_span > oldest.record_count);
  CHECK(oldest.bytes.size() > 10'000); // Small blocks became large ones.
  CHECK(oldest.bytes.size() <= 64 << 10);
}

TEST_CASE("what may be at the centre is not coalesced, also after a restart",
          "[coalesce]") {
  auto x = outage{4, 1 << 20};
  auto t = begin_ns;
  for (; x.uut->stats().level_percent < 30; t += 10 * second)
    x.commit(x.windows(t));
  auto sent = x.uut->read_after(0, 200'000).value();
  REQUIRE(sent.size() > 50);
  x.reopen();
  for (; t < begin_ns + 24 * hour; t += 10 * second)
    x.commit(x.windows(t));
  CHECK(x.uut->stats().coalesced_records > 0);
  auto entries = x.look();
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const auto& before = std::get<stored_block>(sent[i]);
    const auto& now = std::get<stored_block>(entries.at(i));
    REQUIRE(now.first_seq == before.first_seq);
    REQUIRE(now.bytes == before.bytes);
  }
  check_outage(x);
  // Once it is acknowledged the rest goes on as ever.
  REQUIRE(x.uut->acknowledge(last_seq_of(sent.back())));
  CHECK(first_seq_of(x.uut->read_after(0, 1).value().front())
        == last_seq_of(sent.back()) + 1);
}

TEST_CASE("alerts survive coalescing in blocks of their own", "[coalesce]") {
  auto x = outage{10, 1 << 20};
  std::size_t alerts = 0;
  for (auto t = begin_ns; t < begin_ns + 24 * hour; t += 10 * second) {
    x.commit(x.windows(t));
    if ((t - begin_ns) % (200 * second) == 0) {
      record_block fired;
      fired.series = {x.names[0]};
      fired.alerts.resize(1);
      fired.alerts[0].id = "0123456789abcdef";
      fired.alerts[0].start_ns = fired.alerts[0].updated_ns = t;
      x.commit(fired, block_priority::alert);
      ++alerts;
    }
  }
  check_outage(x);
  CHECK(harvest{x.look()}.alerts == alerts);
  CHECK(x.uut->stats().size_bytes_by_priority[2] > 0);
}

TEST_CASE("blocks of different runs are not merged", "[coalesce]") {
  auto x = outage{10, 1 << 20};
  std::uint64_t run_began = 0;
  for (auto t = begin_ns; t < begin_ns + 24 * hour; t += 10 * second) {
    if (t == begin_ns + 2 * hour) {
      REQUIRE(x.uut->begin_run());
      run_began = x.uut->stats().next_seq;
    }
    x.commit(x.windows(t));
  }
  check_outage(x);
  auto entries = x.look();
  for (const auto& entry : entries) {
    const auto& block = std::get<stored_block>(entry);
    CHECK((block.last_seq() < run_began || block.first_seq >= run_began));
    CHECK(block.run == (block.first_seq < run_began ? 1 : 2));
  }
}

TEST_CASE("blocks that cannot be decoded stay and stop nothing", "[coalesce]") {
  auto x = outage{10, 1 << 20};
  std::vector<std::uint64_t> strange;
  for (auto t = begin_ns; t < begin_ns + 24 * hour; t += 10 * second) {
    x.commit(x.windows(t));
    if ((t - begin_ns) % hour == 0) {
      auto block = new_block{"of another version", 3};
      strange.push_back(x.uut->commit({&block, 1}, nullptr).value());
    }
  }
  auto stats = x.uut->stats();
  CHECK(stats.expired_records == 0);
  CHECK(stats.coalesced_records > 20'000);
  std::vector<std::uint64_t> found;
  auto entries = x.look();
  for (const auto& entry : entries)
    if (std::get<stored_block>(entry).bytes == "of another version")
      found.push_back(first_seq_of(entry));
  CHECK(found == strange);
}

TEST_CASE("when coalescing is exhausted, blocks expire, and all numbers stay known",
          "[coalesce]") {
  auto x = outage{20, 100 << 10};
  x.run(begin_ns, begin_ns + 24 * hour);
  auto stats = x.uut->stats();
  CHECK(stats.expired_records > 0);
  auto all = harvest{x.look()};
  CHECK(all.numbers == stats.next_seq - 1);
  CHECK(stats.records + stats.coalesced_records + stats.expired_records
        == stats.next_seq - 1);
  CHECK(stats.hole_numbers == stats.expired_records);
}

TEST_CASE("very many small blocks are put together, their records stay as they are",
          "[coalesce]") {
  auto x = outage{1, 64 << 20};
  x.config.blocks_packed_above = 200;
  x.reopen();
  auto sent = std::uint64_t{0};
  for (auto t = begin_ns; t < begin_ns + 10 * hour; t += 10 * second) {
    x.commit(x.windows(t));
    if (x.uut->stats().next_seq == 101)
      sent = last_seq_of(x.uut->read_after(0, 1 << 20).value().back());
  }
  auto stats = x.uut->stats();
  CHECK(stats.blocks < 320); // 100 of them are offered.
  CHECK(stats.records == 3600);
  CHECK(stats.coalesced_records == 0);
  CHECK(sent == 100);
  check_outage(x);
  CHECK(harvest{x.look()}.widest_ns == 10 * second);
}

TEST_CASE("on a full disk what waits is coalesced before anything is shed",
          "[coalesce][disk]") {
  weir::test::small_disk disk;
  if (!disk.mounted())
    return;
  auto x = outage{20, 64 << 20};
  x.config.directory = disk.path() / "outbox";
  x.config.coalesce_min_age_ns = 0;
  x.reopen();
  auto t = begin_ns;
  for (; x.uut->stats().size_bytes < 500'000; t += 10 * second)
    x.commit(x.windows(t));
  disk.fill();
  for (auto end = t + 2 * hour; t < end; t += 10 * second)
    x.commit(x.windows(t));
  auto stats = x.uut->stats();
  CHECK(stats.shed_records == 0);
  CHECK(stats.coalesced_records > 10'000);
  CHECK(stats.records + stats.coalesced_records == stats.next_seq - 1);
}

TEST_CASE("with very many series a step takes as much as it needs to find neighbours",
          "[coalesce]") {
  auto x = outage{3000, 6 << 20};
  x.config.coalesce_min_age_ns = 0;
  x.reopen();
  auto quarters
    = [&x](unsigned count) { return static_cast<double>(x.random() % count) / 4; };
  totals want;
  for (int round = 0; round < 60; ++round) {
    auto start_ns = begin_ns + round * 10 * second;
    record_block records;
    records.series = x.names;
    for (series_id i = 0; i < x.series; ++i) { // Plain ones, all different.
      summary w;
      w.series = i;
      w.start_ns = start_ns;
      w.width_ns = 10 * second;
      w.count = 10;
      w.min = quarters(1000);
      w.max = 1000 + quarters(100'000);
      w.sum = 5000 + quarters(1'000'000);
      w.mean = w.sum / 10;
      w.m2 = quarters(1'000'000);
      w.first_ns = start_ns + static_cast<std::int64_t>(x.random() % second);
      w.last_ns
        = start_ns + 9 * second + static_cast<std::int64_t>(x.random() % second);
      want.add(w);
      records.summaries.push_back(std::move(w));
    }
    x.commit(records);
  }
  auto stats = x.uut->stats();
  CHECK(stats.expired_records == 0);
  CHECK(stats.coalesced_records > 50'000);
  totals got;
  auto all = harvest{x.look()};
  for (const auto& [name, sums] : all.got) {
    got.count += sums.count;
    got.sum += sums.sum;
    got.min = std::min(got.min, sums.min);
    got.max = std::max(got.max, sums.max);
  }
  CHECK(got == want);
  CHECK(all.numbers == 180'000);
}

TEST_CASE("what is coalesced while another thread sends arrives whole and once",
          "[coalesce]") {
  auto x = outage{4, 64 << 10};
  x.config.coalesce_min_age_ns = 0;
  x.config.blocks_packed_above = 50;
  x.reopen();
  std::atomic<bool> is_done = false;
  std::map<std::string, totals> got;
  std::uint64_t at = 0;
  bool in_order = true;
  auto take = [&](std::size_t size_max) {
    auto entries = x.uut->read_after(at, size_max).value();
    for (const auto& entry : entries) {
      in_order = in_order && first_seq_of(entry) == at + 1;
      at = last_seq_of(entry);
      auto records
        = weir::transport::decode_block(std::get<stored_block>(entry).bytes).value();
      for (const auto& s : records.summaries)
        got[records.series[s.series]].add(s);
    }
    return !entries.empty();
  };
  auto sender = std::thread{[&] {
    for (int i = 0; !is_done; ++i) {
      take(5'000);
      if (i % 5 == 4)
        static_cast<void>(x.uut->acknowledge(at));
      auto so_many = x.uut->stats().next_seq + 1'000; // Then it falls behind.
      while (!is_done && x.uut->stats().next_seq < so_many)
        std::this_thread::yield();
    }
  }};
  x.run(begin_ns, begin_ns + 12 * hour);
  is_done = true;
  sender.join();
  auto stats = x.uut->stats();
  while (take(1 << 20))
    continue;
  CHECK(in_order);
  CHECK(stats.coalesced_records > 0);
  CHECK(stats.expired_records == 0);
  for (series_id i = 0; i < x.series; ++i)
    CHECK(got[x.names[i]] == x.want[i]);
}
