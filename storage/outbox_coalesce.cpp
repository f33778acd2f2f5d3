// Coalescing what waits, in small steps: see analytics/coalesce.hpp for what is merged.
//
// A step takes a run of neighbouring blocks, of which nobody outside knows (not offered),
// of one run of the node, and writes fewer ones that stand for the same numbers. It
// begins with the oldest of those that were coalesced the least: so the whole outage
// gets coarser evenly, twice as old is not twice as coarse.
#include "storage/outbox_impl.hpp"

#include "storage/coalesced_blocks.hpp"
#include "storage/failpoint.hpp"

#include "analytics/coalesce.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <set>

namespace weir::storage {

using namespace outbox_table;
using analytics::record_block;

namespace {

/// Of the input of a step, so that no commit takes long. Where a step holds too few
/// windows of each series to merge any, it may take up to coalesce_records_max.
constexpr std::size_t step_bytes_max = 2 << 20;
constexpr std::size_t step_records = 8192;
constexpr std::size_t bytes_per_record_max = step_bytes_max / step_records;
constexpr std::size_t step_bytes_min = 64 << 10;
constexpr std::size_t steps_max = 4;
constexpr std::size_t steps_at_budget_max = 8;
constexpr unsigned pause_commits = 16; // After nothing was found.

constexpr std::size_t small_step_bytes_max = 512 << 10;
constexpr std::uint64_t low_space_bytes = 1 << 20;

constexpr std::size_t small_block_bytes = 16 << 10;
constexpr std::size_t pack_bytes_max = 256 << 10;
constexpr std::size_t pack_blocks_min = 8;

constexpr std::size_t encoded_bytes_max = 1 << 20; // What the link takes.

constexpr std::size_t newest_tries_max = 8;

/// Key, header and page share of a block.
constexpr std::size_t block_overhead_bytes = 64;

/// What one step works on.
struct step {
  std::vector<std::uint64_t> numbers; ///< First ones, of the blocks.
  std::vector<record_block> blocks;
  std::uint64_t last_seq = 0;
  std::uint64_t seen_through_seq = 0; ///< With what was looked at and not taken.
  std::size_t size_bytes = 0;
  std::uint64_t records = 0;
  std::uint32_t run = 0;
  std::uint8_t coalesced = 0;
  bool is_front = false;
  bool is_cut = false; ///< It has reached its limit.

  /// Why it holds no more.
  enum {
    may_grow,
    border,   ///< What follows can never be merged with it.
    too_young ///< What follows, and what is here is too little.
  } stop
    = may_grow;
};

/// Widths that windows of the node have: those that occur more than once. (Sessions have
/// any width, each once.)
void note_widths(const std::vector<record_block>& blocks,
                 analytics::width_ladder& ladder) {
  std::map<std::int64_t, std::size_t> counts;
  for (const auto& block : blocks)
    for (const auto& x : block.summaries)
      if (++counts[x.width_ns] == 2)
        ladder.take(x.width_ns);
}

} // namespace

struct outbox::impl::coalescing {
  explicit coalescing(impl& wanted_box) : box(wanted_box) {
  }

  /// One attempt; false: there is nothing to try. Marks what has nothing to gain.
  bool merge(std::size_t size_max) {
    keep_from_ns = newest_end_ns();
    if (keep_from_ns < std::numeric_limits<std::int64_t>::min() / 2)
      return false;
    keep_from_ns -= box.config.coalesce_min_age_ns;
    auto chosen = choose(size_max);
    if (chosen)
      work(*chosen);
    return chosen.has_value();
  }

