// Reading entries for the uplink, and remembering what it may have sent.
#include "storage/outbox_impl.hpp"

#include "storage/failpoint.hpp"

#include <algorithm>

namespace weir::storage {

using namespace outbox_table;

namespace {

/// The mark of what is offered runs so far ahead of a reader that works off a backlog,
/// so that it need not be written for each read.
constexpr std::size_t offer_margin_bytes_max = 4 << 20;

outbox_entry to_entry(const entry_view& x) {
  if (x.is_hole)
    return hole{x.first_seq, x.first_seq + x.seq_span - 1, x.reason};
  return stored_block{x.first_seq, x.seq_span, x.record_count,
                      x.run,       x.priority, std::string{x.bytes}};
}

} // namespace

/// What is there, marked in memory as offered. `must_save`: the database does not know
/// of it yet.
std::vector<outbox_entry> outbox::impl::look_and_offer(std::uint64_t after_seq,
                                                       std::size_t size_bytes_limit,
                                                       bool& must_save) {
  std::vector<outbox_entry> result;
  auto rewrite_lock = std::lock_guard{rewrite_mutex};
  auto txn = lmdb_txn{env, false};
  auto view = std::unique_lock{view_mutex};
  auto known_through = std::max(published.acknowledged_seq, after_seq);
  auto lane = acknowledged_lane;
  view.unlock();
  auto is_known = [&](const entry_view& x) {
    auto last = x.first_seq + x.seq_span - 1;
    return last <= known_through
           || (lane.first != 0 && x.first_seq >= lane.first && last <= lane.last);
  };
  auto cursor = lmdb_cursor{txn, blocks};
  auto found = entry_view{};
  auto look = [&] {
    found = storage::to_entry(cursor.key(), cursor.value(), run_of_version_1);
  };
  std::size_t size = 0;
  // The entry that begins at or before `after_seq` may reach beyond it.
  bool more = cursor.seek_before(entry_key(after_seq + 1)) || cursor.first();
  for (; more; more = cursor.next()) {
    look();
    if (is_known(found))
      continue;
    size += found.bytes.size();
    if (size > size_bytes_limit && !result.empty())
      break;
    result.push_back(to_entry(found));
  }
  bool at_end = !more;
  auto margin_bytes = std::min(offer_margin_bytes_max, config.size_bytes_max / 16);
  auto margin_end = result.empty() ? 0 : last_seq_of(result.back());
  for (std::size_t ahead = 0; more && ahead < margin_bytes; more = cursor.next()) {
    look();
    margin_end = found.first_seq + found.seq_span - 1;
    ahead += found.bytes.size();
  }
  view.lock();
  reader_at_end = reader_at_end || at_end; // A backlog may be read beside it.
  if (!result.empty()
      && !offered.covers(first_seq_of(result.front()), last_seq_of(result.back()))) {
    offered.add(first_seq_of(result.front()), margin_end);
    offers_added_version = ++offers_version;
  }
  must_save = !result.empty() && offers_added_version > offers_saved_version;
  return result;
}

/// Before it may leave, the mark is durable: after a crash nobody may change what the
/// centre may have, and a centre that has more than what was marked has it from another
/// copy of this database. If the disk does not take the mark, the one in memory must do
/// until a later read or commit: what is sent makes room. But not before the contact is
/// durable, too: after a crash, all since the first start would be sent twice.
void outbox::impl::save_offers() {
  auto lock = std::lock_guard{write_mutex};
  {
    auto view = std::lock_guard{view_mutex};
    if (offers_saved_version >= offers_added_version)
      return; // A commit has taken it along.
  }
  try {
    shrink([&] {
      auto txn = lmdb_txn{env, true};
      put_counters(txn, now);
      failpoint("outbox.offer.before");
      txn.commit();
      failpoint("outbox.offer.after");
    });
  } catch (const failure&) {
    if (stored_first_start_seq != 0)
      throw;
    auto view = std::lock_guard{view_mutex};
    published.unsent_seq = now.unsent_seq;
    return;
  }
  stored_first_start_seq = now.first_start_seq;
  auto view = std::lock_guard{view_mutex};
  offers_saved_version = offers_put_version;
  published.unsent_seq = now.unsent_seq;
}

std::vector<outbox_entry> outbox::impl::read_after(std::uint64_t after_seq,
                                                   std::size_t size_bytes_limit) {
  if (after_seq == ~std::uint64_t{0})
    return {};
  bool must_save = false;
  auto result = look_and_offer(after_seq, size_bytes_limit, must_save);
  if (must_save)
    save_offers();
  return result;
}

} // namespace weir::storage
