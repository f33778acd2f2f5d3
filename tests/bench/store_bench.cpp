// How fast the centre stores the backlog of one edge: decoding blocks and committing
// them, without the network. Prints one line of JSON; keys: docs/benchmarks.md.
//
//   weir-bench-store [SECONDS] [SERIES] [COMMIT_RECORDS] [DIRECTORY] [BLOCK_SECONDS]
//   weir-bench-store codec [RECORDS_PER_BLOCK] [CSV_OR_FOLDER...]   (codec_bench.hpp)
//   weir-bench-store sealing [VALUE_BYTES]   (sealing_bench.hpp)
#include "storage/store.hpp"
#include "tests/bench/codec_bench.hpp"
#include "tests/bench/sealing_bench.hpp"
#include "transport/block_codec.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace weir;
using clock = std::chrono::steady_clock;

constexpr std::int64_t second_ns = 1'000'000'000;

struct setting {
  std::int64_t seconds = 8640; ///< A tenth of a day.
  std::uint32_t series = 100;
  std::size_t commit_records = 20'000;
  std::filesystem::path directory = "/tmp/weir-bench-store";
  std::int64_t block_seconds = 1;
};

/// Of this thread: does not count the disk, nor who else has the cores.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

/// What an edge with 1 s windows sends of `seconds` from `start_ns` on.
std::string make_block(const setting& x, std::int64_t start_ns, std::int64_t seconds) {
  static std::mt19937 random{1};
  analytics::record_block records;
  for (std::uint32_t i = 0; i < x.series; ++i)
    records.series.push_back("temperature{source=\"device-" + std::to_string(i)
                             + "\",line=\"" + std::to_string(i % 7) + "\"}");
  for (std::int64_t second = 0; second < seconds; ++second)
    for (std::uint32_t i = 0; i < x.series; ++i) {
      analytics::summary s;
      s.series = i;
      s.start_ns = start_ns + second * second_ns;
      s.width_ns = second_ns;
      s.count = 10;
      s.min = static_cast<double>(random() % 1000) / 7;
      s.max = s.min + static_cast<double>(random() % 100) / 3;
      s.mean = (s.min + s.max) / 2;
      s.sum = s.mean * 10;
      s.m2 = s.max - s.min;
      s.first = s.min;
      s.last = s.max;
      s.first_ns = s.start_ns + static_cast<std::int64_t>(random() % 1000);
      s.last_ns = s.first_ns + 900'000'000;
      records.summaries.push_back(s);
    }
  return transport::encode_block(records);
}

struct result {
  double decode_s = 0;
  double commit_s = 0;
  double commit_cpu_s = 0;
  std::uint64_t records = 0;
};

result run(storage::store& store, const setting& x) {
  result sum;
  std::uint64_t next_seq = 1;
  std::vector<storage::incoming_block> waiting;
  std::size_t waiting_records = 0;
  auto commit = [&] {
    auto start = clock::now();
    auto start_cpu_s = cpu_seconds();
    auto report = store.commit(waiting, second_ns);
    sum.commit_s += seconds_since(start);
    sum.commit_cpu_s += cpu_seconds() - start_cpu_s;
    if (!report)
      fail(report.error().message);
    waiting.clear();
    waiting_records = 0;
  };
  for (std::int64_t second = 0; second < x.seconds; second += x.block_seconds) {
    auto bytes
      = make_block(x, 1'700'000'000 * second_ns + second * second_ns, x.block_seconds);
    auto start = clock::now();
    auto records = transport::decode_block(bytes);
    sum.decode_s += seconds_since(start);
    if (!records)
      fail(records.error().message);
    auto count = records->record_count();
    waiting.push_back({.edge = "north",
                       .epoch = 7,
                       .run = 1,
                       .first_seq = next_seq,
                       .seq_span = count,
                       .records = std::move(*records)});
    next_seq += count;
    sum.records += count;
    waiting_records += count;
    if (waiting_records >= x.commit_records)
      commit();
  }
  commit();
  return sum;
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string{argv[1]} == "codec")
    return bench::run_codec_bench(argc - 2, argv + 2);
  if (argc > 1 && std::string{argv[1]} == "sealing")
    return bench::run_sealing_bench(argc - 2, argv + 2);
  setting x;
  if (argc > 1)
    x.seconds = std::atoll(argv[1]);
  if (argc > 2)
    x.series = static_cast<std::uint32_t>(std::atoll(argv[2]));
  if (argc > 3)
    x.commit_records = static_cast<std::size_t>(std::atoll(argv[3]));
  if (argc > 4)
    x.directory = argv[4];
  if (argc > 5)
    x.block_seconds = std::atoll(argv[5]);
  std::filesystem::remove_all(x.directory);
  auto store = storage::store::open({.directory = x.directory}, 1);
  if (!store)
    fail(store.error().message);
  auto sum = run(**store, x);
  auto records = static_cast<double>(sum.records);
  auto size = static_cast<double>((*store)->stats().size_bytes);
  std::printf("{\"bench\":\"store\",\"records\":%.0f,\"decode_records_per_s\":%.0f,"
              "\"commit_records_per_s\":%.0f,\"records_per_s\":%.0f,"
              "\"commit_cpu_us_per_record\":%.3f,\"bytes_per_record\":%.0f}\n",
              records, records / sum.decode_s, records / sum.commit_s,
              records / (sum.decode_s + sum.commit_s), 1e6 * sum.commit_cpu_s / records,
              size / records);
  store->reset();
  std::filesystem::remove_all(x.directory);
  return 0;
}