  /// Puts many small blocks into few large ones; their records stay as they are.
  bool pack() {
    is_packing = true;
    copy_offered();
    const auto& all = box.index.all();
    for (auto i = all.upper_bound(box.packed_through_seq); i != all.end();) {
      if (!is_free(i) || i->second.size_bytes > small_block_bytes) {
        ++i;
        continue;
      }
      auto run = collect(i, pack_bytes_max);
      box.packed_through_seq = run.seen_through_seq;
      if (run.numbers.size() >= pack_blocks_min) {
        work(run);
        return true;
      }
      i = all.upper_bound(run.seen_through_seq);
    }
    box.packed_through_seq = 0; // Once more from the beginning, later.
    return false;
  }

private:
  using iterator = outbox_index::entries::const_iterator;

  std::optional<record_block> decode(std::uint64_t first_seq) const {
    auto txn = lmdb_txn{box.env, false};
    auto key = entry_key(first_seq);
    auto value = txn.get(blocks, key);
    if (!value)
      return std::nullopt;
    auto found = to_entry(key, *value, box.run_of_version_1);
    auto result = box.config.decode(found.bytes);
    if (!result || result->record_count() != found.record_count)
      return std::nullopt;
    return std::move(*result);
  }

  std::int64_t newest_end_ns() const {
    std::size_t tries = 0;
    const auto& all = box.index.all();
    for (auto i = all.rbegin(); i != all.rend() && tries < newest_tries_max; ++i) {
      if (i->second.is_hole || i->second.priority != block_priority::summary)
        continue;
      ++tries;
      if (auto found = decode(i->first); found && !found->summaries.empty())
        return analytics::middle_end_ns(*found);
    }
    return std::numeric_limits<std::int64_t>::min();
  }

  bool is_free(iterator i) const {
    return !i->second.is_hole && !i->second.is_opaque && i->second.coalesced < 255
           && !offered.touches(i->first, outbox_index::last_seq(*i));
  }

  /// `right` goes on where `left` ends, and may be merged with it.
  bool is_next(iterator left, iterator right) const {
    return outbox_index::last_seq(*left) + 1 == right->first && is_free(right)
           && right->second.run == left->second.run
           && right->second.coalesced == left->second.coalesced;
  }

  void copy_offered() {
    auto view = std::lock_guard{box.view_mutex};
    offered = box.offered;
  }

  std::optional<step> choose(std::size_t size_max) {
    copy_offered();
    std::set<std::uint8_t> levels;
    for (const auto& [first_seq, x] : box.index.all())
      if (!x.is_hole && !x.is_exhausted && !x.is_opaque)
        levels.insert(x.coalesced);
    for (auto level : levels) {
      auto& effort = box.effort_of(level);
      if (box.appended_bytes < effort.retry_at_bytes)
        continue;
      if (auto found = choose_at(level, size_max))
        return found;
      effort.retry_at_bytes = box.appended_bytes + step_bytes_min / 2;
    }
    return std::nullopt;
  }

  /// From the oldest block on that was coalesced so often and may have something to gain.
  std::optional<step> choose_at(std::uint8_t level, std::size_t size_max) {
    const auto& all = box.index.all();
    for (auto i = all.begin(); i != all.end();) {
      if (i->second.coalesced != level || i->second.is_exhausted || !is_free(i)) {
        ++i;
        continue;
      }
      auto result = collect(with_rest(i, size_max), size_max);
      if (result.stop == step::too_young)
        return std::nullopt; // All that follows is younger.
      if (!result.numbers.empty())
        return result;
      i = all.upper_bound(result.seen_through_seq);
    }
    return std::nullopt;
  }

  /// What the step before left over lies before `i` with nothing to gain by itself.
  iterator with_rest(iterator i, std::size_t size_max) const {
    std::size_t size = 0;
    while (i != box.index.all().begin() && size < size_max / 8) {
      auto before = std::prev(i);
      if (!is_free(before) || !before->second.is_exhausted || !is_next(before, i))
        break;
      i = before;
      size += i->second.size_bytes;
    }
    return i;
  }

