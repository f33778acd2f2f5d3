#include "transport/host_metrics.hpp"
#include "transport/host_parsers.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

using namespace weir::transport;

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t s = 1'000'000'000;

constexpr auto meminfo = "MemTotal:        8000 kB\nMemFree:  100 kB\n"
                         "MemAvailable:    2000 kB\nSwapTotal:  1000 kB\n"
                         "SwapFree:         750 kB\n";

std::string net_dev(std::uint64_t received, std::uint64_t sent) {
  return "Inter-|   Receive                |  Transmit\n"
         " face |bytes packets errs drop fifo frame compressed "
         "multicast|bytes\n"
         "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
         "  eth0:"
         + std::to_string(received) + " 1 0 0 0 0 0 0 " + std::to_string(sent)
         + " 1 0 0 0 0 0 0\n";
}

std::string diskstats(std::uint64_t sectors_read, std::uint64_t sectors_written) {
  auto line = [&](const std::string& name) {
    return " 8 0 " + name + " 10 0 " + std::to_string(sectors_read) + " 5 20 0 "
           + std::to_string(sectors_written) + " 7 0 9 9 0 0 0 0\n";
  };
  return line("sda") + line("sda1") + line("loop0") + line("dm-0") + line("nvme0n1");
}

/// A machine as files, removed at the end.
class fake_machine {
public:
  fake_machine() {
    std::string name = (fs::temp_directory_path() / "weir-host-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
    for (auto disk : {"sda", "loop0", "dm-0", "nvme0n1"})
      fs::create_directories(root / "sys/block" / disk);
  }
  ~fake_machine() {
    std::error_code error;
    fs::remove_all(root, error);
  }
  fake_machine(const fake_machine&) = delete;
  fake_machine& operator=(const fake_machine&) = delete;

  void write(const fs::path& file, const std::string& text) const {
    fs::create_directories((root / file).parent_path());
    std::ofstream(root / file) << text;
  }

  fs::path root;
};

/// The value of the one sample with this metric and, if given, dimension value.
std::optional<double> find(const std::vector<host_sample>& samples,
                           std::string_view metric, std::string_view named = {}) {
  auto fits = [&](const host_sample& x) {
    return x.metric == metric
           && (named.empty()
               || (x.dimensions.size() == 1 && x.dimensions[0].second == named));
  };
  CHECK(std::ranges::count_if(samples, fits) <= 1);
  auto i = std::ranges::find_if(samples, fits);
  return i == samples.end() ? std::nullopt : std::optional{i->value};
}

} // namespace

