// The edge's OUTBOX: encoded record blocks, kept in LMDB until the centre has
// acknowledged them. In the same transactions it keeps the CHECKPOINT: the state from
// which the node goes on after a crash, and the place in the journal that belongs to it.
// Also keeps the edge's identity (epoch, run). Format: storage/FORMAT.md.
//
//   new blocks, checkpoint ==commit==> [outbox] --read_after--> uplink
//                                         ^-------acknowledge------|
//
// Every record gets a sequence number when it is committed, from 1, without holes. Each
// number that was given is always exactly one of these:
//
//   in a stored block    [first_seq, first_seq + seq_span), at most that many records:
//                        fewer once the block was coalesced
//   in a hole            given up, with the reason; kept until the centre knows it
//   in neither           the centre has acknowledged it
#pragma once

#include "analytics/records.hpp"
#include "storage/errors.hpp"
#include "storage/packed_state.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::storage {

/// Who wins when the budget is used up: raw goes first, alerts never go.
enum class block_priority : std::uint8_t {
  raw = 0, ///< Samples of rejected input.
  summary = 1,
  alert = 2
};
inline constexpr std::size_t block_priority_count = 3;

struct outbox_config {
  std::filesystem::path directory;

  /// Budget for blocks that wait. From 80 % on the oldest summaries are coalesced; at
  /// the budget blocks are expired, raw first, then summaries, oldest first.
  std::size_t size_bytes_max = 256ull << 20;

  /// How the bytes of a block are read and made (transport::decode_block and
  /// encode_block). Without them nothing is coalesced.
  std::function<expected<analytics::record_block, std::string>(std::string_view)>
    decode{};
  std::function<std::string(const analytics::record_block&)> encode{};

  /// Windows whose end is not so much older than the newest one's stay as they are.
  std::int64_t coalesce_min_age_ns = 3'600'000'000'000;

  /// Widths of the windows that the node makes: coalesced windows get none of these,
  /// because the centre could not tell them from the real ones.
  std::vector<std::int64_t> widths_in_use_ns{};

  /// Records that one step of coalescing may take, if their series are so many that
  /// fewer hold no neighbours. Each takes about 500 bytes of memory in that moment.
  std::size_t coalesce_records_max = 200'000;

  /// Each block takes about 100 bytes of memory. Above so many, small ones are put
  /// together, 64 KB each.
  std::size_t blocks_packed_above = 100'000;

  /// Disk space kept beyond the file's end, so that what makes the database smaller
  /// works on a full disk. Never more than a 16th of the budget, nor than an eighth of
  /// what is free.
  std::size_t reserve_bytes = 4ull << 20;
};

/// A block as its maker hands it in: bytes of transport::encode_block.
struct new_block {
  std::string bytes;
  std::uint32_t record_count = 0;
  block_priority priority = block_priority::summary;
};

/// A block as it waits.
struct stored_block {
  std::uint64_t first_seq = 0;
  std::uint64_t seq_span = 0;     ///< Numbers that it stands for.
  std::uint32_t record_count = 0; ///< Records in `bytes`, at most seq_span.
  std::uint32_t run = 0;          ///< In which its records were made.
  block_priority priority = block_priority::summary;
  std::string bytes;

  std::uint64_t last_seq() const {
    return first_seq + seq_span - 1;
  }
};

enum class hole_reason : std::uint8_t {
  expired = 1, ///< The budget was used up.
  shed = 2     ///< The disk was full.
};

/// Numbers that were given up.
struct hole {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  hole_reason reason = hole_reason::expired;
};

using outbox_entry = std::variant<stored_block, hole>;
std::uint64_t first_seq_of(const outbox_entry& x);
std::uint64_t last_seq_of(const outbox_entry& x);

/// A piece of the node's state, e.g. "node" or "shard/0". Names have 1 to 255 bytes.
struct state_part {
  std::string name;
  std::string bytes;

  bool operator==(const state_part&) const = default;
};

struct checkpoint {
  std::uint64_t journal_number = 1; ///< Replay from here.
  std::vector<state_part> parts;    ///< Names are unique.

  bool operator==(const checkpoint&) const = default;
};

/// A checkpoint as it is written: its parts are packed where they are made.
struct packed_part {
  std::string name;
  packed_state state;
};

struct packed_checkpoint {
  std::uint64_t journal_number = 1;
  std::vector<packed_part> parts;
};

packed_checkpoint pack(const checkpoint& x);

/// What renew_epoch() did, for the log.
struct renewal_report {
  std::uint64_t epoch_before = 0;
  std::uint64_t epoch = 0;
  std::uint64_t known_numbers = 0; ///< Dropped: the centre has them.
  std::uint64_t kept_numbers = 0;  ///< Numbered anew, from 1.
};

enum class outbox_state : std::uint8_t {
  ok,
  coalescing, ///< Some of what waits has become coarser, to keep within the budget.
  expiring,   ///< At the budget: the last commit gave blocks up.
  disk_full   ///< The last commit found no space, or had to shed blocks for it.
};
std::string_view to_string(outbox_state x);

struct outbox_stats {
  std::uint64_t blocks = 0;
  std::uint64_t records = 0;
  std::uint64_t size_bytes = 0; ///< Of the blocks' bytes.
  std::array<std::uint64_t, block_priority_count> size_bytes_by_priority{};
  std::uint64_t holes = 0;
  std::uint64_t hole_numbers = 0; ///< In these holes.
  std::uint64_t next_seq = 1;     ///< The number the next record gets.
  std::uint64_t unsent_seq = 1;   ///< Never offered from here on.
  std::uint64_t oldest_seq = 0;   ///< Of blocks and holes; 0: empty.
  std::uint64_t acknowledged_seq = 0;