  /// The run of blocks that begins with `i`. Empty if it is not worth the work yet.
  step collect(iterator i, std::size_t size_max) {
    const auto& all = box.index.all();
    step result;
    result.run = i->second.run;
    result.coalesced = i->second.coalesced;
    result.is_front = i == all.begin() || std::prev(i)->second.is_hole
                      || outbox_index::last_seq(*std::prev(i)) + 1 != i->first;
    std::size_t new_bytes = 0;
    auto records_max
      = is_packing ? ~std::uint64_t{0} : box.effort_of(result.coalesced).records_max;
    if (!is_packing && records_max > step_records) // Then their bytes too.
      size_max = std::max(size_max,
                          static_cast<std::size_t>(records_max) * bytes_per_record_max);
    for (auto before = i; i != all.end(); before = i++) {
      bool is_first = result.numbers.empty();
      if (!is_first && !is_next(before, i)) {
        result.stop
          = i->second.coalesced < result.coalesced ? step::may_grow : step::border;
        break;
      }
      result.is_cut = !is_first
                      && (result.size_bytes + i->second.size_bytes > size_max
                          || result.records + i->second.record_count > records_max);
      if (result.is_cut)
        break;
      auto records = decode(i->first);
      result.seen_through_seq = outbox_index::last_seq(*i);
      if (!records) {
        box.index.mark_opaque(i->first); // Not for us to read: it stays.
        result.stop = step::border;
        break;
      }
      if (!is_packing && analytics::middle_end_ns(*records) > keep_from_ns) {
        result.stop = step::too_young;
        break;
      }
      result.numbers.push_back(i->first);
      result.last_seq = result.seen_through_seq;
      result.blocks.push_back(std::move(*records));
      result.size_bytes += i->second.size_bytes;
      result.records += i->second.record_count;
      new_bytes += i->second.is_exhausted ? 0 : i->second.size_bytes;
    }
    if (is_packing)
      return result;
    auto size_min
      = std::min<std::size_t>(step_bytes_min, box.config.size_bytes_max / 64);
    if (result.stop != step::border && !result.is_cut && new_bytes < size_min)
      result.numbers.clear();
    else if (!result.numbers.empty() && result.stop == step::too_young)
      result.stop = step::may_grow;
    return result;
  }

  void work(const step& chosen) {
    auto ladder = box.ladder;
    if (chosen.coalesced == 0)
      note_widths(chosen.blocks, ladder);
    auto limit_ns
      = is_packing ? std::numeric_limits<std::int64_t>::min() : keep_from_ns;
    auto records
      = analytics::coalesce(chosen.blocks, {limit_ns, chosen.is_front}, ladder);
    bool more_would_help = records.rest.record_count() > 0;
    auto made = encode_coalesced(box.config, std::move(records),
                                 chosen.last_seq - chosen.numbers.front() + 1);
    auto size_before = chosen.size_bytes + block_overhead_bytes * chosen.numbers.size();
    auto size_after = size_of(made) + block_overhead_bytes * made.size();
    bool fits = std::all_of(made.begin(), made.end(), [](const auto& x) {
      return x.bytes.size() <= encoded_bytes_max;
    });
    if (fits && size_after <= size_before / 20 * 19)
      write(chosen, made, ladder);
    else if (!is_packing)
      give_up(chosen, more_would_help);
  }

  /// Nothing was gained: a longer step next time, or later, when more is there, or never.
  void give_up(const step& chosen, bool more_would_help) {
    auto& effort = box.effort_of(chosen.coalesced);
    if (more_would_help && chosen.is_cut
        && effort.records_max < box.config.coalesce_records_max)
      effort.records_max *= 2;
    else if (more_would_help && !chosen.is_cut && chosen.stop != step::border)
      effort.retry_at_bytes = box.appended_bytes + chosen.size_bytes;
    else
      for (auto number : chosen.numbers)
        box.index.mark_exhausted(number);
  }