TEST_CASE("the first line of /proc/stat is read") {
  auto ticks = parse_stat("cpu  10 1 5 80 4 0 2 3 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
  REQUIRE(ticks.has_value());
  CHECK(*ticks == cpu_ticks{21, 80, 4});
  CHECK_FALSE(parse_stat("").has_value());
  CHECK_FALSE(parse_stat("cpu0 1 2 3 4 5 6 7 8\n").has_value());
  CHECK_FALSE(parse_stat("cpu 1 2 3\n").has_value());
  CHECK_FALSE(parse_stat("cpu 1 2 3 4 5 6 7 x\n").has_value());
}

TEST_CASE("/proc/loadavg and /proc/meminfo are read") {
  CHECK(parse_loadavg("0.52 0.40 0.30 1/200 4242\n") == 0.52);
  CHECK_FALSE(parse_loadavg("").has_value());
  CHECK_FALSE(parse_loadavg("high").has_value());
  CHECK(parse_meminfo(meminfo)
        == memory_bytes{8000 * 1024, 2000 * 1024, 1000 * 1024, 750 * 1024});
  CHECK_FALSE(parse_meminfo("MemTotal: 8000 kB\n").has_value());
  CHECK_FALSE(parse_meminfo("").has_value());
}

TEST_CASE("/proc/diskstats and /proc/net/dev are read without their odd lines") {
  auto disks = parse_diskstats(" 8 0 sda 1 2 3 4 5 6 7 8 9 10 11\nodd line\n 8 1\n");
  CHECK(disks == std::vector<device_bytes>{{"sda", 3 * 512, 7 * 512}});
  auto networks = parse_net_dev(net_dev(5, 6) + "broken: 1 2\n");
  CHECK(networks == std::vector<device_bytes>{{"eth0", 5, 6}});
}

TEST_CASE("the first reading has the absolute metrics and no rates") {
  fake_machine machine;
  machine.write("proc/stat", "cpu 10 0 10 80 0 0 0 0\n");
  machine.write("proc/loadavg", "1.25 0.40 0.30 1/200 4242\n");
  machine.write("proc/meminfo", meminfo);
  machine.write("proc/diskstats", diskstats(1, 1));
  machine.write("proc/net/dev", net_dev(1, 1));
  host_metrics host{machine.root};
  auto samples = host.read(0);
  CHECK(find(samples, "load_1m") == 1.25);
  CHECK(find(samples, "memory_used_percent") == 75.0);
  CHECK(find(samples, "memory_available_bytes") == 2000.0 * 1024);
  CHECK(find(samples, "swap_used_percent") == 25.0);
  auto disk = find(samples, "filesystem_used_percent", "/");
  REQUIRE(disk.has_value());
  CHECK((*disk >= 0.0 && *disk <= 100.0));
  CHECK(samples.size() == 5);
}

TEST_CASE("the second reading has rates per second") {
  fake_machine machine;
  machine.write("proc/stat", "cpu 10 0 10 80 0 0 0 0\n");
  machine.write("proc/diskstats", diskstats(100, 200));
  machine.write("proc/net/dev", net_dev(1000, 2000));
  host_metrics host{machine.root};
  host.read(5 * s);
  machine.write("proc/stat", "cpu 30 0 20 140 10 0 0 0\n");
  machine.write("proc/diskstats", diskstats(120, 200));
  machine.write("proc/net/dev", net_dev(5000, 2500));
  auto samples = host.read(7 * s);
  CHECK(find(samples, "cpu_percent") == 30.0);
  CHECK(find(samples, "cpu_iowait_percent") == 10.0);
  CHECK(find(samples, "disk_read_bytes_per_s", "sda") == 20 * 512 / 2.0);
  CHECK(find(samples, "disk_write_bytes_per_s", "sda") == 0.0);
  CHECK(find(samples, "disk_read_bytes_per_s", "nvme0n1") == 20 * 512 / 2.0);
  for (auto other : {"sda1", "loop0", "dm-0"})
    CHECK_FALSE(find(samples, "disk_read_bytes_per_s", other).has_value());
  CHECK(find(samples, "network_receive_bytes_per_s", "eth0") == 2000.0);
  CHECK(find(samples, "network_transmit_bytes_per_s", "eth0") == 250.0);
  CHECK_FALSE(find(samples, "network_receive_bytes_per_s", "lo").has_value());
}

TEST_CASE("a counter that goes backwards skips its rate once") {
  fake_machine machine;
  host_metrics host{machine.root};
  auto read = [&](std::uint64_t received, std::uint64_t busy, std::int64_t now) {
    machine.write("proc/net/dev", net_dev(received, received));
    machine.write("proc/stat", "cpu " + std::to_string(busy) + " 0 0 0 0 0 0 0\n");
    return host.read(now);
  };
  read(1000, 100, 1 * s);
  auto samples = read(400, 40, 2 * s);
  CHECK_FALSE(find(samples, "network_receive_bytes_per_s").has_value());
  CHECK_FALSE(find(samples, "cpu_percent").has_value());
  samples = read(500, 50, 3 * s);
  CHECK(find(samples, "network_receive_bytes_per_s") == 100.0);
  CHECK(find(samples, "cpu_percent") == 100.0);
}

TEST_CASE("a reading at the same time as the one before has no rates") {
  fake_machine machine;
  machine.write("proc/net/dev", net_dev(1, 1));
  host_metrics host{machine.root};
  host.read(s);
  CHECK_FALSE(find(host.read(s), "network_receive_bytes_per_s").has_value());
}

TEST_CASE("a file that was missing gives no rate over the gap") {
  fake_machine machine;
  machine.write("proc/net/dev", net_dev(1, 1));
  host_metrics host{machine.root};
  host.read(1 * s);
  fs::remove(machine.root / "proc/net/dev");
  host.read(2 * s);
  machine.write("proc/net/dev", net_dev(2001, 1));
  CHECK_FALSE(find(host.read(3 * s), "network_receive_bytes_per_s").has_value());
}

TEST_CASE("temperatures carry the name of their sensor") {
  fake_machine machine;
  machine.write("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
  machine.write("sys/class/thermal/thermal_zone0/temp", "45500\n");
  machine.write("sys/class/thermal/thermal_zone1/temp", "unreadable\n");
  machine.write("sys/class/hwmon/hwmon2/name", "nvme\n");
  machine.write("sys/class/hwmon/hwmon2/temp1_input", "-1250\n");
  machine.write("sys/class/hwmon/hwmon2/temp1_max", "90000\n");
  host_metrics host{machine.root};
  auto samples = host.read(0);
  CHECK(find(samples, "temperature_celsius", "thermal_zone0:cpu-thermal") == 45.5);
  CHECK(find(samples, "temperature_celsius", "hwmon2:nvme:temp1") == -1.25);
  CHECK(std::ranges::count(samples, "temperature_celsius", &host_sample::metric) == 2);
}

TEST_CASE("files that do not parse leave out their metrics and nothing else") {
  fake_machine machine;
  machine.write("proc/stat", "rubbish");
  machine.write("proc/meminfo", "rubbish");
  machine.write("proc/loadavg", "2 1 1\n");
  host_metrics host{machine.root};
  auto samples = host.read(0);
  CHECK(find(samples, "load_1m") == 2.0);
  CHECK_FALSE(find(samples, "memory_used_percent").has_value());
}

TEST_CASE("this machine's own metrics are read") {
  host_metrics host;
  auto samples = host.read(0);
  CHECK(find(samples, "load_1m").has_value());
  CHECK(find(samples, "memory_available_bytes").value_or(0.0) > 0.0);
  CHECK(find(samples, "filesystem_used_percent").has_value());
}
