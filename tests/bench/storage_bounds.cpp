#include "tests/bench/storage_bounds.hpp"

#include <CLI/CLI.hpp>

#include <cstring>
#include <filesystem>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

namespace weir::bench {

namespace {

struct bounds_options {
  std::filesystem::path directory;
  std::size_t mb = 512;
};

/// Writes `count` pieces, with a sync after each or only at the end; seconds, or below 0.
double write_seconds(const std::filesystem::path& file, const std::vector<char>& piece,
                     std::size_t count, bool sync_each, std::vector<double>* each_ms) {
  auto handle = ::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (handle < 0)
    return -1;
  auto is_good = true;
  auto begin = clock::now();
  for (std::size_t i = 0; i < count && is_good; ++i) {
    auto began = clock::now();
    is_good = ::write(handle, piece.data(), piece.size())
              == static_cast<ssize_t>(piece.size());
    if (sync_each)
      is_good = is_good && ::fdatasync(handle) == 0;
    if (each_ms != nullptr)
      each_ms->push_back(seconds_since(began) * 1e3);
  }
  is_good = is_good && ::fdatasync(handle) == 0;
  auto result = seconds_since(begin);
  ::close(handle);
  std::filesystem::remove(file);
  return is_good ? result : -1;
}

double memcpy_bytes_per_s() {
  std::vector<char> from(256 << 20, 'x');
  std::vector<char> to(from.size(), 'y');
  double best = 0;
  for (auto i = 0; i < 5; ++i) {
    auto begin = clock::now();
    std::memcpy(to.data(), from.data(), from.size());
    best = std::max(best, static_cast<double>(from.size()) / seconds_since(begin));
    from[0] = to[to.size() / 2]; // So that no copy is left out.
  }
  return best;
}

int run(const bounds_options& x) {
  std::filesystem::create_directories(x.directory);
  auto file = x.directory / "bound.bin";
  std::vector<char> large(1 << 20);
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>(i * 2654435761u >> 13);
  auto seconds = write_seconds(file, large, x.mb, false, nullptr);
  std::vector<double> sync_ms;
  auto synced = write_seconds(file, std::vector<char>(4096, 'x'), 200, true, &sync_ms);
  if (seconds < 0 || synced < 0)
    return fail("cannot write to " + file.string());
  result_line{"bounds"}
    .add("disk_write_bytes_per_s", static_cast<double>(x.mb << 20) / seconds)
    .add("sync_p50_ms", quantile(sync_ms, 0.5))
    .add("sync_p99_ms", quantile(sync_ms, 0.99))
    .add("memcpy_bytes_per_s", memcpy_bytes_per_s())
    .print();
  return 0;
}

} // namespace

void add_storage_bounds(CLI::App& parent, action& chosen) {
  auto options = std::make_shared<bounds_options>();
  auto* command = parent.add_subcommand("bounds", "What disk and memory can do.");
  command->add_option("--directory", options->directory)->required();
  command->add_option("--mb", options->mb)->capture_default_str();
  command->callback(
    [options, &chosen] { chosen = [options] { return run(*options); }; });
}

} // namespace weir::bench
