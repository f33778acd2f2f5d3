#include "storage/outbox_index.hpp"

#include <algorithm>

namespace weir::storage {

index_entry to_index_entry(const entry_view& x) {
  index_entry result;
  result.seq_span = x.seq_span;
  result.is_hole = x.is_hole;
  result.reason = x.reason;
  if (x.is_hole)
    return result;
  result.size_bytes = static_cast<std::uint32_t>(x.bytes.size());
  result.record_count = x.record_count;
  result.run = x.run;
  result.priority = x.priority;
  result.coalesced = x.coalesced;
  return result;
}

/// `sign` 1 adds, -1 takes away: unsigned arithmetic wraps as it should.
void outbox_index::count(const index_entry& x, std::uint64_t sign) {
  if (x.is_hole) {
    holes_ += sign;
    hole_numbers_ += sign * x.seq_span;
    return;
  }
  records_ += sign * x.record_count;
  coalesced_blocks_ += x.coalesced > 0 ? sign : 0;
  size_bytes_[static_cast<std::size_t>(x.priority)] += sign * x.size_bytes;
}

void outbox_index::insert(std::uint64_t first_seq, const index_entry& x) {
  entries_.emplace_hint(entries_.end(), first_seq, x);
  count(x, 1);
  if (!x.is_hole) {
    auto& first = first_of_[static_cast<std::size_t>(x.priority)];
    first = std::min(first, first_seq);
  }
}

void outbox_index::erase(std::uint64_t first_seq) {
  auto found = entries_.find(first_seq);
  count(found->second, ~std::uint64_t{0});
  entries_.erase(found);
}

void outbox_index::mark_exhausted(std::uint64_t first_seq) {
  if (auto found = entries_.find(first_seq); found != entries_.end())
    found->second.is_exhausted = true;
}

void outbox_index::mark_opaque(std::uint64_t first_seq) {
  if (auto found = entries_.find(first_seq); found != entries_.end())
    found->second.is_opaque = true;
}

outbox_index::entries::const_iterator
outbox_index::first_of(block_priority priority) const {
  return entries_.lower_bound(first_of_[static_cast<std::size_t>(priority)]);
}

void outbox_index::note_first_of(block_priority priority, std::uint64_t first_seq) {
  first_of_[static_cast<std::size_t>(priority)] = first_seq;
}

} // namespace weir::storage
