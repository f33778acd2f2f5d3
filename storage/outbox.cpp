#include "storage/outbox.hpp"

#include "storage/big_endian.hpp"
#include "storage/failpoint.hpp"
#include "storage/outbox_impl.hpp"
#include "storage/random_id.hpp"

#include <algorithm>

namespace weir::storage {

using namespace outbox_table;

namespace {

constexpr std::uint32_t format_version = 2;

// Pages come whole, and deleting needs pages too.
constexpr std::size_t map_slack_bytes = 64 << 20;

lmdb_options to_options(const outbox_config& config) {
  return {config.directory,
          config.size_bytes_max * 2 + map_slack_bytes,
          {"meta", "blocks", "chunks"},
          std::min(config.reserve_bytes, config.size_bytes_max / 16)};
}

std::uint32_t stored_format(const lmdb_txn& txn) {
  auto value = txn.get(meta, "format");
  if (!value)
    return 0;
  auto in = byte_reader{*value};
  auto version = in.take<std::uint32_t>();
  if (!in.complete() || version == 0)
    throw failure(errc::malformed, "the outbox's format cannot be read.");
  if (version > format_version)
    throw failure(errc::unsupported,
                  "the outbox has format " + std::to_string(version)
                    + ", this program knows up to " + std::to_string(format_version)
                    + ". Start the newer program that wrote it, or name "
                      "another directory.");
  return version;
}

} // namespace

std::uint64_t first_seq_of(const outbox_entry& x) {
  return std::visit([](const auto& entry) { return entry.first_seq; }, x);
}

std::uint64_t last_seq_of(const outbox_entry& x) {
  if (const auto* block = std::get_if<stored_block>(&x))
    return block->last_seq();
  return std::get<hole>(x).last_seq;
}

std::string_view to_string(outbox_state x) {
  constexpr std::array<std::string_view, 4> names{"ok", "coalescing", "expiring",
                                                  "disk_full"};
  return names.at(static_cast<std::size_t>(x));
}

outbox::impl::impl(const outbox_config& wanted, std::int64_t unix_ns)
  : config(wanted), env(to_options(wanted), unix_ns) {
  was_damaged = env.was_damaged();
  load();
  files_set_aside = database_directory::set_aside_count(config.directory);
}

void outbox::impl::load() {
  auto txn = lmdb_txn{env, true};
  auto format = stored_format(txn);
  std::string text;
  put_be(text, format_version);
  txn.put(meta, "format", text);
  auto identity = byte_reader{txn.get(meta, "identity").value_or("")};
  epoch = identity.take<std::uint64_t>();
  run = identity.take<std::uint32_t>();
  if (epoch == 0)
    epoch = random_id();
  run = std::max(run, std::uint32_t{1});
  put_identity(txn);
  if (auto stored = txn.get(meta, "counters"))
    now = format == 1 ? to_counters_of_version_1(*stored) : to_counters(*stored);
  if (auto stored = txn.get(meta, "offered"))
    offered = to_ranges(*stored);
  if (auto stored = txn.get(meta, "widths"))
    ladder = to_ladder(*stored);
  for (auto width_ns : config.widths_in_use_ns)
    ladder.take(width_ns);
  if (format == 1) {
    text.clear();
    put_be(text, run);
    txn.put(meta, "run_of_version_1", text);
  }
  run_of_version_1
    = byte_reader{txn.get(meta, "run_of_version_1").value_or("")}.take<std::uint32_t>();
  has_legacy_state = txn.get(meta, "state").has_value();
  if (now.first_start_seq == 0)
    now.first_start_seq = now.next_seq;
  load_entries(txn);
  checkpoints.load(txn);
  put_counters(txn, now);
  txn.commit();
  stored_first_start_seq = now.first_start_seq;
  publish();
}

void outbox::impl::load_entries(const lmdb_txn& txn) {
  auto cursor = lmdb_cursor{txn, blocks};
  auto next_free = std::uint64_t{1};
  for (bool more = cursor.first(); more; more = cursor.next()) {
    auto found = to_entry(cursor.key(), cursor.value(), run_of_version_1);
    if (found.first_seq < next_free || found.seq_span > now.next_seq
        || found.first_seq > now.next_seq - found.seq_span)
      throw failure(errc::malformed, "the outbox's numbering is damaged at record "
                                       + std::to_string(found.first_seq) + ".");
    next_free = found.first_seq + found.seq_span;
    if (next_free - 1 <= now.acknowledged_seq)
      unflushed.push_back(found.first_seq); // Its removal was not durable yet.
    else
      index.insert(found.first_seq, to_index_entry(found));
  }
}

void outbox::impl::put_identity(lmdb_txn& txn) const {
  std::string text;
  put_be(text, epoch);
  put_be(text, run);
  txn.put(meta, "identity", text);
}

void outbox::impl::begin_run() {
  run += 1;
  try {
    shrink([&] {
      auto txn = lmdb_txn{env, true};
      put_identity(txn);
      failpoint("outbox.begin_run.before");
      txn.commit();
      failpoint("outbox.begin_run.after");
    });
  } catch (...) {
    run -= 1;
    throw;
  }
}

void outbox::impl::publish() {
  auto lock = std::lock_guard{view_mutex};
  auto& x = published;
  x.blocks = index.blocks();
  x.records = index.records();
  x.size_bytes = index.size_bytes();
  x.size_bytes_by_priority = index.size_bytes_by_priority();
  x.holes = index.holes();
  x.hole_numbers = index.hole_numbers();
  x.next_seq = now.next_seq;
  x.unsent_seq = now.unsent_seq;
  x.oldest_seq = index.all().empty() ? 0 : index.all().begin()->first;
  x.acknowledged_seq = now.acknowledged_seq;
  x.expired_records = now.expired_records;
  x.coalesced_records = now.coalesced_records;
  x.shed_records = now.shed_records;
  x.checkpoint_bytes = checkpoints.size_bytes();
  x.checkpoint_written_bytes = checkpoint_written_bytes;
  x.level_percent
    = config.size_bytes_max == 0 ? 100 : x.size_bytes * 100 / config.size_bytes_max;
  x.reserved_bytes = env.reserved_bytes();
  x.state = condition;
}

// -- public functions --------------------------------------------------------

outbox::outbox(std::unique_ptr<impl> state) : impl_(std::move(state)) {
}

outbox::~outbox() {
  // What is not written is asked for again: nothing is lost if this fails.
  static_cast<void>(guarded([&] { impl_->flush_acknowledged(); }));
}

expected<std::unique_ptr<outbox>, error> outbox::open(const outbox_config& config,
                                                      std::int64_t unix_ns) {
  return guarded([&] {
    try {
      return std::unique_ptr<outbox>{
        new outbox{std::make_unique<impl>(config, unix_ns)}};
    } catch (const failure& x) {
      if (x.what_happened.code != errc::malformed
          && x.what_happened.code != errc::damaged)
        throw;
    }
    database_directory{config.directory}.set_aside(unix_ns);
    auto fresh = std::make_unique<impl>(config, unix_ns);
    fresh->was_damaged = true;
    return std::unique_ptr<outbox>{new outbox{std::move(fresh)}};
  });
}

std::uint64_t outbox::epoch() const {
  auto lock = std::lock_guard{impl_->write_mutex};
  return impl_->epoch;
}

std::uint32_t outbox::run() const {
  auto lock = std::lock_guard{impl_->write_mutex};
  return impl_->run;
}

expected<void, error> outbox::begin_run() {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    impl_->begin_run();
  });
}