  void write(const step& chosen, const std::vector<coalesced_block>& made,
             const analytics::width_ladder& ladder) {
    auto rewrite_lock = std::lock_guard{box.rewrite_mutex};
    if (box.offered.touches(chosen.numbers.front(), chosen.last_seq))
      return; // Just now: it is not ours any more.
    auto after = box.now;
    entry_changes changes;
    box.shrink([&] {
      after = box.now;
      changes = {chosen.numbers, {}};
      auto txn = lmdb_txn{box.env, true};
      box.erase_acknowledged(txn);
      for (auto number : chosen.numbers)
        txn.erase(blocks, entry_key(number));
      auto next = chosen.numbers.front();
      std::uint64_t records = 0;
      for (const auto& x : made) {
        entry_view entry;
        entry.first_seq = next;
        entry.seq_span = x.seq_span;
        entry.priority = x.priority;
        entry.coalesced = chosen.coalesced;
        if (!is_packing && !x.is_rest)
          ++entry.coalesced;
        entry.run = chosen.run;
        entry.record_count = x.record_count;
        entry.bytes = x.bytes;
        txn.put(blocks, entry_key(next), to_value(entry));
        changes.inserted.emplace_back(next, to_index_entry(entry));
        next += x.seq_span;
        records += x.record_count;
      }
      after.coalesced_records += chosen.records - std::min(chosen.records, records);
      if (ladder != box.ladder)
        txn.put(meta, "widths", to_value(ladder));
      box.put_counters(txn, after);
      failpoint("outbox.coalesce.before");
      txn.commit();
      failpoint("outbox.coalesce.after");
    });
    box.ladder = ladder;
    box.apply(changes);
    box.committed(after);
  }

  impl& box;
  bool is_packing = false;
  std::int64_t keep_from_ns = 0;
  number_ranges offered; ///< As it was when the step was chosen; write() looks again.
};

coalesce_effort& outbox::impl::effort_of(std::uint8_t coalesced) {
  auto [found, is_new] = efforts.try_emplace(coalesced);
  if (is_new)
    found->second.records_max = step_records;
  return found->second;
}

bool outbox::impl::is_above(std::uint64_t percent) const {
  return index.size_bytes() > config.size_bytes_max / 100 * percent;
}

void outbox::impl::coalesce(std::size_t steps) {
  for (; steps > 0 && is_above(80); --steps)
    if (!coalescing{*this}.merge(step_bytes_max)) {
      coalesce_pause = pause_commits;
      return;
    }
}

/// Small steps, because each needs space for what it writes before it frees any.
void outbox::impl::coalesce_for_room(std::size_t size_wanted) {
  if (!config.decode || !config.encode)
    return;
  auto before = index.size_bytes();
  for (int step = 0; step < 2 && before - index.size_bytes() < size_wanted; ++step)
    if (!coalescing{*this}.merge(small_step_bytes_max))
      return;
}

void outbox::impl::pack() {
  if (index.blocks() > config.blocks_packed_above && !coalescing{*this}.pack())
    coalesce_pause = pause_commits;
}

/// Before and after a commit. Never throws: what waits is safe as it is.
void outbox::impl::keep_small(std::size_t size_coming) {
  if (!config.decode || !config.encode)
    return;
  bool is_at_budget = index.size_bytes() + size_coming > config.size_bytes_max;
  if (!is_at_budget && size_coming > 0)
    return;
  if (size_coming == 0 && coalesce_pause > 0) {
    --coalesce_pause;
    return;
  }
  try {
    coalesce(is_at_budget ? steps_at_budget_max : steps_max);
    // While there is still room to write what becomes smaller.
    if (env.free_bytes() < low_space_bytes
        && !coalescing{*this}.merge(small_step_bytes_max))
      coalesce_pause = pause_commits;
    pack();
  } catch (const std::exception&) { // The disk, or no memory to decode.
    coalesce_pause = pause_commits;
  }
}

} // namespace weir::storage
