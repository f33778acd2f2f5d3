// Coalescing what waits, in small steps: see analytics/coalesce.hpp for what is merged.
//
// A step takes a run of neighbouring blocks, of which nobody outside knows (not offered),
// of one run of the node, and writes fewer ones that stand for the same numbers. It
// begins with the oldest of those that were coalesced the least: so the whole outage
// gets coarser evenly, twice as old is not twice as coarse.
#include "storage/outbox_impl.hpp"

#include "storage/big_endian.hpp"
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

constexpr std::uint8_t widths_version = 1;

/// Of the input of a step, so that no commit takes long.
constexpr std::size_t step_bytes_max = 2 << 20;
constexpr std::size_t step_bytes_min = 64 << 10;
constexpr std::size_t steps_max = 4;
constexpr std::size_t steps_at_budget_max = 8;
constexpr unsigned pause_commits = 16; // After nothing was found.

/// Blocks are made about so large; encoded they have at most 64 KB.
constexpr std::size_t block_bytes_wanted = 56 << 10;
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

  /// Why it holds no more.
  enum {
    may_grow,
    border,   ///< What follows can never be merged with it.
    too_young ///< What follows, and what is here is too little.
  } stop
    = may_grow;
};

struct made_block {
  std::string bytes;
  std::uint32_t record_count = 0;
  block_priority priority = block_priority::summary;
  std::uint8_t coalesced = 0;
  bool takes_surplus = false; ///< Numbers of records that are gone go here.
  std::uint64_t span = 0;
};

class output {
public:
  output(const outbox_config& config) : config_(config) {
  }

  void add(record_block block, block_priority priority, std::uint8_t coalesced,
           bool takes_surplus) {
    auto pieces = analytics::split(block, block_bytes_wanted);
    for (const auto& piece : pieces)
      blocks.push_back({config_.encode(piece),
                        static_cast<std::uint32_t>(piece.record_count()), priority,
                        coalesced, takes_surplus, piece.record_count()});
  }

  /// All blocks together shall stand for `span` numbers.
  void spread(std::uint64_t span) {
    std::uint64_t records = 0;
    std::uint64_t weight = 0;
    for (auto& x : blocks) {
      records += x.record_count;
      weight += x.takes_surplus ? x.record_count : 0;
    }
    auto surplus = span - records;
    auto left = surplus;
    for (auto& x : blocks)
      if (x.takes_surplus) {
        // In double: exact enough, and never more than there is.
        auto share = static_cast<std::uint64_t>(static_cast<double>(surplus)
                                                / static_cast<double>(weight)
                                                * static_cast<double>(x.record_count));
        share = std::min(share, left);
        x.span += share;
        left -= share;
      }
    blocks.front().span += left;
  }

  std::size_t size_bytes() const {
    std::size_t result = 0;
    for (const auto& x : blocks)
      result += x.bytes.size();
    return result;
  }

  std::vector<made_block> blocks;

private:
  const outbox_config& config_;
};

