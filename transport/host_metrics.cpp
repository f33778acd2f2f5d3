#include "transport/host_metrics.hpp"

#include "transport/host_parsers.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

namespace weir::transport {

namespace {

namespace fs = std::filesystem;
using dimensions = std::vector<std::pair<std::string, std::string>>;

// A machine has far fewer; a broken one must not fill our memory.
constexpr std::size_t devices_max = 64;
constexpr std::streamsize file_bytes_max = 1 << 20;

/// Reads a file of /proc or /sys, whose size is only known by reading.
std::optional<std::string> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return std::nullopt;
  std::string text;
  std::string part(4096, '\0');
  while (in.read(part.data(), static_cast<std::streamsize>(part.size()))
         || in.gcount() > 0) {
    text.append(part.data(), static_cast<std::size_t>(in.gcount()));
    if (static_cast<std::streamsize>(text.size()) > file_bytes_max)
      return std::nullopt;
  }
  return text;
}

std::string read_word(const fs::path& file) {
  auto text = read_file(file).value_or("");
  text.resize(std::min(text.size(), text.find_first_of(" \t\r\n")));
  return text;
}

/// Entries of a folder whose names start with `prefix`, by name; empty if the
/// folder is missing.
std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> result;
  std::error_code error;
  for (fs::directory_iterator i(folder, error), end; !error && i != end;
       i.increment(error))
    if (i->path().filename().string().starts_with(prefix)
        && result.size() < devices_max)
      result.push_back(i->path());
  std::ranges::sort(result);
  return result;
}

double percent(double part, double whole) {
  return whole > 0.0 ? std::clamp(part / whole * 100.0, 0.0, 100.0) : 0.0;
}

} // namespace

struct host_metrics::impl {
  using counters = std::map<std::string, device_bytes>;

  void read_cpu();
  void read_memory();
  void read_disks();
  void read_networks();
  void read_filesystem();
  void read_temperatures();
  void add_temperature(const fs::path& file, std::string name);
  void add_rates(counters& before, std::vector<device_bytes> now,
                 std::string_view dimension, std::string_view metric_in,
                 std::string_view metric_out);
  bool is_physical_disk(const std::string& device) const;
  void add(std::string_view metric, double value, dimensions named = {});

  fs::path root;
  std::vector<host_sample> samples;
  std::optional<cpu_ticks> ticks_before;
  counters disks_before;
  counters networks_before;
  double seconds = 0.0; // Since the reading before; 0 for the first.
  std::optional<std::int64_t> read_before_ns;
};

void host_metrics::impl::add(std::string_view metric, double value, dimensions named) {
  samples.push_back({std::string{metric}, std::move(named), value});
}

void host_metrics::impl::read_cpu() {
  if (auto text = read_file(root / "proc/loadavg"))
    if (auto load = parse_loadavg(*text))
      add("load_1m", *load);
  auto text = read_file(root / "proc/stat");
  auto now = text ? parse_stat(*text) : std::nullopt;
  if (!now)
    return;
  auto before = std::exchange(ticks_before, now);
  // The kernel lets idle and iowait step back by a tick at times, and a
  // container that moved starts anew: then there is no rate this once.
  if (!before || now->busy < before->busy || now->idle < before->idle
      || now->iowait < before->iowait || now->total() == before->total())
    return;
  auto total = static_cast<double>(now->total() - before->total());
  add("cpu_percent", percent(static_cast<double>(now->busy - before->busy), total));
  add("cpu_iowait_percent",
      percent(static_cast<double>(now->iowait - before->iowait), total));
}

void host_metrics::impl::read_memory() {
  auto text = read_file(root / "proc/meminfo");
  auto memory = text ? parse_meminfo(*text) : std::nullopt;
  if (!memory)
    return;
  auto share_used = [](std::uint64_t total, std::uint64_t free) {
    return percent(static_cast<double>(total - std::min(free, total)),
                   static_cast<double>(total));
  };
  add("memory_used_percent", share_used(memory->total, memory->available));
  add("memory_available_bytes", static_cast<double>(memory->available));
  if (memory->swap_total > 0)
    add("swap_used_percent", share_used(memory->swap_total, memory->swap_free));
}