bool outbox::was_damaged() const {
  return impl_->was_damaged;
}

std::size_t outbox::files_set_aside() const {
  return impl_->files_set_aside;
}

expected<std::uint64_t, error> outbox::commit(std::span<const new_block> blocks,
                                              const packed_checkpoint* state) {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    return impl_->commit(blocks, state);
  });
}

void outbox::give_back_memory() const {
  // What fails is only not given back.
  static_cast<void>(guarded([&] { impl_->env.give_back_pages(); }));
}

expected<std::optional<checkpoint>, error> outbox::load_checkpoint() const {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    return impl_->checkpoints.read(lmdb_txn{impl_->env, false});
  });
}

expected<void, error> outbox::drop_checkpoint() {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    impl_->shrink([&] {
      auto txn = lmdb_txn{impl_->env, true};
      impl_->checkpoints.set_aside(txn);
      if (auto state = txn.get(meta, "state")) {
        auto kept = std::string{*state};
        txn.put(meta, "state_aside", kept);
        txn.erase(meta, "state");
      }
      failpoint("outbox.drop_checkpoint.before");
      txn.commit();
      failpoint("outbox.drop_checkpoint.after");
    });
    impl_->has_legacy_state = false;
    impl_->checkpoints.load(lmdb_txn{impl_->env, false});
    impl_->publish();
  });
}

expected<std::optional<std::string>, error> outbox::legacy_state() const {
  return guarded([&] {
    constexpr char state_version = 1;
    auto txn = lmdb_txn{impl_->env, false};
    auto value = txn.get(meta, "state");
    std::optional<std::string> result;
    if (value && (value->empty() || value->front() != state_version))
      throw failure(errc::unsupported,
                    "the outbox holds a saved state of another version; start "
                    "the program that wrote it.");
    if (value)
      result = std::string{value->substr(1)};
    return result;
  });
}

expected<std::vector<outbox_entry>, error>
outbox::read_after(std::uint64_t after_seq, std::size_t size_bytes_max) const {
  return guarded([&] { return impl_->read_after(after_seq, size_bytes_max); });
}

expected<void, error> outbox::acknowledge(std::uint64_t through_seq,
                                          std::uint64_t lane_first,
                                          std::uint64_t lane_through) {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    impl_->acknowledge(through_seq, {lane_first, lane_through});
  });
}

void outbox::note_contact() {
  auto lock = std::lock_guard{impl_->write_mutex};
  impl_->now.first_start_seq = 0; // Becomes durable with the next commit.
}

expected<renewal_report, error> outbox::renew_epoch(std::uint64_t through_seq,
                                                    std::uint64_t lane_first,
                                                    std::uint64_t lane_through) {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    return impl_->renew_epoch(through_seq, {lane_first, lane_through});
  });
}

outbox_stats outbox::stats() const {
  auto lock = std::lock_guard{impl_->view_mutex};
  return impl_->published;
}

} // namespace weir::storage