output make_output(const outbox_config& config, analytics::coalesce_result&& x,
                   std::uint8_t coalesced) {
  auto after = static_cast<std::uint8_t>(coalesced + 1);
  auto& all = x.merged;
  output result{config};
  result.add({all.series, {}, {}, std::move(all.alerts), {}}, block_priority::alert,
             after, false);
  result.add({all.series, std::move(all.summaries), std::move(all.anomalies), {}, {}},
             block_priority::summary, after, true);
  result.add({{}, {}, {}, {}, std::move(all.rejections)}, block_priority::raw, after,
             false);
  // Last, so that the next step finds it before what follows, as it was.
  result.add(std::move(x.rest), block_priority::summary, coalesced, false);
  return result;
}

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
  bool run(std::size_t size_max) {
    auto keep_from_ns = newest_end_ns();
    if (keep_from_ns < std::numeric_limits<std::int64_t>::min() / 2)
      return false;
    keep_from_ns -= box.config.coalesce_min_age_ns;
    auto chosen = choose(keep_from_ns, size_max);
    if (chosen)
      work(*chosen, keep_from_ns);
    return chosen.has_value();
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

  std::optional<step> choose(std::int64_t keep_from_ns, std::size_t size_max) {
    {
      auto view = std::lock_guard{box.view_mutex};
      offered = box.offered;
    }
    std::set<std::uint8_t> levels;
    for (const auto& [first_seq, x] : box.index.all())
      if (!x.is_hole && !x.is_exhausted && !x.is_opaque)
        levels.insert(x.coalesced);
    for (auto level : levels)
      if (auto found = choose_at(level, keep_from_ns, size_max))
        return found;
    return std::nullopt;
  }

  /// From the oldest block on that was coalesced so often and may have something to gain.
  std::optional<step> choose_at(std::uint8_t level, std::int64_t keep_from_ns,
                                std::size_t size_max) {
    const auto& all = box.index.all();
    for (auto i = all.begin(); i != all.end();) {
      if (i->second.coalesced != level || i->second.is_exhausted || !is_free(i)) {
        ++i;
        continue;
      }
      auto result = collect(with_rest(i, size_max), keep_from_ns, size_max);
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
  step collect(iterator i, std::int64_t keep_from_ns, std::size_t size_max) {
    const auto& all = box.index.all();
    step result;
    result.run = i->second.run;
    result.coalesced = i->second.coalesced;
    result.is_front = i == all.begin() || std::prev(i)->second.is_hole
                      || outbox_index::last_seq(*std::prev(i)) + 1 != i->first;
    std::size_t new_bytes = 0;
    for (auto before = i; i != all.end(); before = i++) {
      bool is_first = result.numbers.empty();
      if (!is_first && result.size_bytes + i->second.size_bytes > size_max)
        break;
      if (!is_first && !is_next(before, i)) {
        result.stop
          = i->second.coalesced < result.coalesced ? step::may_grow : step::border;
        break;
      }
      auto records = decode(i->first);
      result.seen_through_seq = outbox_index::last_seq(*i);
      if (!records) {
        box.index.mark_opaque(i->first); // Not for us to read: it stays.
        result.stop = step::border;
        break;
      }
      if (analytics::middle_end_ns(*records) > keep_from_ns) {
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
    auto size_min
      = std::min<std::size_t>(step_bytes_min, box.config.size_bytes_max / 64);
    if (result.stop != step::border && new_bytes < size_min)
      result.numbers.clear();
    else if (!result.numbers.empty() && result.stop == step::too_young)
      result.stop = step::border;
    return result;
  }

  void work(const step& chosen, std::int64_t keep_from_ns) {
    auto ladder = box.ladder;
    if (chosen.coalesced == 0)
      note_widths(chosen.blocks, ladder);
    auto made = make_output(
      box.config,
      analytics::coalesce(chosen.blocks, {keep_from_ns, chosen.is_front}, ladder),
      chosen.coalesced);
    auto size_before = chosen.size_bytes + block_overhead_bytes * chosen.numbers.size();
    auto size_after = made.size_bytes() + block_overhead_bytes * made.blocks.size();
    bool fits = std::all_of(made.blocks.begin(), made.blocks.end(), [](const auto& x) {
      return x.bytes.size() <= encoded_bytes_max;
    });
    if (made.blocks.empty() || !fits || size_after > size_before / 20 * 19) {
      for (auto number : chosen.numbers)
        box.index.mark_exhausted(number);
      return;
    }
    made.spread(chosen.last_seq - chosen.numbers.front() + 1);
    write(chosen, made, ladder);
  }

  void write(const step& chosen, const output& made,
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
      for (const auto& x : made.blocks) {
        entry_view entry;
        entry.first_seq = next;
        entry.seq_span = x.span;
        entry.priority = x.priority;
        entry.coalesced = x.coalesced;
        entry.run = chosen.run;
        entry.record_count = x.record_count;
        entry.bytes = x.bytes;
        txn.put(blocks, entry_key(next), to_value(entry));
        changes.inserted.emplace_back(next, to_index_entry(entry));
        next += x.span;
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
    box.is_coalescing = true;
    box.apply(changes);
    box.committed(after);
  }

  impl& box;
  number_ranges offered; ///< As it was when the step was chosen; write() looks again.
};

std::string to_value(const analytics::width_ladder& x) {
  std::string value;
  put_be(value, widths_version);
  for (auto [width_ns, wide_ns] : x.steps()) {
    put_be(value, static_cast<std::uint64_t>(width_ns));
    put_be(value, static_cast<std::uint64_t>(wide_ns));
  }
  return value;
}

analytics::width_ladder to_ladder(std::string_view value) {
  auto in = byte_reader{value};
  auto version = in.take<std::uint8_t>();
  analytics::width_ladder result;
  while (in.ok() && !in.rest().empty()) {
    auto width_ns = in.take_time();
    result.restore(width_ns, in.take_time());
  }
  if (!in.complete() || version != widths_version)
    throw failure(errc::malformed, "the outbox's list of widths cannot be read.");
  return result;
}

bool outbox::impl::is_above(std::uint64_t percent) const {
  return index.size_bytes() > config.size_bytes_max / 100 * percent;
}

/// At most `steps` steps, until the level is below `percent`. Never throws for the disk:
/// what waits is safe as it is.
void outbox::impl::coalesce(std::size_t steps, std::uint64_t percent) {
  if (!config.decode || !config.encode || !is_above(percent))
    return;
  if (coalesce_pause > 0) {
    --coalesce_pause;
    return;
  }
  try {
    for (; steps > 0 && is_above(percent); --steps)
      if (!coalescing{*this}.run(step_bytes_max)) {
        coalesce_pause = pause_commits;
        return;
      }
  } catch (const failure&) {
    coalesce_pause = pause_commits;
  }
}

void outbox::impl::coalesce_above_80_percent() {
  coalesce(steps_max, 80);
}

void outbox::impl::coalesce_for(std::size_t size_coming) {
  if (index.size_bytes() + size_coming > config.size_bytes_max)
    coalesce(steps_at_budget_max, 80);
}

} // namespace weir::storage
