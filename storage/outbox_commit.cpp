// Committing and acknowledging.
#include "storage/outbox_impl.hpp"

#include "storage/failpoint.hpp"

#include <algorithm>
#include <cstdint>

namespace weir::storage {

using namespace outbox_table;

namespace {

constexpr std::uint64_t resident_bytes_max = 1 << 20;

// An acknowledgement waits for the next commit, unless so much has come together.
constexpr std::size_t unflushed_blocks_max = 4096;
constexpr std::size_t unflushed_bytes_max = 16 << 20;

// Pages on the way from the roots to what changes are written too.
constexpr std::size_t tree_bytes = 128 << 10;
constexpr std::size_t page_bytes = 4096;

constexpr int give_up_rounds_max = 4;

entry_view to_view(const new_block& x, std::uint64_t first_seq, std::uint32_t run) {
  entry_view result;
  result.first_seq = first_seq;
  result.seq_span = x.record_count;
  result.priority = x.priority;
  result.run = run;
  result.record_count = x.record_count;
  result.bytes = x.bytes;
  return result;
}

entry_view to_hole_view(std::uint64_t first_seq, const index_entry& x) {
  entry_view result;
  result.first_seq = first_seq;
  result.seq_span = x.seq_span;
  result.is_hole = true;
  result.reason = x.reason;
  return result;
}

std::size_t pages_for(std::size_t size_bytes) {
  return (size_bytes + page_bytes) / page_bytes * page_bytes;
}

/// No more than its chunks take.
std::size_t paged_bytes(const packed_state& x) {
  return static_cast<std::size_t>(x.packed_bytes()) + x.chunks().size() * page_bytes;
}

void check(std::span<const new_block> blocks) {
  for (const auto& block : blocks)
    if (block.record_count == 0
        || static_cast<std::size_t>(block.priority) >= block_priority_count)
      throw failure(errc::malformed, "a block without records has no place in the "
                                     "outbox; hand in only others.");
}

} // namespace

// -- in a transaction --------------------------------------------------------

void outbox::impl::erase_acknowledged(lmdb_txn& txn) const {
  for (auto first_seq : unflushed)
    txn.erase(blocks, entry_key(first_seq));
}

void outbox::impl::write(lmdb_txn& txn, const entry_changes& changes) const {
  for (auto first_seq : changes.erased)
    txn.erase(blocks, entry_key(first_seq));
  for (const auto& [first_seq, x] : changes.inserted)
    txn.put(blocks, entry_key(first_seq), to_value(to_hole_view(first_seq, x)));
}

/// Raises x.unsent_seq above all that is marked as offered, but not above x.next_seq: a
/// commit that failed may have left marks for numbers that were not given then.
void outbox::impl::put_counters(lmdb_txn& txn, outbox_counters& x) {
  {
    auto view = std::lock_guard{view_mutex};
    if (!offered.ranges().empty())
      x.unsent_seq = std::max(x.unsent_seq,
                              std::min(offered.ranges().back().last + 1, x.next_seq));
    if (offers_version != offers_saved_version)
      txn.put(meta, "offered", to_value(offered));
    offers_put_version = offers_version;
  }
  txn.put(meta, "counters", to_value(x));
}

void outbox::impl::apply(const entry_changes& changes) {
  for (auto first_seq : changes.erased)
    index.erase(first_seq);
  for (const auto& [first_seq, x] : changes.inserted)
    index.insert(first_seq, x);
}

/// A transaction with erase_acknowledged() and these counters is durable.
void outbox::impl::committed(const outbox_counters& x) {
  now = x;
  stored_first_start_seq = x.first_start_seq;
  unflushed.clear();
  unflushed_bytes = 0;
  {
    auto view = std::lock_guard{view_mutex};
    offers_saved_version = offers_put_version;
    // Readers see what is in the database already, and may have sent it.
    published.next_seq = x.next_seq;
    published.unsent_seq = x.unsent_seq;
  }
  env.top_up_reserve();
}

// -- committing --------------------------------------------------------------

/// So that an ordinary commit leaves the reserve alone.
void outbox::impl::require_space(std::span<const new_block> incoming,
                                 const packed_checkpoint* state) const {
  auto need = tree_bytes;
  for (const auto& block : incoming)
    need += pages_for(block.bytes.size());
  auto upper = need;
  if (state != nullptr)
    for (const auto& part : state->parts)
      upper += paged_bytes(part.state) + page_bytes;
  auto free = env.free_bytes();
  if (free >= upper)
    return;
  if (state != nullptr)
    need += checkpoints.changed_bytes(*state);
  if (free < need)
    throw failure(errc::disk_full,
                  config.directory.string()
                    + ": no space left: " + std::to_string(free >> 10) + " KB free, "
                    + std::to_string(need >> 10)
                    + " KB needed. Free some space on this file system; writing goes "
                      "on then.");
}

/// The file may hold three states: the last, the next, and pages of the one before that
/// cannot be used yet.
void outbox::impl::make_map_for(const packed_checkpoint& state) {
  std::uint64_t size = 0;
  for (const auto& part : state.parts)
    size += paged_bytes(part.state);
  if (size <= state_bytes_mapped)
    return;
  auto wanted = size + size / 2;
  env.grow(static_cast<std::size_t>(3 * (wanted - state_bytes_mapped)));
  state_bytes_mapped = wanted;
}

std::uint64_t outbox::impl::write_commit(std::span<const new_block> incoming,
                                         const packed_checkpoint* state) {
  require_space(incoming, state);
  auto after = now;
  auto size = index.size_bytes();
  for (const auto& block : incoming)
    size += block.bytes.size();
  auto rewrite_lock = std::unique_lock{rewrite_mutex, std::defer_lock};
  std::vector<given_up> victims;
  if (size > config.size_bytes_max) {
    rewrite_lock.lock();
    victims = choose_victims(size - config.size_bytes_max, incoming);
  }
  count(after, victims, hole_reason::expired);
  auto changes = to_holes(victims, hole_reason::expired);

  auto txn = lmdb_txn{env, true};
  erase_acknowledged(txn);
  std::vector<std::pair<std::uint64_t, index_entry>> added;
  for (const auto& block : incoming) {
    auto entry = to_view(block, after.next_seq, run);
    after.next_seq += block.record_count;
    if (std::any_of(victims.begin(), victims.end(),
                    [&](const auto& x) { return x.first_seq == entry.first_seq; }))
      continue;
    txn.append(blocks, entry_key(entry.first_seq), to_value(entry));
    added.emplace_back(entry.first_seq, to_index_entry(entry));
  }
  write(txn, changes);
  if (has_legacy_state)
    txn.erase(meta, "state");
  checkpoint_table::staged written;
  if (state != nullptr)
    written = checkpoints.write(txn, *state);
  {
    auto view = std::lock_guard{view_mutex};
    // A reader that has read all takes these next, before any other commit.
    if (after.next_seq > now.next_seq && std::exchange(reader_at_end, false)) {
      offered.add(now.next_seq, after.next_seq - 1);
      ++offers_version;
    }
  }
  put_counters(txn, after);
  failpoint("outbox.commit.before");
  txn.commit();
  failpoint("outbox.commit.after");
  auto first_seq = now.next_seq;
  apply(changes);
  for (const auto& [number, x] : added) {
    index.insert(number, x);
    appended_bytes += x.size_bytes;
  }
  committed(after);
  has_legacy_state = false;
  if (state != nullptr) {
    checkpoint_written_bytes += written.written_bytes;
    resident_bytes += written.written_bytes;
    checkpoints.adopt(std::move(written));
    // The kernel maps what surrounds each page that is looked at: soon all that large
    // states have used.
    if (resident_bytes >= resident_bytes_max) {
      env.give_back_pages();
      resident_bytes = 0;
    }
  }
  condition = !victims.empty()               ? outbox_state::expiring
              : index.coalesced_blocks() > 0 ? outbox_state::coalescing
                                             : outbox_state::ok;
  return first_seq;
}

std::uint64_t outbox::impl::commit(std::span<const new_block> incoming,
                                   const packed_checkpoint* state) {
  check(incoming);
  if (incoming.empty() && state == nullptr)
    return now.next_seq;
  if (state != nullptr)
    make_map_for(*state);
  auto size = tree_bytes;
  std::size_t size_coming = 0;
  for (const auto& block : incoming) {
    size += pages_for(block.bytes.size());
    size_coming += block.bytes.size();
  }
  if (size_coming > 0)
    keep_small(size_coming);
  bool has_shed = false;
  for (int round = 0;; ++round) {
    try {
      auto first_seq = write_commit(incoming, state);
      if (has_shed)
        condition = outbox_state::disk_full;
      else
        keep_small(0);
      publish();
      return first_seq;
    } catch (const failure& x) {
      auto code = x.what_happened.code;
      if (code == errc::disk_full)
        condition = outbox_state::disk_full;
      publish();
      if ((code != errc::disk_full && code != errc::map_full)
          || round == give_up_rounds_max)
        throw;
      has_shed = has_shed || code == errc::disk_full;
      auto reason = code == errc::disk_full ? hole_reason::shed : hole_reason::expired;
      if (!make_room(size << round, reason) && round > 0)
        throw;
    }
  }
}

// -- acknowledging -----------------------------------------------------------

void outbox::impl::acknowledge(std::uint64_t through_seq, number_range lane) {
  // The other side cannot have what was never sent.
  auto through = std::min(through_seq, now.next_seq - 1);
  auto remove = [this](std::uint64_t from, std::uint64_t to) {
    auto i = index.all().lower_bound(from);
    while (i != index.all().end() && outbox_index::last_seq(*i) <= to) {
      auto first_seq = i->first;
      unflushed_bytes += i->second.size_bytes;
      unflushed.push_back(first_seq);
      ++i;
      index.erase(first_seq);
    }
  };
  remove(0, through);
  if (lane.first != 0)
    remove(lane.first, std::min(lane.last, now.next_seq - 1));
  now.acknowledged_seq = std::max(now.acknowledged_seq, through);
  now.unsent_seq = std::max(now.unsent_seq, through + 1);
  if (lane.first != 0)
    now.unsent_seq
      = std::max(now.unsent_seq, std::min(lane.last, now.next_seq - 1) + 1);
  {
    auto view = std::lock_guard{view_mutex};
    offered.remove(0, now.acknowledged_seq);
    if (lane.first != 0 && lane.first <= lane.last)
      offered.remove(lane.first, lane.last);
    if (lane.first != 0)
      acknowledged_lane = lane;
    else if (through >= acknowledged_lane.last)
      acknowledged_lane = {};
    ++offers_version;
  }
  publish();
  if (unflushed.size() >= unflushed_blocks_max
      || unflushed_bytes >= unflushed_bytes_max)
    flush_acknowledged();
}

void outbox::impl::flush_acknowledged() {
  if (unflushed.empty())
    return;
  shrink([&] {
    auto txn = lmdb_txn{env, true};
    erase_acknowledged(txn);
    put_counters(txn, now);
    failpoint("outbox.acknowledge.before");
    txn.commit();
    failpoint("outbox.acknowledge.after");
  });
  committed(now);
}

} // namespace weir::storage
