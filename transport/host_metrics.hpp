// The machine's own metrics from /proc and /sys: CPU, memory, disk, network and
// temperatures where there are any. Rates need two readings, so the first
// read() gives only the absolute ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace weir::transport {

struct host_sample {
  std::string metric; ///< e.g. "cpu_percent", "memory_used_percent"
  std::vector<std::pair<std::string, std::string>> dimensions; ///< e.g. device
  double value = 0.0;
};

class host_metrics {
public:
  /// `root` is where proc/ and sys/ stand: "/" on a machine, a fixture in
  /// tests.
  explicit host_metrics(std::filesystem::path root = "/");
  ~host_metrics();

  /// Reads all. `now_ns` is any monotonic clock; a file that is missing or does
  /// not parse leaves its metrics out and never fails the rest.
  std::vector<host_sample> read(std::int64_t now_ns);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace weir::transport