  // Since the epoch began, in numbers. What was coalesced and is expired or shed later
  // counts as that.
  std::uint64_t expired_records = 0;
  std::uint64_t coalesced_records = 0; ///< Given numbers, merged into other records.
  std::uint64_t shed_records = 0;

  std::uint64_t checkpoint_bytes = 0;         ///< Of the last one.
  std::uint64_t checkpoint_written_bytes = 0; ///< Since the start; see commit().
  std::uint64_t level_percent = 0;            ///< Of the budget in use.
  std::uint64_t reserved_bytes = 0; ///< Disk space kept beyond the file's end.
  outbox_state state = outbox_state::ok;
};

/// From outbox_stats::unsent_seq on this database has never offered a number, in none of
/// its lives: the mark is durable before what it covers may leave. A centre that has one
/// of these numbers has it from a later state of the database, so this one was restored
/// from a backup, however many records it has made since: see renew_epoch(). (Of a
/// database that an older version has written nothing is known: there it is next_seq.)
///
/// Thread-safe: one writer commits while the uplink reads and acknowledges. A call
/// that writes is one durable transaction (LMDB's default sync), unless it says so.
class outbox {
public:
  /// Opens or makes the database. A damaged one is set aside as
  /// `<directory>.damaged-<n>` and a new one is made (see was_damaged()).
  /// `unix_ns` is only used to name what is set aside. Where nothing may be written the
  /// error is `read_only`: see memory_directory().
  static expected<std::unique_ptr<outbox>, error> open(const outbox_config& config,
                                                       std::int64_t unix_ns);

  ~outbox();
  outbox(const outbox&) = delete;
  outbox& operator=(const outbox&) = delete;

  /// Random, not 0, made with the database: names this numbering of records.
  std::uint64_t epoch() const;

  /// Counts how often the node began without its state, from 1. Summaries of one run
  /// replace each other by revision; those of different runs add up.
  std::uint32_t run() const;

  /// The node could not go on from a checkpoint: it begins the next run. (Not called at
  /// the first start: that is run 1.)
  expected<void, error> begin_run();

  bool was_damaged() const;

  /// Databases that were set aside and still lie there, the one of this start included.
  std::size_t files_set_aside() const;

  // -- what the node makes ---------------------------------------------------

  /// In one transaction: gives the blocks their numbers and appends them, and replaces
  /// the checkpoint if one is given. Returns the first number. Of the state only those
  /// chunks of 32 KB are written that changed since the last checkpoint.
  ///
  /// Gives blocks up at the budget (`expired`) and when the disk is full (`shed`), both
  /// in the same transaction, and coalesces in small steps. Errors: disk_full
  /// or map_full if nothing is left to give up; malformed for a block without records.
  /// On error nothing is changed: call again later, it resumes by itself.
  expected<std::uint64_t, error> commit(std::span<const new_block> blocks,
                                        const packed_checkpoint* state);

  /// The last one committed. Reading does not remove it. The error `malformed` means
  /// that its bytes are damaged: call drop_checkpoint() then.
  expected<std::optional<checkpoint>, error> load_checkpoint() const;

  /// Sets the checkpoint aside inside the database, for a person to look at; the one
  /// that was set aside before goes.
  expected<void, error> drop_checkpoint();

  /// What a node of format version 1 saved at its ordered shutdown. There until the
  /// first commit() or drop_checkpoint(), so that it is never used twice.
  expected<std::optional<std::string>, error> legacy_state() const;

  /// Takes the pages of the database that were read out of this process's memory: they
  /// count as resident, up to the whole file, though the kernel may drop them any time.
  void give_back_memory() const;

  // -- what the uplink takes -------------------------------------------------

  /// Blocks and holes that hold numbers > `after_seq`, in order; at least one if there
  /// is any, then as many as fit into `size_bytes_max`. What this has returned is
  /// OFFERED: it may be at the centre, so it is not coalesced any more until it is
  /// acknowledged, and expired only when nothing else is left. That is durable before
  /// this returns. Where the disk refuses it, it is tried again with each read and
  /// commit; the call fails with its error as long as no transaction has succeeded since
  /// the last contact either, otherwise it returns what it has found: what is sent makes
  /// room.
  expected<std::vector<outbox_entry>, error>
  read_after(std::uint64_t after_seq, std::size_t size_bytes_max) const;

  /// Removes all entries whose numbers are all <= `through_seq`, or all in
  /// [lane_first, lane_through] (lane_first 0: no lane). Numbers that were never given
  /// do not count. Takes effect at once; becomes durable with the next commit(), or
  /// now if much has come together. (After a crash in between the centre is asked again.)
  expected<void, error> acknowledge(std::uint64_t through_seq,
                                    std::uint64_t lane_first = 0,
                                    std::uint64_t lane_through = 0);

  /// The centre has told its position, and it fits to this database.
  void note_contact();

  /// The centre is ahead of us: this database is older than what it has seen (a backup
  /// that was restored). Begins a new random epoch. What the centre has, up to
  /// `through_seq` and in [lane_first, lane_through] (lane_first 0: no lane), is dropped,
  /// as far as it is from before the first start since the last contact. All others may
  /// be new; they are numbered from 1, in order.
  expected<renewal_report, error> renew_epoch(std::uint64_t through_seq,
                                              std::uint64_t lane_first = 0,
                                              std::uint64_t lane_through = 0);

  outbox_stats stats() const;

  struct impl;

private:
  explicit outbox(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

/// A directory `name` in memory (tmpfs), of this user alone, for a node whose disk may
/// not be written. It is made if it is not there; what it holds survives a crash, but
/// not a reboot. Error: `cannot_open` if the system offers none.
expected<std::filesystem::path, error> memory_directory(const std::string& name);

} // namespace weir::storage
