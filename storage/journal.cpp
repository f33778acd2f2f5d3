#include "storage/journal.hpp"

#include "storage/failpoint.hpp"
#include "storage/failure.hpp"
#include "storage/journal_impl.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace weir::storage {

using use = journal_segment::use;

// -- Appending ----------------------------------------------------------------------

std::uint64_t journal::impl::append(std::uint8_t kind,
                                    std::span<const std::string_view> parts) {
  std::size_t payload_bytes = 0;
  for (auto part : parts)
    payload_bytes += part.size();
  if (payload_bytes > config.segment_bytes - segment_header_bytes - record_header_bytes)
    throw failure(errc::malformed, "a journal record of "
                                     + std::to_string(payload_bytes)
                                     + " bytes is larger than a segment.");
  auto lock = std::unique_lock{mutex};
  auto number = write_record(kind, parts, record_bytes(payload_bytes), lock);
  lock.unlock();
  if (config.sync_each_append)
    sync_through(number);
  return number;
}

std::uint64_t
journal::impl::write_record(std::uint8_t kind, std::span<const std::string_view> parts,
                            std::size_t bytes, std::unique_lock<std::mutex>& lock) {
  auto& segment = segment_for(bytes, lock);
  encode_record(buffer, segment.header.mark, kind, next_number, parts);
  failpoint("journal.append.before");
  try {
    segment.file->write(buffer, segment.end);
  } catch (const failure&) {
    ++counters.write_errors;
    leave_current = true;
    throw; // What is there of the record is written over, or found torn.
  }
  failpoint("journal.append.after");
  segment.end += bytes;
  segment.unsynced = true;
  segment.last_number = next_number;
  if (segment.first_number == 0)
    segment.first_number = next_number;
  ++counters.appended_records;
  counters.appended_bytes += bytes;
  return next_number++;
}

// -- Syncing ------------------------------------------------------------------------

void journal::impl::sync() {
  sync_through(~std::uint64_t{0});
  // Should that fail, append() tries for itself, and says so.
  static_cast<void>(guarded([this] { prepare_ahead(); }));
}

void journal::impl::sync_through(std::uint64_t number) {
  auto one_at_a_time = std::unique_lock{sync_mutex};
  auto lock = std::unique_lock{mutex};
  auto appended = next_number - 1;
  if (synced_number >= std::min(number, appended))
    return; // Another thread's sync took ours along.
  auto unsynced = std::vector<std::shared_ptr<const journal_file>>{};
  for (auto& x : segments)
    if (std::exchange(x.unsynced, false))
      unsynced.push_back(x.file);
  lock.unlock();
  failpoint("journal.sync.before");
  auto done = guarded([&] {
    for (const auto& x : unsynced)
      x->sync();
  });
  failpoint("journal.sync.after");
  lock.lock();
  if (!done) {
    ++counters.sync_errors;
    leave_current = true;
    unsure_number = appended;
    throw failure(done.error());
  }
  ++counters.syncs;
  if (unsure_number >= needed_number)
    throw failure(errc::io,
                  directory.path().string()
                    + ": what was written before the sync that failed may not be on "
                      "the disk; the next checkpoint makes that unnecessary.");
  synced_number = std::max(synced_number, appended);
}

// -- Reading ------------------------------------------------------------------------

replay_report journal::impl::replay(
  std::uint64_t from,
  const std::function<void(const journal_record&)>& use_record) const {
  auto order = std::vector<const journal_segment*>{};
  for (const auto& x : segments)
    if (x.used_as == use::filled && x.first_number != 0 && x.last_number >= from)
      order.push_back(&x);
  std::ranges::sort(order, {}, [](const auto* x) { return x->header.segment; });
  replay_report report;
  auto expected_next = std::max<std::uint64_t>(from, 1);
  auto note_missing = [&](std::uint64_t before) {
    if (before <= expected_next)
      return;
    report.missing += before - expected_next;
    report.missing_last = before - 1;
    if (report.missing_first == 0)
      report.missing_first = expected_next;
  };
  auto bytes = std::string{};
  for (const auto* x : order) {
    x->file->read(bytes);
    scan_segment(bytes, x->header, [&](const journal_record& record) {
      if (record.number < expected_next)
        return;
      note_missing(record.number);
      expected_next = record.number + 1;
      ++report.replayed;
      use_record(record);
    });
  }
  note_missing(next_number);
  return report;
}

journal_stats journal::impl::stats() const {
  auto lock = std::unique_lock{mutex};
  auto result = counters;
  result.next_number = next_number;
  result.first_number = first_number();
  result.needed_number = needed_number;
  result.synced_number = synced_number;
  result.size_bytes_max = segments_max * config.segment_bytes;
  for (const auto& x : segments) {
    result.size_bytes += x.file->size_bytes();
    if (is_needed(x))
      result.needed_bytes += x.file->size_bytes();
  }
  return result;
}

// -- The public class ---------------------------------------------------------------

journal::journal(std::unique_ptr<impl> state) : impl_(std::move(state)) {
}

journal::~journal() = default;

expected<std::unique_ptr<journal>, error> journal::open(const journal_config& config,
                                                        std::int64_t unix_ns) {
  return guarded([&] {
    return std::unique_ptr<journal>{
      new journal{std::make_unique<impl>(config, unix_ns)}};
  });
}

std::uint64_t journal::next_number() const {
  auto lock = std::unique_lock{impl_->mutex};
  return impl_->next_number;
}

std::uint64_t journal::first_number() const {
  auto lock = std::unique_lock{impl_->mutex};
  return impl_->first_number();
}

void journal::skip_to(std::uint64_t number) {
  auto lock = std::unique_lock{impl_->mutex};
  impl_->next_number = std::max(impl_->next_number, number);
}

expected<replay_report, error>
journal::replay(std::uint64_t from,
                const std::function<void(const journal_record&)>& use_record) {
  return guarded([&] { return impl_->replay(from, use_record); });
}

expected<std::uint64_t, error>
journal::append(std::uint8_t kind, std::span<const std::string_view> parts) {
  return guarded([&] { return impl_->append(kind, parts); });
}

expected<std::uint64_t, error> journal::reserve(std::size_t payload_bytes) {
  return guarded([&] {
    if (payload_bytes > record_bytes_max())
      throw failure(errc::malformed, "a journal record of "
                                       + std::to_string(payload_bytes)
                                       + " bytes is larger than a segment.");
    auto lock = std::unique_lock{impl_->mutex};
    return impl_->segment_for(record_bytes(payload_bytes), lock).header.segment;
  });
}

std::size_t journal::record_bytes_max() const {
  return impl_->config.segment_bytes - segment_header_bytes - record_header_bytes;
}

expected<void, error> journal::sync() {
  return guarded([&] { impl_->sync(); });
}

void journal::recycle(std::uint64_t before) {
  auto lock = std::unique_lock{impl_->mutex};
  auto reached = std::min(before, impl_->next_number);
  impl_->needed_number = std::max(impl_->needed_number, reached);
}

journal_stats journal::stats() const {
  return impl_->stats();
}

} // namespace weir::storage
