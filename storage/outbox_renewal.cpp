// A new epoch for a database that is older than what the centre has seen.
#include "storage/outbox_impl.hpp"

#include "storage/failpoint.hpp"
#include "storage/random_id.hpp"

#include <algorithm>

namespace weir::storage {

using namespace outbox_table;

namespace {

/// What waits, as it is numbered in the new epoch: without gaps, from 1.
struct renumbering {
  std::vector<std::uint64_t> erased;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> moved; ///< From, to.
  outbox_index index;
  outbox_counters counters;
  std::uint64_t known_numbers = 0;
};

/// What the centre has, and nobody may have given a second time.
struct known_numbers {
  std::uint64_t through_seq = 0;
  number_range lane; ///< first 0: none.
  std::uint64_t first_new_seq = 0;

  bool contain(std::uint64_t first_seq, std::uint64_t last_seq) const {
    bool is_in_lane
      = lane.first != 0 && first_seq >= lane.first && last_seq <= lane.last;
    return last_seq < first_new_seq && (last_seq <= through_seq || is_in_lane);
  }
};

renumbering plan(const outbox_index& index, const known_numbers& known) {
  renumbering result;
  auto& next = result.counters.next_seq;
  for (const auto& entry : index.all()) {
    const auto& x = entry.second;
    if (known.contain(entry.first, outbox_index::last_seq(entry))) {
      result.erased.push_back(entry.first);
      result.known_numbers += x.seq_span;
      continue;
    }
    result.moved.emplace_back(entry.first, next);
    result.index.insert(next, x);
    next += x.seq_span;
    if (!x.is_hole)
      result.counters.coalesced_records += x.seq_span - x.record_count;
    else if (x.reason == hole_reason::expired)
      result.counters.expired_records += x.seq_span;
    else
      result.counters.shed_records += x.seq_span;
  }
  return result;
}

} // namespace

renewal_report outbox::impl::renew_epoch(std::uint64_t through_seq, number_range lane) {
  auto rewrite_lock = std::lock_guard{rewrite_mutex};
  // Numbers from the first start on may have been given twice: here, and before the
  // files were restored. What they hold here is new to the centre.
  auto first_new = now.first_start_seq == 0 ? now.next_seq : now.first_start_seq;
  auto planned = plan(index, {through_seq, lane, first_new});
  planned.counters.first_start_seq = planned.counters.next_seq;
  auto report = renewal_report{epoch, random_id(), planned.known_numbers,
                               planned.counters.next_seq - 1};
  auto epoch_before = std::exchange(epoch, report.epoch);
  try {
    shrink([&] {
      auto txn = lmdb_txn{env, true};
      erase_acknowledged(txn);
      for (auto first_seq : planned.erased)
        txn.erase(blocks, entry_key(first_seq));
      // In order, so that the new place of one is never the old place of the next.
      for (auto [from, to] : planned.moved) {
        if (from == to)
          continue;
        auto value = std::string{txn.get(blocks, entry_key(from)).value_or("")};
        txn.erase(blocks, entry_key(from));
        txn.put(blocks, entry_key(to), value);
      }
      put_identity(txn);
      txn.put(meta, "counters", to_value(planned.counters));
      txn.put(meta, "offered", to_value(number_ranges{}));
      failpoint("outbox.renew_epoch.before");
      txn.commit();
      failpoint("outbox.renew_epoch.after");
    });
  } catch (...) {
    epoch = epoch_before;
    throw;
  }
  index = std::move(planned.index);
  {
    auto view = std::lock_guard{view_mutex};
    offered = {};
    acknowledged_lane = {};
    offers_put_version = ++offers_version;
    reader_at_end = false;
  }
  committed(planned.counters);
  publish();
  return report;
}

} // namespace weir::storage
