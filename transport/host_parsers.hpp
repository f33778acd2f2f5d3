// The kernel's text files as numbers: pure functions behind host_metrics, text
// in, numbers out. Nothing for text that is not what proc(5) says. Private to
// transport/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

/// The first line of /proc/stat: clock ticks of all cores since boot.
struct cpu_ticks {
  std::uint64_t busy = 0;
  std::uint64_t idle = 0;
  std::uint64_t iowait = 0;

  std::uint64_t total() const {
    return busy + idle + iowait;
  }
  bool operator==(const cpu_ticks&) const = default;
};
std::optional<cpu_ticks> parse_stat(std::string_view text);

/// The first number of /proc/loadavg.
std::optional<double> parse_loadavg(std::string_view text);

/// Of /proc/meminfo, in bytes.
struct memory_bytes {
  std::uint64_t total = 0;
  std::uint64_t available = 0;
  std::uint64_t swap_total = 0;
  std::uint64_t swap_free = 0;

  bool operator==(const memory_bytes&) const = default;
};
std::optional<memory_bytes> parse_meminfo(std::string_view text);

/// Bytes in two directions since boot: read and written, or received and sent.
struct device_bytes {
  std::string device;
  std::uint64_t in = 0;
  std::uint64_t out = 0;

  bool operator==(const device_bytes&) const = default;
};

/// /proc/diskstats, all devices and partitions. Lines that do not parse are
/// left out.
std::vector<device_bytes> parse_diskstats(std::string_view text);

/// /proc/net/dev without `lo`.
std::vector<device_bytes> parse_net_dev(std::string_view text);

/// A whole number in a file of its own, as /sys writes it.
std::optional<std::int64_t> parse_number(std::string_view text);

} // namespace weir::transport
