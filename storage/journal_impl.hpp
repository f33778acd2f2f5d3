// INTERNAL: the state of a journal and its segments, shared by journal_open.cpp (from
// files to state) and journal.cpp (the work).
#pragma once

#include "storage/directory_lock.hpp"
#include "storage/journal.hpp"
#include "storage/journal_file.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace weir::storage {

/// A file and its present use.
struct journal_segment {
  enum class use : std::uint8_t {
    none,      ///< May be used at once: fresh, or held nothing at open.
    preparing, ///< Somebody writes its header, without the journal's mutex.
    ready,     ///< Has its header, on the disk; records go there next.
    current,   ///< Records go there.
    filled,    ///< Holds records, takes no more.
  };

  journal_segment(journal_file f, std::size_t slot_number)
    : file(std::make_shared<journal_file>(std::move(f))), slot(slot_number) {
  }

  std::shared_ptr<journal_file> file; ///< Shared with a sync that goes on.
  std::size_t slot;                   ///< Of the file's name.
  use used_as = use::none;
  segment_header header;
  std::uint64_t first_number = 0; ///< 0: no records.
  std::uint64_t last_number = 0;
  std::size_t end = segment_header_bytes; ///< Records are written here next.
  bool unsynced = false;
};

struct journal::impl {
  impl(const journal_config& x, std::int64_t unix_ns);

  replay_report replay(std::uint64_t from,
                       const std::function<void(const journal_record&)>& use) const;
  std::uint64_t append(std::uint8_t kind, std::span<const std::string_view> parts);
  void sync();
  journal_stats stats() const;

  // Opening (journal_open.cpp).
  void load_files();
  void load_file(std::size_t slot, const std::filesystem::path& path);
  void set_aside(const std::filesystem::path& path);
  void drop_foreign_segments();
  void scan_segments();
  void scan(journal_segment& segment, std::string& buffer);
  void preallocate();
  std::filesystem::path path_of(std::size_t slot) const;
  journal_segment& add_file(std::size_t slot);

  // With `mutex` held.
  journal_segment& segment_for(std::size_t bytes, std::unique_lock<std::mutex>& lock);
  bool open_next_segment(std::unique_lock<std::mutex>& lock); ///< False: full.
  void settle(journal_segment& segment, bool written);
  journal_segment* oldest_unneeded();
  std::uint64_t write_record(std::uint8_t kind, std::span<const std::string_view> parts,
                             std::size_t bytes, std::unique_lock<std::mutex>& lock);
  journal_segment* take_unneeded();
  journal_segment* make_segment();
  bool is_needed(const journal_segment& x) const;
  void plan_header(journal_segment& segment);
  std::uint64_t first_number() const;

  void write_header(journal_segment& segment) const; ///< With `mutex` or without it.

  /// One segment is always ready, so that append() does not wait for a disk.
  void prepare_ahead();
  void sync_through(std::uint64_t number);

  const journal_config config;
  const std::int64_t opened_unix_ns;
  directory_lock directory;
  std::uint64_t journal_id = 0;
  std::size_t segments_max = 2;

  mutable std::mutex mutex;
  std::condition_variable prepared; ///< `is_preparing` became false.
  bool is_preparing = false;
  std::list<journal_segment> segments; ///< Addresses stay; no order.
  std::deque<journal_segment*> ready;
  journal_segment* current = nullptr;
  bool leave_current = false; ///< It failed: try another one.
  std::uint64_t next_segment = 1;
  std::uint64_t next_number = 1;
  std::uint64_t needed_number = 1;
  std::uint64_t synced_number = 0;
  std::uint64_t unsure_number = 0; ///< A sync failed with records up to it.
  std::string buffer;              ///< The record at hand.
  journal_stats counters;

  std::mutex sync_mutex; ///< Before `mutex`, never after.
};

} // namespace weir::storage
