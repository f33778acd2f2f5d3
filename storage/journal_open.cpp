#include "storage/failure.hpp"
#include "storage/journal_impl.hpp"
#include "storage/random_id.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <system_error>
#include <vector>

namespace weir::storage {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view name_front = "journal-";
constexpr std::string_view name_back = ".seg";
constexpr std::size_t segments_min = 2;
constexpr std::size_t segments_limit = 4096; // Open files.

std::optional<std::size_t> slot_of(const std::string& name) {
  auto text = std::string_view{name};
  if (!text.starts_with(name_front) || !text.ends_with(name_back))
    return std::nullopt;
  text.remove_prefix(name_front.size());
  text.remove_suffix(name_back.size());
  std::size_t slot = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), slot);
  if (error != std::errc{} || end != text.data() + text.size()
      || slot >= segments_limit)
    return std::nullopt;
  return slot;
}

journal_config within_limits(journal_config config) {
  constexpr std::size_t pages = 4095;
  auto bytes = std::clamp<std::size_t>(config.segment_bytes, 8192, 1 << 30);
  config.segment_bytes = (bytes + pages) & ~pages;
  return config;
}

} // namespace

journal::impl::impl(const journal_config& x, std::int64_t unix_ns)
  : config(within_limits(x)), opened_unix_ns(unix_ns), directory(x.directory),
    segments_max(std::clamp<std::size_t>(config.size_bytes_max / config.segment_bytes,
                                         segments_min, segments_limit)) {
  load_files();
  drop_foreign_segments();
  if (journal_id == 0)
    journal_id = random_id();
  scan_segments();
  preallocate();
  directory.sync();
}

fs::path journal::impl::path_of(std::size_t slot) const {
  auto name = std::string{name_front} + std::to_string(slot) + std::string{name_back};
  return directory.path() / name;
}

journal_segment& journal::impl::add_file(std::size_t slot) {
  return segments.emplace_back(journal_file{path_of(slot), config.segment_bytes}, slot);
}

void journal::impl::load_files() {
  // First the whole list: files are renamed on the way.
  auto found = std::map<std::size_t, fs::path>{};
  for (const auto& entry : fs::directory_iterator{directory.path()})
    if (auto slot = slot_of(entry.path().filename().string()))
      found.emplace(*slot, entry.path());
  for (const auto& [slot, path] : found)
    load_file(slot, path);
}

void journal::impl::load_file(std::size_t slot, const fs::path& path) {
  if (!fs::is_regular_file(fs::symlink_status(path))) {
    set_aside(path);
    return;
  }
  auto file = journal_file{path, config.segment_bytes};
  segment_header header;
  auto condition = header_condition::damaged;
  try {
    condition = decode(file.read_head(segment_header_bytes), header);
  } catch (const failure&) { // Its first page cannot be read.
  }
  switch (condition) {
  case header_condition::newer:
    throw failure(errc::unsupported,
                  path.string()
                    + " was written by a newer version of this program: start that "
                      "version again, or move the file away to lose what is in it.");
  case header_condition::damaged:
    set_aside(path);
    return;
  case header_condition::unused:
  case header_condition::good:
    break;
  }
  auto& segment = segments.emplace_back(std::move(file), slot);
  segment.header = header;
  if (condition == header_condition::good)
    segment.used_as = journal_segment::use::filled;
}

void journal::impl::set_aside(const fs::path& path) {
  auto seconds = opened_unix_ns / 1'000'000'000;
  for (int tries = 0; tries < 1000; ++tries) {
    auto target
      = fs::path{path.string() + ".damaged-" + std::to_string(seconds + tries)};
    std::error_code failed;
    if (fs::exists(target, failed))
      continue;
    fs::rename(path, target, failed);
    if (failed)
      fail_in(path, "set aside the damaged file", failed.value());
    ++counters.segments_set_aside;
    return;
  }
  throw failure(errc::damaged, path.string()
                                 + " is damaged, and so were 1,000 others "
                                   "of its name: remove some of them.");
}

/// A segment of another journal (a file copied here) says nothing about this one. Which
/// is which: the many are right, then the newest.
void journal::impl::drop_foreign_segments() {
  struct votes {
    std::size_t segments = 0;
    std::uint64_t newest = 0;
    auto operator<=>(const votes&) const = default;
  };
  auto by_id = std::map<std::uint64_t, votes>{};
  for (const auto& x : segments) {
    if (x.used_as != journal_segment::use::filled)
      continue;
    auto& sum = by_id[x.header.journal_id];
    ++sum.segments;
    sum.newest = std::max(sum.newest, x.header.segment);
  }
  auto best = std::max_element(by_id.begin(), by_id.end(),
                               [](auto& a, auto& b) { return a.second < b.second; });
  if (best == by_id.end())
    return;
  journal_id = best->first;
  auto is_foreign = [this](const journal_segment& x) {
    if (x.used_as != journal_segment::use::filled || x.header.journal_id == journal_id)
      return false;
    set_aside(x.file->path());
    return true;
  };
  segments.remove_if(is_foreign);
}

void journal::impl::scan_segments() {
  segments.sort([](const journal_segment& a, const journal_segment& b) {
    return a.header.segment < b.header.segment;
  });
  auto bytes = std::string{};
  for (auto& x : segments) {
    if (x.used_as != journal_segment::use::filled)
      continue;
    scan(x, bytes);
    next_segment = std::max(next_segment, x.header.segment + 1);
    next_number = std::max({next_number, x.header.base_number, x.last_number + 1});
  }
}

void journal::impl::scan(journal_segment& segment, std::string& bytes) {
  segment.file->read(bytes);
  // No segment repeats a number of an older one.
  segment.header.base_number = std::max(segment.header.base_number, next_number);
  auto contents = scan_segment(bytes, segment.header, [](const journal_record&) {});
  if (contents.newer > 0)
    throw failure(errc::unsupported,
                  segment.file->path().string()
                    + " holds records of a newer version of this program: start that "
                      "version again, or move the file away to lose what is in it.");
  segment.first_number = contents.first_number;
  segment.last_number = contents.last_number;
  segment.end = contents.end;
  segment.unsynced = true; // By a process that was killed, perhaps.
  counters.damaged_regions += contents.damaged_regions;
  counters.damaged_bytes += contents.damaged_bytes;
  if (!contents.torn)
    return;
  ++counters.torn_tails;
  try { // Cut: not to be counted again at the next start.
    segment.file->write(std::string(8, '\0'), contents.end);
    segment.file->sync();
  } catch (const failure&) { // Then it is counted again.
    ++counters.write_errors;
  }
}

void journal::impl::preallocate() {
  // Files of another size than configured go when they hold nothing.
  segments.remove_if([this](const journal_segment& x) {
    bool other = x.used_as == journal_segment::use::none
                 && x.file->size_bytes() != config.segment_bytes;
    if (other)
      fs::remove(x.file->path());
    return other;
  });
  try {
    for (std::size_t slot = 0; segments.size() < segments_max; ++slot) {
      auto has_it = [slot](const journal_segment& x) { return x.slot == slot; };
      if (std::ranges::none_of(segments, has_it))
        add_file(slot);
    }
  } catch (const failure&) {
    // Less than wanted is enough; append() tries to make more when it needs them.
    if (segments.size() < segments_min)
      throw;
  }
}

} // namespace weir::storage
