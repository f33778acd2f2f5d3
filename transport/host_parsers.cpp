#include "transport/host_parsers.hpp"

#include <array>
#include <charconv>
#include <numeric>

namespace weir::transport {

namespace {

constexpr std::string_view blanks = " \t\r";

/// Cuts the first line off `rest`.
std::string_view take_line(std::string_view& rest) {
  auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

/// Cuts the first word off `rest`; empty at the end.
std::string_view take_word(std::string_view& rest) {
  auto begin = rest.find_first_not_of(blanks);
  if (begin == std::string_view::npos) {
    rest = {};
    return {};
  }
  rest.remove_prefix(begin);
  auto word = rest.substr(0, rest.find_first_of(blanks));
  rest.remove_prefix(word.size());
  return word;
}

template <class Number>
bool read_number(std::string_view word, Number& out) {
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc{} && end == word.data() + word.size();
}

/// Fills `out` from the words at the front; false if there are fewer.
template <std::size_t Size>
bool read_numbers(std::string_view& rest, std::array<std::uint64_t, Size>& out) {
  for (auto& x : out)
    if (!read_number(take_word(rest), x))
      return false;
  return true;
}

} // namespace

std::optional<cpu_ticks> parse_stat(std::string_view text) {
  auto line = take_line(text);
  // user nice system idle iowait irq softirq steal; guest time is part of user.
  std::array<std::uint64_t, 8> ticks{};
  if (take_word(line) != "cpu" || !read_numbers(line, ticks))
    return std::nullopt;
  cpu_ticks result;
  result.idle = ticks[3];
  result.iowait = ticks[4];
  result.busy = std::accumulate(ticks.begin(), ticks.end(), std::uint64_t{0})
                - result.idle - result.iowait;
  return result;
}

std::optional<double> parse_loadavg(std::string_view text) {
  double load = 0.0;
  if (!read_number(take_word(text), load))
    return std::nullopt;
  return load;
}

std::optional<memory_bytes> parse_meminfo(std::string_view text) {
  memory_bytes result;
  int found = 0;
  while (!text.empty()) {
    auto line = take_line(text);
    auto name = take_word(line);
    auto* target = name == "MemTotal:"       ? &result.total
                   : name == "MemAvailable:" ? &result.available
                   : name == "SwapTotal:"    ? &result.swap_total
                   : name == "SwapFree:"     ? &result.swap_free
                                             : nullptr;
    if (target == nullptr)
      continue;
    std::uint64_t kib = 0;
    if (!read_number(take_word(line), kib))
      return std::nullopt;
    *target = kib * 1024;
    ++found;
  }
  if (found != 4 || result.total == 0)
    return std::nullopt;
  return result;
}

std::vector<device_bytes> parse_diskstats(std::string_view text) {
  constexpr std::uint64_t sector_bytes = 512; // Whatever the device's own size.
  std::vector<device_bytes> result;
  while (!text.empty()) {
    auto line = take_line(text);
    std::array<std::uint64_t, 2> numbers{}; // major, minor
    if (!read_numbers(line, numbers))
      continue;
    auto device = take_word(line);
    // reads, merged, sectors read, ms, writes, merged, sectors written
    std::array<std::uint64_t, 7> counts{};
    if (!device.empty() && read_numbers(line, counts))
      result.push_back(
        {std::string{device}, counts[2] * sector_bytes, counts[6] * sector_bytes});
  }
  return result;
}

std::vector<device_bytes> parse_net_dev(std::string_view text) {
  std::vector<device_bytes> result;
  while (!text.empty()) {
    auto line = take_line(text);
    auto colon = line.rfind(':'); // Alias names such as eth0:1 have one themselves.
    if (colon == std::string_view::npos)
      continue;
    auto name = line.substr(0, colon);
    auto device = take_word(name);
    auto numbers = line.substr(colon + 1);
    // Eight columns of what came in, bytes first, then bytes that went out.
    std::array<std::uint64_t, 9> counts{};
    if (!device.empty() && device != "lo" && read_numbers(numbers, counts))
      result.push_back({std::string{device}, counts[0], counts[8]});
  }
  return result;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  auto line = take_line(text);
  std::int64_t result = 0;
  if (!read_number(take_word(line), result))
    return std::nullopt;
  return result;
}

} // namespace weir::transport
