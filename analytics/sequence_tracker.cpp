#include "analytics/sequence_tracker.hpp"

#include "analytics/byte_io.hpp"

#include <algorithm>
#include <iterator>

namespace weir::analytics {

namespace {

constexpr std::uint8_t format_version = 1;

} // namespace

sequence_tracker::sequence_tracker(std::size_t sources_max)
  : sources_max_(std::max<std::size_t>(sources_max, 1)) {
}

source_sequence& sequence_tracker::find_or_add(std::string_view source, bool& is_new) {
  auto found = by_name_.find(source);
  is_new = found == by_name_.end();
  if (!is_new) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front();
  }
  if (entries_.size() >= sources_max_) {
    by_name_.erase(entries_.back().source);
    entries_.pop_back();
    ++totals_.forgotten;
  }
  auto& added = entries_.emplace_front();
  added.source = source;
  by_name_.emplace(added.source, entries_.begin());
  return added;
}

sequence_tracker::verdict sequence_tracker::observe(std::string_view source,
                                                    std::uint64_t sequence) {
  bool is_new = false;
  auto& x = find_or_add(source, is_new);
  if (!is_new)
    return judge(x, sequence);
  x.lowest = sequence;
  x.highest = sequence;
  return verdict::first;
}

sequence_tracker::verdict sequence_tracker::judge(source_sequence& x,
                                                  std::uint64_t sequence) {
  if (sequence > x.highest) {
    auto skipped = sequence - x.highest - 1;
    if (skipped > ahead_max)
      return restart(x, sequence);
    auto before = sequence_range{x.highest + 1, sequence - 1};
    x.highest = sequence;
    return skipped == 0 ? verdict::next : add_gap(x, before);
  }
  if (recover(x, sequence))
    return verdict::recovered;
  if (sequence < x.highest && (sequence <= 1 || x.highest - sequence > back_max))
    return restart(x, sequence);
  if (sequence >= x.lowest) {
    ++totals_.duplicate;
    return verdict::duplicate;
  }
  // The first ones did not come in order.
  auto between = sequence_range{sequence + 1, x.lowest - 1};
  bool touches = x.lowest - sequence == 1;
  x.lowest = sequence;
  return touches ? verdict::next : add_gap(x, between);
}

sequence_tracker::verdict sequence_tracker::add_gap(source_sequence& x,
                                                    sequence_range range) {
  totals_.missing += range.last - range.first + 1;
  auto place
    = std::ranges::lower_bound(x.missing, range.first, {}, &sequence_range::first);
  x.missing.insert(place, range);
  if (x.missing.size() > ranges_max)
    x.missing.erase(x.missing.begin());
  return verdict::gap;
}

bool sequence_tracker::recover(source_sequence& x, std::uint64_t sequence) {
  auto range = std::ranges::lower_bound(x.missing, sequence, {}, &sequence_range::last);
  if (range == x.missing.end() || range->first > sequence)
    return false;
  --totals_.missing;
  ++totals_.recovered;
  if (range->first == range->last) {
    x.missing.erase(range);
  } else if (sequence == range->first) {
    ++range->first;
  } else if (sequence == range->last) {
    --range->last;
  } else {
    auto lower = sequence_range{range->first, sequence - 1};
    range->first = sequence + 1;
    x.missing.insert(range, lower);
    if (x.missing.size() > ranges_max)
      x.missing.erase(x.missing.begin());
  }
  return true;
}

sequence_tracker::verdict sequence_tracker::restart(source_sequence& x,
                                                    std::uint64_t sequence) {
  ++totals_.restarts;
  x.lowest = sequence;
  x.highest = sequence;
  x.missing.clear(); // They will not come any more; they stay in the total.
  return verdict::restarted;
}

std::vector<source_sequence> sequence_tracker::incomplete(std::size_t limit) const {
  std::vector<source_sequence> result;
  for (const auto& x : entries_) {
    if (result.size() >= limit)
      break;
    if (!x.missing.empty())
      result.push_back(x);
  }
  return result;
}

void sequence_tracker::clear() {
  by_name_.clear();
  entries_.clear();
  totals_ = {};
}

// version:u8, the totals as varints, the number of sources, and each, the one seen
// last first: name, lowest, highest - lowest, number of ranges, and of each range the
// distance from the end of the one before (or from 0), and its length - 1.
void sequence_tracker::save(std::string& out) const {
  byte_writer writer{out};
  writer.put(format_version);
  for (auto x : {totals_.missing, totals_.recovered, totals_.duplicate,
                 totals_.restarts, totals_.forgotten})
    writer.put_varint(x);
  writer.put_varint(entries_.size());
  for (const auto& x : entries_) {
    writer.put_short_text(x.source);
    writer.put_varint(x.lowest);
    writer.put_varint(x.highest - x.lowest);
    writer.put_varint(x.missing.size());
    std::uint64_t end = 0;
    for (const auto& range : x.missing) {
      writer.put_varint(range.first - end);
      writer.put_varint(range.last - range.first);
      end = range.last;
    }
  }
}

namespace {

/// False: not as save() writes it.
bool read_ranges(byte_reader& reader, source_sequence& x) {
  auto count = reader.get_varint();
  if (count > sequence_tracker::ranges_max)
    return false;
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    sequence_range range;
    if (__builtin_add_overflow(end, reader.get_varint(), &range.first)
        || __builtin_add_overflow(range.first, reader.get_varint(), &range.last)
        || !reader.ok() || (i > 0 && range.first <= end) || range.last > x.highest)
      return false;
    end = range.last;
    x.missing.push_back(range);
  }
  return true;
}

bool read_source(byte_reader& reader, source_sequence& x) {
  x.source = reader.get_short_text();
  x.lowest = reader.get_varint();
  return !__builtin_add_overflow(x.lowest, reader.get_varint(), &x.highest)
         && read_ranges(reader, x) && reader.ok();
}

} // namespace

bool sequence_tracker::restore(std::string_view bytes) {
  clear();
  byte_reader reader{bytes};
  auto version = reader.get<std::uint8_t>();
  for (auto* x : {&totals_.missing, &totals_.recovered, &totals_.duplicate,
                  &totals_.restarts, &totals_.forgotten})
    *x = reader.get_varint();
  auto count = reader.get_varint();
  bool good = reader.ok() && version == format_version;
  for (std::uint64_t i = 0; good && i < count; ++i) {
    source_sequence x;
    good = read_source(reader, x) && !by_name_.contains(x.source);
    if (good && entries_.size() < sources_max_) {
      entries_.push_back(std::move(x));
      by_name_.emplace(entries_.back().source, std::prev(entries_.end()));
    } else if (good) {
      ++totals_.forgotten; // Fewer than when it was saved.
    }
  }
  good = good && reader.at_end();
  if (!good)
    clear();
  return good;
}

} // namespace weir::analytics
