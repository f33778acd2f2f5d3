#include "storage/outbox.hpp"

#include "storage/big_endian.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/outbox_values.hpp"
#include "storage/random_id.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace weir::storage {

namespace {

constexpr lmdb_table meta_table{0};
constexpr lmdb_table block_table{1};

constexpr std::uint32_t format_version = 1;
constexpr std::uint8_t state_version = 1;

// Pages come whole, and deleting needs pages too.
constexpr std::size_t map_slack_bytes = 64 << 20;
constexpr std::size_t map_reserve_bytes = 16 << 20;
constexpr std::size_t map_grown_bytes_max = 64 << 20;

/// What is known in memory of a block that waits.
struct block_entry {
  std::uint32_t record_count = 0;
  block_priority priority = block_priority::summary;
  std::size_t size_bytes = 0;
};
using block_index = std::map<std::uint64_t, block_entry>;

lmdb_options to_options(const outbox_config& config) {
  return {
    config.directory, config.size_bytes_max * 2 + map_slack_bytes, {"meta", "blocks"}};
}

} // namespace

struct outbox::impl {
  impl(const outbox_config& config, std::int64_t unix_ns)
    : size_bytes_max(config.size_bytes_max), env(to_options(config), unix_ns) {
    was_damaged = env.was_damaged();
    load();
  }

  void load();
  void load_blocks(const lmdb_txn& txn);
  std::uint64_t append(std::span<const new_block> blocks);
  void acknowledge(std::uint64_t through_seq);
  std::vector<std::uint64_t> over_budget(const block_index& added) const;
  void make_room();
  void remove(std::span<const std::uint64_t> numbers, outbox_counters now);
  void publish();

  /// Runs `write`; if the map is full, once more with a larger one. Only for
  /// what makes the database smaller.
  template <class Write>
  void shrink(Write write) {
    try {
      write();
    } catch (const failure& x) {
      if (x.what_happened.code != errc::map_full || grown_bytes >= map_grown_bytes_max)
        throw;
      env.grow(map_reserve_bytes);
      grown_bytes += map_reserve_bytes;
      write();
    }
  }

  const std::size_t size_bytes_max;
  lmdb_env env;
  bool was_damaged = false;
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;

  std::mutex write_mutex; // Guards `blocks`, `bytes`, `now` and the order of writes.
  block_index blocks;
  std::uint64_t records = 0;
  std::size_t bytes = 0;
  outbox_counters now;
  std::size_t grown_bytes = 0;

  mutable std::mutex stats_mutex; // So that stats() never waits for the disk.
  outbox_stats published;
};

void outbox::impl::load() {
  auto txn = lmdb_txn{env, true};
  if (auto format = txn.get(meta_table, "format")) {
    auto in = byte_reader{*format};
    auto version = in.take<std::uint32_t>();
    if (in.ok() && version > format_version)
      throw failure(errc::unsupported,
                    "the outbox has format " + std::to_string(version)
                      + ", this program knows up to " + std::to_string(format_version)
                      + ". Start the newer program that wrote it, or name "
                        "another directory.");
  }
  std::string text;
  put_be(text, format_version);
  txn.put(meta_table, "format", text);
  auto identity = byte_reader{txn.get(meta_table, "identity").value_or("")};
  epoch = identity.take<std::uint64_t>();
  run = identity.take<std::uint32_t>();
  if (epoch == 0)
    epoch = random_id();
  run += 1;
  text.clear();
  put_be(text, epoch);
  put_be(text, run);
  txn.put(meta_table, "identity", text);
  if (auto stored = txn.get(meta_table, "counters"))
    now = to_counters(*stored);
  load_blocks(txn);
  txn.commit();
  publish();
}

void outbox::impl::load_blocks(const lmdb_txn& txn) {
  auto cursor = lmdb_cursor{txn, block_table};
  auto next_free = std::uint64_t{1};
  for (bool more = cursor.first(); more; more = cursor.next()) {
    auto found = to_block(cursor.key(), cursor.value());
    if (found.first_seq < next_free || found.record_count == 0
        || found.record_count > now.next_seq
        || found.first_seq > now.next_seq - found.record_count)
      throw failure(errc::malformed, "the outbox's numbering is damaged at "
                                     "record "
                                       + std::to_string(found.first_seq) + ".");
    next_free = found.first_seq + found.record_count;
    blocks.emplace_hint(
      blocks.end(), found.first_seq,
      block_entry{found.record_count, found.priority, found.bytes.size()});
    records += found.record_count;
    bytes += found.bytes.size();
  }
}

void outbox::impl::publish() {
  auto lock = std::lock_guard{stats_mutex};
  published = {blocks.size(),
               records,
               bytes,
               now.next_seq,
               blocks.empty() ? 0 : blocks.begin()->first,
               now.acknowledged_seq,
               now.expired_records};
}

/// The oldest summary blocks that must go so that the rest fits.
std::vector<std::uint64_t> outbox::impl::over_budget(const block_index& added) const {
  auto total = bytes;
  for (const auto& [number, block] : added)
    total += block.size_bytes;
  std::vector<std::uint64_t> going;
  for (const auto* index : {&blocks, &added}) {
    for (auto i = index->begin(); i != index->end(); ++i) {
      if (total <= size_bytes_max)
        return going;
      if (i->second.priority != block_priority::summary)
        continue;
      going.push_back(i->first);
      total -= i->second.size_bytes;
    }
  }
  return going;
}

