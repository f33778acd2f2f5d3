// A small journal in a directory of its own, and records whose payload follows from
// their number.
#pragma once

#include "storage/journal.hpp"
#include "tests/storage/temp_directory.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

struct kept_record {
  std::uint64_t number = 0;
  std::uint8_t kind = 0;
  std::string payload;

  bool operator==(const kept_record&) const = default;
};

/// From 0 to some 300 bytes, different for each number.
inline std::string payload_of(std::uint64_t number) {
  auto text = "record " + std::to_string(number) + ' ';
  while (text.size() < number * 37 % 300)
    text += std::to_string(text.size() * number) + ',';
  return text;
}

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_file(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream out{file, std::ios::binary};
  out << bytes;
}

struct journal_fixture {
  static constexpr std::size_t segment_bytes = 16'384;

  std::unique_ptr<storage::journal> open() {
    auto opened = storage::journal::open(config, 1'000'000'000);
    if (!opened)
      throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }

  /// Into `seen`.
  storage::replay_report replay(storage::journal& from, std::uint64_t number = 1) {
    seen.clear();
    auto report = from.replay(number, [this](const storage::journal_record& x) {
      seen.push_back({x.number, x.kind, std::string{x.payload}});
    });
    if (!report)
      throw std::runtime_error(report.error().message);
    return *report;
  }

  static std::uint64_t append(storage::journal& to, std::string_view payload) {
    auto number = to.append(1, {&payload, 1});
    if (!number)
      throw std::runtime_error(number.error().message);
    return *number;
  }
  static std::uint64_t append(storage::journal& to) {
    return append(to, payload_of(to.next_number()));
  }

  /// Returns the number of the last record.
  static std::uint64_t append_until(storage::journal& to, std::size_t bytes) {
    auto end = to.stats().appended_bytes + bytes;
    while (to.stats().appended_bytes < end)
      append(to);
    return to.next_number() - 1;
  }

  /// Until it is full; returns the number of the last record.
  static std::uint64_t fill(storage::journal& to) {
    for (;;) {
      auto payload = payload_of(to.next_number());
      std::string_view part = payload;
      if (!to.append(1, {&part, 1}))
        return to.next_number() - 1;
    }
  }

  bool all_seen_are_right() const {
    return std::ranges::all_of(
      seen, [](const kept_record& x) { return x.payload == payload_of(x.number); });
  }

  std::vector<std::filesystem::path> segment_files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& x : std::filesystem::directory_iterator{config.directory})
      if (x.path().extension() == ".seg")
        files.push_back(x.path());
    std::ranges::sort(files);
    return files;
  }

  std::size_t files_bytes() const {
    std::size_t sum = 0;
    for (const auto& x : segment_files())
      sum += std::filesystem::file_size(x);
    return sum;
  }

  static bool file_holds(const std::filesystem::path& file, std::string_view text) {
    return read_file(file).find(text) != std::string::npos;
  }

  temp_directory directory;
  storage::journal_config config{.directory = directory / "journal",
                                 .size_bytes_max = 4 * segment_bytes,
                                 .segment_bytes = segment_bytes};
  std::vector<kept_record> seen;
};

} // namespace weir::test
