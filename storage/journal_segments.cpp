#include "storage/failpoint.hpp"
#include "storage/failure.hpp"
#include "storage/journal_impl.hpp"
#include "storage/random_id.hpp"

#include <algorithm>
#include <filesystem>

namespace weir::storage {

using use = journal_segment::use;

bool journal::impl::is_needed(const journal_segment& x) const {
  return x.last_number >= needed_number; // 0 where there are no records.
}

std::uint64_t journal::impl::first_number() const {
  auto first = next_number;
  for (const auto& x : segments)
    if (x.first_number != 0 && (x.used_as == use::filled || x.used_as == use::current))
      first = std::min(first, x.first_number);
  return first;
}

/// The file whose use is the oldest (a fresh one has none) of those that may be
/// written over; nullptr: all are needed. One that could not be written has just been
/// planned, so others come first.
journal_segment* journal::impl::oldest_unneeded() {
  journal_segment* oldest = nullptr;
  for (auto& x : segments) {
    bool usable = x.used_as == use::none || (x.used_as == use::filled && !is_needed(x));
    if (usable && (oldest == nullptr || x.header.segment < oldest->header.segment))
      oldest = &x;
  }
  return oldest;
}

/// Marked as `preparing`; nullptr: all are needed.
journal_segment* journal::impl::take_unneeded() {
  for (;;) {
    auto* oldest = oldest_unneeded();
    bool is_fresh = oldest != nullptr && oldest->header.segment == 0;
    if (!is_fresh && segments.size() < segments_max) {
      auto made = guarded([this] { return make_segment(); });
      if (made)
        oldest = *made;
      else if (oldest == nullptr)
        throw failure(made.error());
    }
    if (oldest == nullptr)
      return nullptr;
    if (segments.size() <= segments_max
        && oldest->file->size_bytes() == config.segment_bytes) {
      oldest->used_as = use::preparing;
      return oldest;
    }
    // Made for another configuration.
    std::filesystem::remove(oldest->file->path());
    segments.remove_if([oldest](const auto& x) { return &x == oldest; });
  }
}

journal_segment* journal::impl::make_segment() {
  std::size_t slot = 0;
  auto has_it = [&slot](const journal_segment& x) { return x.slot == slot; };
  while (std::ranges::any_of(segments, has_it))
    ++slot;
  auto& made = add_file(slot);
  directory.sync();
  return &made;
}

/// Its next use, before the header is on the disk.
void journal::impl::plan_header(journal_segment& x) {
  auto old_mark = x.header.mark;
  x.header = {journal_id, next_segment++, next_number, 0};
  while (x.header.mark == 0 || x.header.mark == old_mark)
    x.header.mark = static_cast<std::uint32_t>(random_id());
  x.first_number = 0;
  x.last_number = 0;
  x.end = segment_header_bytes;
  x.unsynced = false;
}

void journal::impl::write_header(journal_segment& x) const {
  failpoint("journal.segment.before");
  auto bytes = encode(x.header);
  bytes.resize(segment_header_bytes);
  x.file->write(bytes, 0);
  failpoint("journal.segment.after");
}

void journal::impl::prepare_ahead() {
  auto lock = std::unique_lock{mutex};
  if (is_preparing || !ready.empty())
    return;
  auto* segment = take_unneeded();
  if (segment == nullptr)
    return;
  plan_header(*segment);
  is_preparing = true;
  lock.unlock();
  auto written = guarded([&] {
    write_header(*segment);
    // On the disk before the first record: else a power cut may leave records of the
    // new use behind the header of the old one, which looks like damage.
    segment->file->sync();
  });
  lock.lock();
  is_preparing = false;
  settle(*segment, written.has_value());
  prepared.notify_all();
}

void journal::impl::settle(journal_segment& x, bool written) {
  x.used_as = written ? use::ready : use::none;
  if (written)
    ready.push_back(&x);
  else
    ++counters.write_errors;
}

bool journal::impl::open_next_segment(std::unique_lock<std::mutex>& lock) {
  prepared.wait(lock, [this] { return !is_preparing; });
  if (ready.empty()) {
    auto* segment = take_unneeded();
    if (segment == nullptr)
      return false;
    plan_header(*segment);
    // Not synced, as append() never waits for the disk; the next sync takes it along.
    auto written = guarded([&] { write_header(*segment); });
    segment->unsynced = true;
    settle(*segment, written.has_value());
    if (!written)
      throw failure(written.error());
  }
  if (current != nullptr)
    current->used_as = use::filled;
  current = ready.front();
  current->used_as = use::current;
  ready.pop_front();
  leave_current = false;
  return true;
}

journal_segment& journal::impl::segment_for(std::size_t bytes,
                                            std::unique_lock<std::mutex>& lock) {
  bool fits = current != nullptr && bytes <= current->file->size_bytes() - current->end;
  if (fits && leave_current) {
    // Another file may lie better; if there is none, the same place is tried again.
    leave_current = false;
    static_cast<void>(guarded([&] { return open_next_segment(lock); }));
  } else if (!fits && !open_next_segment(lock)) {
    ++counters.refused_full;
    throw failure(errc::journal_full,
                  directory.path().string()
                    + ": all of the journal is still needed; a checkpoint frees it. "
                      "Raise the journal's size if this happens often.");
  }
  return *current;
}

} // namespace weir::storage
