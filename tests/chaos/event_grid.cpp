#include "tests/chaos/event_grid.hpp"

#include <cstdio>

namespace weir::chaos {

namespace {

std::uint64_t mix(std::uint64_t x) { // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

} // namespace

double event_grid::value(std::size_t worker, std::size_t device,
                         std::uint64_t k) const {
  return static_cast<double>(mix(mix(seed ^ (worker << 8 | device)) + k) % 1'000'000);
}

std::string event_grid::source(std::size_t worker, std::size_t device) {
  return "w" + std::to_string(worker) + "-d" + std::to_string(device);
}

bool event_grid::parse_source(const std::string& source, std::size_t& worker,
                              std::size_t& device) {
  auto used = 0;
  return std::sscanf(source.c_str(), "w%zu-d%zu%n", &worker, &device, &used) == 2
         && static_cast<std::size_t>(used) == source.size();
}

std::string event_grid::payload(std::size_t worker, std::uint64_t first,
                                std::uint64_t last) const {
  std::string out{"["};
  char line[192];
  for (auto k = first; k < last; ++k)
    for (std::size_t device = 0; device < devices; ++device) {
      auto name = source(worker, device);
      std::snprintf(line, sizeof line,
                    "%s{\"timestamp\":%lld,\"source\":\"%s\",\"type\":\"v\","
                    "\"value\":%.0f",
                    out.size() > 1 ? "," : "",
                    static_cast<long long>(time_ns(k) / 1'000'000), name.c_str(),
                    value(worker, device, k));
      out += line;
      if (device % 2 == 0)
        out += ",\"id\":\"" + name + "-" + std::to_string(k) + "\"";
      out += "}";
    }
  return out += "]";
}

} // namespace weir::chaos