bool host_metrics::impl::is_physical_disk(const std::string& device) const {
  for (std::string_view prefix : {"loop", "ram", "zram", "dm-", "md", "sr", "fd"})
    if (device.starts_with(prefix))
      return false;
  // /sys/block names whole disks only; a partition is a folder inside its
  // disk's.
  std::error_code error;
  return fs::exists(root / "sys/block" / device, error);
}

void host_metrics::impl::add_rates(counters& before, std::vector<device_bytes> now,
                                   std::string_view dimension,
                                   std::string_view metric_in,
                                   std::string_view metric_out) {
  counters after;
  for (auto& x : now) {
    if (after.size() >= devices_max)
      break;
    auto old = before.find(x.device);
    auto add_rate = [&](std::string_view metric, std::uint64_t from, std::uint64_t to) {
      if (to >= from && seconds > 0.0) // Else: plugged in anew, or reset.
        add(metric, static_cast<double>(to - from) / seconds,
            {{std::string{dimension}, x.device}});
    };
    if (old != before.end()) {
      add_rate(metric_in, old->second.in, x.in);
      add_rate(metric_out, old->second.out, x.out);
    }
    after.insert_or_assign(x.device, x);
  }
  before = std::move(after);
}

void host_metrics::impl::read_disks() {
  // Without the file the list is empty, and no rate spans the gap.
  auto disks = parse_diskstats(read_file(root / "proc/diskstats").value_or(""));
  std::erase_if(disks,
                [this](const device_bytes& x) { return !is_physical_disk(x.device); });
  add_rates(disks_before, std::move(disks), "device", "disk_read_bytes_per_s",
            "disk_write_bytes_per_s");
}

void host_metrics::impl::read_networks() {
  add_rates(networks_before,
            parse_net_dev(read_file(root / "proc/net/dev").value_or("")), "interface",
            "network_receive_bytes_per_s", "network_transmit_bytes_per_s");
}

void host_metrics::impl::read_filesystem() {
  struct statvfs info {};
  if (::statvfs(root.c_str(), &info) != 0 || info.f_blocks == 0)
    return;
  // As df(1) counts: blocks reserved for root are neither used nor free.
  auto used = static_cast<double>(info.f_blocks - info.f_bfree);
  auto usable = used + static_cast<double>(info.f_bavail);
  add("filesystem_used_percent", percent(used, usable), {{"path", "/"}});
}

void host_metrics::impl::add_temperature(const fs::path& file, std::string name) {
  auto text = read_file(file);
  auto millidegrees = text ? parse_number(*text) : std::nullopt;
  if (millidegrees)
    add("temperature_celsius", static_cast<double>(*millidegrees) / 1000.0,
        {{"sensor", std::move(name)}});
}

void host_metrics::impl::read_temperatures() {
  for (const auto& zone : entries(root / "sys/class/thermal", "thermal_zone")) {
    auto name = zone.filename().string();
    auto type = read_word(zone / "type");
    add_temperature(zone / "temp", type.empty() ? name : name + ":" + type);
  }
  for (const auto& chip : entries(root / "sys/class/hwmon", "hwmon")) {
    auto chip_name = chip.filename().string();
    auto type = read_word(chip / "name");
    if (!type.empty())
      chip_name += ":" + type;
    for (const auto& input : entries(chip, "temp")) {
      auto file = input.filename().string();
      constexpr std::string_view ending = "_input";
      if (file.ends_with(ending))
        add_temperature(input,
                        chip_name + ":" + file.substr(0, file.size() - ending.size()));
    }
  }
}

host_metrics::host_metrics(std::filesystem::path root)
  : impl_(std::make_unique<impl>()) {
  impl_->root = std::move(root);
}

host_metrics::~host_metrics() = default;

std::vector<host_sample> host_metrics::read(std::int64_t now_ns) {
  auto before = std::exchange(impl_->read_before_ns, now_ns);
  impl_->seconds
    = before && now_ns > *before ? static_cast<double>(now_ns - *before) / 1e9 : 0.0;
  impl_->samples.clear();
  impl_->read_cpu();
  impl_->read_memory();
  impl_->read_filesystem();
  impl_->read_disks();
  impl_->read_networks();
  impl_->read_temperatures();
  return std::move(impl_->samples);
}

} // namespace weir::transport