std::uint64_t outbox::impl::append(std::span<const new_block> incoming) {
  auto after = now;
  block_index added;
  for (const auto& block : incoming) {
    if (block.record_count == 0)
      throw failure(errc::malformed, "a block without records has no place in "
                                     "the outbox; hand in only others.");
    added[after.next_seq] = {block.record_count, block.priority, block.bytes.size()};
    after.next_seq += block.record_count;
  }
  if (added.empty())
    return now.next_seq;
  auto going = over_budget(added);
  auto txn = lmdb_txn{env, true};
  for (auto number : going) {
    auto old = blocks.find(number);
    const auto& entry = old != blocks.end() ? old->second : added[number];
    after.expired_records += entry.record_count;
    if (old != blocks.end())
      txn.erase(block_table, block_key(number));
  }
  auto source = incoming.begin();
  for (const auto& [number, block] : added) {
    if (!std::binary_search(going.begin(), going.end(), number))
      txn.append(block_table, block_key(number), to_value(*source));
    ++source;
  }
  txn.put(meta_table, "counters", to_value(after));
  txn.commit();
  for (const auto& [number, block] : added) {
    blocks.emplace_hint(blocks.end(), number, block);
    records += block.record_count;
    bytes += block.size_bytes;
  }
  auto first = now.next_seq;
  for (auto number : going) {
    auto gone = blocks.extract(number);
    records -= gone.mapped().record_count;
    bytes -= gone.mapped().size_bytes;
  }
  now = after;
  publish();
  return first;
}

/// Expires the oldest summary blocks, a quarter of the bytes that they hold.
void outbox::impl::make_room() {
  std::size_t summary_bytes = 0;
  for (const auto& [number, block] : blocks)
    if (block.priority == block_priority::summary)
      summary_bytes += block.size_bytes;
  auto after = now;
  std::vector<std::uint64_t> going;
  std::size_t freed = 0;
  for (auto i = blocks.begin(); i != blocks.end() && freed <= summary_bytes / 4; ++i) {
    if (i->second.priority != block_priority::summary)
      continue;
    going.push_back(i->first);
    freed += i->second.size_bytes;
    after.expired_records += i->second.record_count;
  }
  // Also with nothing to remove: what an acknowledgement has freed can be used
  // from the second transaction on.
  remove(going, after);
}

void outbox::impl::remove(std::span<const std::uint64_t> numbers,
                          outbox_counters after) {
  shrink([&] {
    auto txn = lmdb_txn{env, true};
    for (auto number : numbers)
      txn.erase(block_table, block_key(number));
    txn.put(meta_table, "counters", to_value(after));
    txn.commit();
  });
  for (auto number : numbers) {
    auto gone = blocks.extract(number);
    records -= gone.mapped().record_count;
    bytes -= gone.mapped().size_bytes;
  }
  now = after;
  publish();
}

void outbox::impl::acknowledge(std::uint64_t through_seq) {
  // The other side cannot have what was never sent.
  auto through = std::min(through_seq, now.next_seq - 1);
  std::vector<std::uint64_t> going;
  for (const auto& [number, block] : blocks) {
    if (number + block.record_count - 1 > through)
      break;
    going.push_back(number);
  }
  if (going.empty() && through <= now.acknowledged_seq)
    return;
  auto after = now;
  after.acknowledged_seq = std::max(now.acknowledged_seq, through);
  remove(going, after);
}

outbox::outbox(std::unique_ptr<impl> state) : impl_(std::move(state)) {
}

outbox::~outbox() = default;

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
  return impl_->epoch;
}

std::uint32_t outbox::run() const {
  return impl_->run;
}

bool outbox::was_damaged() const {
  return impl_->was_damaged;
}

expected<std::uint64_t, error> outbox::append(std::span<const new_block> blocks) {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    try {
      return impl_->append(blocks);
    } catch (const failure& x) {
      if (x.what_happened.code != errc::map_full)
        throw;
    }
    impl_->make_room();
    return impl_->append(blocks);
  });
}

expected<std::vector<stored_block>, error>
outbox::read_after(std::uint64_t after_seq, std::size_t size_bytes_max) const {
  return guarded([&] {
    std::vector<stored_block> result;
    if (after_seq == ~std::uint64_t{0})
      return result;
    auto txn = lmdb_txn{impl_->env, false};
    auto cursor = lmdb_cursor{txn, block_table};
    std::size_t size = 0;
    for (bool more = cursor.seek(block_key(after_seq + 1)); more;
         more = cursor.next()) {
      auto found = to_block(cursor.key(), cursor.value());
      size += found.bytes.size();
      if (size > size_bytes_max && !result.empty())
        break;
      result.push_back({found.first_seq, found.record_count, found.priority,
                        std::string{found.bytes}});
    }
    return result;
  });
}

expected<void, error> outbox::acknowledge(std::uint64_t through_seq) {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    impl_->acknowledge(through_seq);
  });
}

expected<void, error> outbox::save_state(std::string_view bytes) {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    std::string value;
    put_be(value, state_version);
    value.append(bytes);
    auto txn = lmdb_txn{impl_->env, true};
    txn.put(meta_table, "state", value);
    txn.commit();
  });
}

expected<std::optional<std::string>, error> outbox::take_state() {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    std::optional<std::string> result;
    impl_->shrink([&] {
      auto txn = lmdb_txn{impl_->env, true};
      auto value = txn.get(meta_table, "state");
      if (!value)
        return;
      if (value->empty() || value->front() != state_version)
        throw failure(errc::unsupported,
                      "the outbox holds a saved state of another version; start "
                      "the program that wrote it.");
      result = std::string{value->substr(1)};
      txn.erase(meta_table, "state");
      txn.commit();
    });
    return result;
  });
}

outbox_stats outbox::stats() const {
  auto lock = std::lock_guard{impl_->stats_mutex};
  return impl_->published;
}

} // namespace weir::storage
