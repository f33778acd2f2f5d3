// Giving blocks up: which go, and the holes that stay in their place.
#include "storage/outbox_impl.hpp"

#include "storage/failpoint.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace weir::storage {

using namespace outbox_table;

namespace {

/// Of the blocks that are just coming, takes those of one priority until it is enough.
void take_newcomers(std::span<const new_block> incoming, block_priority going,
                    std::uint64_t next_seq, std::size_t& size_wanted,
                    std::vector<given_up>& into) {
  for (const auto& block : incoming) {
    if (size_wanted == 0)
      return;
    if (block.priority == going) {
      into.push_back(
        {next_seq, next_seq + block.record_count - 1, block.record_count, false});
      size_wanted -= std::min(size_wanted, block.bytes.size());
    }
    next_seq += block.record_count;
  }
}

} // namespace

void count(outbox_counters& into, const std::vector<given_up>& victims,
           hole_reason reason) {
  for (const auto& x : victims) {
    auto span = x.last_seq - x.first_seq + 1;
    (reason == hole_reason::expired ? into.expired_records : into.shed_records) += span;
    into.coalesced_records -= std::min(into.coalesced_records, span - x.record_count);
  }
}

/// Of the stored blocks, takes those of one priority that are offered or not, oldest
/// first, until it is enough.
void outbox::impl::take_stored(block_priority going, bool of_offered,
                               std::size_t& size_wanted, std::vector<given_up>& into) {
  bool seen = false;
  for (auto i = index.first_of(going); i != index.all().end(); ++i) {
    if (size_wanted == 0)
      return;
    const auto& x = i->second;
    if (x.is_hole || x.priority != going)
      continue;
    if (!std::exchange(seen, true))
      index.note_first_of(going, i->first);
    auto last = outbox_index::last_seq(*i);
    if (offered.touches(i->first, last) != of_offered)
      continue;
    into.push_back({i->first, last, x.record_count, true, of_offered});
    size_wanted -= std::min<std::size_t>(size_wanted, x.size_bytes);
  }
  if (!seen)
    index.note_first_of(going, now.next_seq);
}

std::vector<given_up>
outbox::impl::choose_victims(std::size_t size_wanted,
                             std::span<const new_block> incoming) {
  std::vector<given_up> result;
  for (auto going : {block_priority::raw, block_priority::summary}) {
    take_stored(going, false, size_wanted, result);
    take_stored(going, true, size_wanted, result);
    take_newcomers(incoming, going, now.next_seq, size_wanted, result);
  }
  return result;
}

entry_changes outbox::impl::to_holes(std::vector<given_up> victims,
                                     hole_reason reason) const {
  std::sort(victims.begin(), victims.end(), [](const auto& left, const auto& right) {
    return left.first_seq < right.first_seq;
  });
  const auto& all = index.all();
  auto may_join = [&](outbox_index::entries::const_iterator i) {
    return i->second.is_hole && i->second.reason == reason
           && !offered.touches(i->first, outbox_index::last_seq(*i));
  };
  entry_changes result;
  index_entry hole;
  hole.is_hole = true;
  hole.reason = reason;
  bool previous_is_offered = false;
  for (const auto& x : victims) {
    if (x.is_stored)
      result.erased.push_back(x.first_seq);
    bool joins
      = !result.inserted.empty() && !x.is_offered && !previous_is_offered
        && result.inserted.back().first + result.inserted.back().second.seq_span
             == x.first_seq;
    previous_is_offered = x.is_offered;
    if (!joins)
      result.inserted.emplace_back(x.first_seq, hole);
    auto& [first, into] = result.inserted.back();
    into.seq_span = x.last_seq - first + 1;
    if (x.is_offered)
      continue;
    auto before = all.lower_bound(x.first_seq);
    if (!joins && before != all.begin()
        && outbox_index::last_seq(*--before) + 1 == x.first_seq && may_join(before)) {
      result.erased.push_back(before->first);
      first = before->first;
      into.seq_span = x.last_seq - first + 1;
    }
    auto next = all.find(x.last_seq + 1);
    if (next != all.end() && may_join(next)) {
      result.erased.push_back(next->first);
      into.seq_span += next->second.seq_span;
    }
  }
  return result;
}

bool outbox::impl::make_room(std::size_t size_wanted, hole_reason reason) {
  auto size_before = index.size_bytes();
  try {
    if (reason == hole_reason::shed)
      coalesce_for_room(size_wanted);
  } catch (const std::exception&) {
    // Not even that fits: then something must go.
  }
  size_wanted -= std::min<std::size_t>(size_wanted, size_before - index.size_bytes());
  auto rewrite_lock = std::lock_guard{rewrite_mutex};
  auto victims = choose_victims(size_wanted, {});
  auto had_unflushed = !unflushed.empty();
  auto after = now;
  count(after, victims, reason);
  auto changes = to_holes(victims, reason);
  shrink([&] {
    auto txn = lmdb_txn{env, true};
    erase_acknowledged(txn);
    write(txn, changes);
    put_counters(txn, after);
    failpoint("outbox.give_up.before");
    txn.commit();
    failpoint("outbox.give_up.after");
  });
  apply(changes);
  committed(after);
  publish();
  // LMDB takes what a transaction has freed from the second one after it on.
  shrink([&] {
    auto txn = lmdb_txn{env, true};
    txn.put(meta, "counters", to_value(now));
    txn.commit();
  });
  return had_unflushed || !victims.empty() || index.size_bytes() < size_before;
}

} // namespace weir::storage
