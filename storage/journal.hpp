// The edge's JOURNAL: what came in, appended before it is acknowledged, read again
// after a crash from where the last checkpoint stands. Format: storage/FORMAT.md.
//
//   source --> append() --returns--> acknowledge        (a killed process loses nothing)
//              sync() every 200 ms                      (a power cut loses that much)
//              checkpoint committed --> recycle(its number)
//   start  --> open(), skip_to(), replay(checkpoint's number), then append() again
//
// Segments are files of one size, preallocated, so that a disk that fills up later
// does not stop the journal. When a segment is needed, the oldest one whose records
// are not needed any more is written over. Until then such records can still be read:
// replay(first_number()) also gives what came before the checkpoint, which is what a
// duplicate filter wants to know again.
#pragma once

#include "storage/errors.hpp"
#include "storage/journal_format.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace weir::storage {

struct journal_config {
  /// Of its own; made if it is not there. It may lie on tmpfs to spare flash: what a
  /// power cut leaves is then the last checkpoint.
  std::filesystem::path directory;

  /// Of all segments together. At least two segments are kept.
  std::size_t size_bytes_max = 64ull << 20;

  /// From 8 KB to 1 GB; the largest record is 4 KB smaller.
  std::size_t segment_bytes = 4ull << 20;

  /// append() returns after its record is on the disk. Appends of several threads
  /// share a sync.
  bool sync_each_append = false;
};

struct replay_report {
  std::uint64_t replayed = 0; ///< Records.
  std::uint64_t missing = 0;  ///< Numbers that were given and have no record.
  std::uint64_t missing_first = 0;
  std::uint64_t missing_last = 0; ///< All that miss lie in [first, last]; 0: none.
};

struct journal_stats {
  std::uint64_t next_number = 1;
  std::uint64_t first_number = 1;   ///< As first_number().
  std::uint64_t needed_number = 1;  ///< What recycle() was last told.
  std::uint64_t synced_number = 0;  ///< All records up to it are on the disk.
  std::uint64_t size_bytes = 0;     ///< Of the files.
  std::uint64_t size_bytes_max = 0; ///< As configured, in whole segments.
  std::uint64_t needed_bytes = 0;   ///< In segments that may not be written over.

  // Since open().
  std::uint64_t appended_records = 0;
  std::uint64_t appended_bytes = 0; ///< With headers.
  std::uint64_t syncs = 0;
  std::uint64_t write_errors = 0;
  std::uint64_t sync_errors = 0;
  std::uint64_t refused_full = 0; ///< Appends that gave journal_full.

  // Found by open().
  std::uint64_t torn_tails = 0;      ///< A record begun, not ended: never confirmed.
  std::uint64_t damaged_regions = 0; ///< Inside segments; what follows was read.
  std::uint64_t damaged_bytes = 0;
  std::uint64_t segments_set_aside = 0; ///< Renamed to *.damaged-<seconds>.
};

/// Thread-safe. Numbers of records grow by one, from 1, over all restarts.
class journal {
public:
  /// Opens or makes it: reads all segments, cuts torn tails, sets segments without a
  /// sound header aside, makes and preallocates the files (fewer, but at least two,
  /// on a disk that is nearly full). Appends go to a fresh segment, never behind what
  /// an earlier process wrote. `unix_ns` names what is set aside.
  ///
  /// Errors: cannot_open (locked), read_only (also: no permission), disk_full,
  /// unsupported (written by a newer version; nothing was changed), io.
  static expected<std::unique_ptr<journal>, error> open(const journal_config& config,
                                                        std::int64_t unix_ns);

  /// Does not sync: an ordered shutdown calls sync() before.
  ~journal();
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  /// Of the next record.
  std::uint64_t next_number() const;

  /// The oldest record that can still be read; next_number() if there is none.
  std::uint64_t first_number() const;

  /// The next record gets at least this number. To be called before the first append
  /// with the checkpoint's number: a journal that was lost (tmpfs, set aside) would
  /// begin at 1 again, and its records would count as older than the checkpoint.
  void skip_to(std::uint64_t number);

  /// Hands all records from number `from` on to `use`, in order; before the first
  /// append only. What `use` throws ends the replay as an `io` error.
  expected<replay_report, error>
  replay(std::uint64_t from, const std::function<void(const journal_record&)>& use);

  /// Appends one record made of all parts and returns its number. When it returns, a
  /// kill -9 cannot take the record away any more; a power cut can until sync().
  ///
  /// Errors: journal_full (all segments are needed: make a checkpoint, recycle(), try
  /// again), disk_full, io, read_only (the disk became that), malformed (larger
  /// than record_bytes_max()). Nothing was appended then, and a later append tries
  /// again. Only with sync_each_append a record whose sync failed may come again in a
  /// replay although append() gave an error.
  expected<std::uint64_t, error> append(std::uint8_t kind,
                                        std::span<const std::string_view> parts);

  /// The number of the segment (from 1, never used again) into which the next record
  /// goes if its payload has at most `payload_bytes`, and nobody else appends before.
  /// For writers that name things once in each segment. Errors: as append().
  expected<std::uint64_t, error> reserve(std::size_t payload_bytes);

  /// The largest payload that append() takes.
  std::size_t record_bytes_max() const;

  /// Puts on the disk what was appended, and gets the next segment ready, so that
  /// append() need not. Cheap when nothing is new. Appends go on meanwhile.
  ///
  /// After an error nobody knows what of the unsynced records is on the disk, and the
  /// kernel does not try those pages again. So sync() goes on giving an error until a
  /// checkpoint has made them unnecessary (recycle()): make one now. Later appends use
  /// another segment.
  expected<void, error> sync();

  /// Records before this number are not needed any more (a durable checkpoint covers
  /// them). Does no I/O.
  void recycle(std::uint64_t before);

  journal_stats stats() const;

private:
  struct impl;
  explicit journal(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace weir::storage
