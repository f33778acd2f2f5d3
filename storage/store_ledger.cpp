// The ledger: fates of numbers, their ranges and their check, epochs, counters.
#include "storage/big_endian.hpp"
#include "storage/store_impl.hpp"

#include <algorithm>
#include <deque>
#include <utility>

namespace weir::storage {

namespace {

constexpr std::size_t events_max = 100; // Of each edge.

/// What the keys of an epoch's ranges begin with.
std::string epoch_prefix(const edge_position& position) {
  auto out = edge_prefix(position.edge);
  put_be(out, position.epoch);
  return out;
}

bool is_range_of(std::string_view key, const std::string& prefix) {
  return key.size() == prefix.size() + 8 && key.starts_with(prefix);
}

/// The last range of the epoch that begins before `seq`.
std::optional<ledger_range>
range_before(const lmdb_txn& txn, const edge_position& position, std::uint64_t seq) {
  auto cursor = lmdb_cursor{txn, table::ledger};
  if (!cursor.seek_before(range_key(position.edge, position.epoch, seq))
      || !is_range_of(cursor.key(), epoch_prefix(position)))
    return std::nullopt;
  return to_range(cursor.key(), cursor.value());
}

bool are_neighbours(const ledger_range& a, const ledger_range& b) {
  return a.fate == b.fate && a.last_seq + 1 == b.first_seq;
}

/// @pre are_neighbours(a, b)
ledger_range joined(const ledger_range& a, const ledger_range& b) {
  return {a.first_seq,           b.last_seq, a.fate,
          a.records + b.records, a.first_ns, std::max(a.last_ns, b.last_ns)};
}

/// Joins `x` to one of the newest entries (two lanes take turns), or appends it.
void add_fresh(std::vector<ledger_range>& fresh, const ledger_range& x) {
  auto tries = std::min<std::size_t>(fresh.size(), 4);
  for (auto i = fresh.rbegin();
       i != fresh.rbegin() + static_cast<std::ptrdiff_t>(tries); ++i)
    if (are_neighbours(*i, x)) {
      *i = joined(*i, x);
      return;
    }
  fresh.push_back(x);
}

std::uint64_t& counter_of(edge_position& position, range_fate fate) {
  switch (fate) {
  case range_fate::stored:
    return position.records_stored;
  case range_fate::coalesced:
    return position.records_coalesced;
  case range_fate::expired:
    return position.records_expired;
  case range_fate::shed:
    return position.records_shed;
  case range_fate::unreadable:
    break;
  }
  return position.records_unreadable;
}

/// All positions of an edge.
std::vector<edge_position> epochs_of(const lmdb_txn& txn, std::string_view edge) {
  std::vector<edge_position> result;
  auto cursor = lmdb_cursor{txn, table::positions};
  bool more = cursor.seek(edge);
  for (; more && cursor.key().starts_with(edge); more = cursor.next())
    if (cursor.key().size() == edge.size() + 8)
      result.push_back(to_position(cursor.key(), cursor.value()));
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
    return std::tie(a.last_ns, a.through_seq) > std::tie(b.last_ns, b.through_seq);
  });
  return result;
}

} // namespace

// -- writing -----------------------------------------------------------------

void store_txn::count_fates(tracked_position& tracked, const incoming_block& block,
                            const placement& placed) {
  auto& position = tracked.value;
  auto fresh = placed.new_numbers();
  // It goes on in this epoch, so it was not set back: the hello that said so was an old
  // one, which records had overtaken.
  if (fresh > 0)
    position.behind_seq = 0;
  auto records = std::uint64_t{block.records.record_count()};
  auto span = block.seq_span != 0 ? block.seq_span : records;
  auto fate = block.fate;
  if (fate == range_fate::stored && records < span) {
    fate = range_fate::coalesced;
    if (fresh < span)
      violated(position, "a coalesced block of " + std::to_string(span)
                           + " numbers from " + std::to_string(block.first_seq)
                           + " holds some that the centre had: events may be counted "
                             "twice.");
    records = std::min(records, fresh);
    position.records_stored += records;
    position.records_coalesced += fresh - records;
  } else {
    counter_of(position, fate) += fresh;
  }
  for (std::size_t i = 0; i < placed.fresh_count; ++i) {
    const auto& piece = placed.fresh[i];
    auto in_piece = std::uint64_t{0};
    if (fate == range_fate::stored)
      in_piece = piece.last - piece.first + 1;
    else if (fate == range_fate::coalesced && i == 0)
      in_piece = records;
    add_fresh(tracked.fresh,
              {piece.first, piece.last, fate, in_piece, unix_ns_, unix_ns_});
  }
}

void store_txn::begin_epoch(tracked_position& tracked, std::uint32_t run) {
  auto& position = tracked.value;
  position.last_ns = std::max(position.last_ns, unix_ns_);
  if (std::exchange(tracked.stored, true))
    return;
  position.first_ns = unix_ns_;
  auto known = epochs_of(txn_, position.edge);
  if (known.empty())
    return;
  const auto& old = known.front();
  // A new database counts its runs from 1, a restored one goes on with them.
  bool renewed = run > 1 || old.behind_seq != 0;
  put_event({position.edge, unix_ns_,
             renewed ? epoch_cause::renewed : epoch_cause::new_database, old.epoch,
             position.epoch, run, old.missing(), old.through_seq});
}

void store_txn::put_event(const ledger_event& event) {
  std::vector<std::string> keys;
  {
    auto prefix = edge_prefix(event.edge);
    auto cursor = lmdb_cursor{txn_, table::ledger_events};
    bool more = cursor.seek(prefix);
    for (; more && cursor.key().starts_with(prefix); more = cursor.next())
      keys.emplace_back(cursor.key());
  }
  auto number = keys.empty() ? 1 : event_number(keys.back()) + 1;
  txn_.put(table::ledger_events, event_key(event.edge, number), to_value(event));
  for (std::size_t i = 0; i + events_max <= keys.size(); ++i)
    txn_.erase(table::ledger_events, keys[i]);
  report_.events.push_back(event);
}

void store_txn::note_hello(const edge_hello& hello) {
  if (hello.edge.empty() || hello.edge.size() > edge_name_bytes_max)
    throw failure(errc::malformed, "an edge's name must have 1 to 255 bytes.");
  auto& tracked = position_of(hello.edge, hello.epoch);
  auto& position = tracked.value;
  begin_epoch(tracked, hello.run);
  if (hello.next_seq == 0)
    return;
  auto unsent_seq = hello.unsent_seq == 0 ? hello.next_seq
                                          : std::min(hello.unsent_seq, hello.next_seq);
  auto known = std::max(position.through_seq, position.lane_through);
  bool is_behind = known >= unsent_seq;
  if (is_behind)
    position.behind_seq = std::max<std::uint64_t>(unsent_seq - 1, 1);
  // What an edge that was set back has made since then belongs to its next epoch.
  auto made_seq = is_behind ? known : hello.next_seq - 1;
  position.sent_seq = std::max({position.sent_seq, made_seq, known});
}

void store_txn::put_counters(const edge_counters& counters) {
  if (counters.edge.empty() || counters.edge.size() > edge_name_bytes_max)
    throw failure(errc::malformed, "an edge's name must have 1 to 255 bytes.");
  txn_.put(table::edge_counters, counters.edge, to_value(counters));
  auto& position = position_of(counters.edge, counters.epoch).value;
  position.sent_seq = std::max(position.sent_seq, counters.sent_seq);
}

void store_txn::put_ranges(tracked_position& tracked) {
  if (tracked.fresh.empty())
    return;
  for (const auto& x : tracked.fresh)
    put_range(tracked, x);
  bound_ranges(tracked.value);
  check_books(tracked);
}

void store_txn::put_range(tracked_position& tracked, ledger_range range) {
  auto& position = tracked.value;
  auto before = range_before(txn_, position, range.first_seq + 1);
  position.ranges += 1;
  if (before && before->last_seq >= range.first_seq)
    violated(position, "the numbers from " + std::to_string(range.first_seq)
                         + " have a fate already.");
  if (before && are_neighbours(*before, range)) {
    range = joined(*before, range); // Under the key of the one before.
    position.ranges -= 1;
  }
  auto next_key = range_key(position.edge, position.epoch, range.last_seq + 1);
  if (auto value = txn_.get(table::ledger, next_key)) {
    auto next = to_range(next_key, *value);
    if (are_neighbours(range, next)) {
      range = joined(range, next);
      position.ranges -= 1;
      txn_.erase(table::ledger, next_key);
    }
  }
  txn_.put(table::ledger, range_key(position.edge, position.epoch, range.first_seq),
           to_value(range));
}

void store_txn::bound_ranges(edge_position& position) {
  auto prefix = epoch_prefix(position);
  while (position.ranges > store_.config.ledger_ranges_max) {
    auto oldest = std::string{};
    {
      auto cursor = lmdb_cursor{txn_, table::ledger};
      if (!cursor.seek(prefix) || !is_range_of(cursor.key(), prefix))
        return;
      auto range = to_range(cursor.key(), cursor.value());
      if (range.last_seq >= position.through_seq)
        return; // What joins the next range, or stands in front of a backlog.
      position.ranges_from_seq = range.last_seq + 1;
      oldest = cursor.key();
    }
    txn_.erase(table::ledger, oldest);
    position.ranges -= 1;
  }
}

/// Cheap: the sums, and that the ranges end where the position stands. Reading the
/// ledger checks all ranges.
void store_txn::check_books(tracked_position& tracked) {
  auto& x = tracked.value;
  if (x.accounted() != x.covered()) {
    violated(x, std::to_string(x.covered()) + " numbers are covered, the fates count "
                  + std::to_string(x.accounted()) + ".");
    return;
  }
  auto ends_at = [&](std::uint64_t seq) {
    auto last = range_before(txn_, x, seq + 1);
    return seq < x.ranges_from_seq || (last && last->last_seq == seq);
  };
  if (!ends_at(x.through_seq) || (x.lane_first != 0 && !ends_at(x.lane_through)))
    violated(x, "the ranges do not end where the position stands.");
}

void store_txn::violated(edge_position& position, const std::string& what) {
  position.violations += 1;
  report_.violations.push_back(
    {position.edge, position.epoch,
     "the ledger of edge \"" + position.edge + "\" does not balance: " + what});
}

expected<commit_report, error> store::note_hello(const edge_hello& hello,
                                                 std::int64_t unix_ns) {
  return commit({}, unix_ns, {&hello, 1});
}

expected<void, error> store::put_counters(std::span<const edge_counters> all) {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    auto txn = store_txn{*impl_, 0};
    for (const auto& x : all)
      txn.put_counters(x);
    txn.commit();
  });
}

// -- reading -----------------------------------------------------------------

namespace {

/// Follows the ranges of an epoch and says where they leave its position.
class range_audit {
public:
  explicit range_audit(const edge_position& position)
    : position_(position), expected_(position.ranges_from_seq) {
  }

  void see(const ledger_range& x) {
    if (x.first_seq == position_.lane_first) {
      if (expected_ != position_.through_seq + 1)
        wrong_ = true;
      expected_ = x.first_seq;
    }
    wrong_ = wrong_ || x.first_seq != expected_;
    expected_ = x.last_seq + 1;
    numbers_ += x.numbers();
    ranges_ += 1;
  }

  std::string verdict() const {
    auto end = std::max(position_.through_seq, position_.lane_through) + 1;
    if (wrong_ || (expected_ != end && end > position_.ranges_from_seq))
      return "the ranges have a hole, or lie one over another.";
    if (position_.accounted() != position_.covered())
      return "the fates do not add up to the position.";
    if (position_.ranges_from_seq == 1 && numbers_ != position_.accounted())
      return "the ranges do not add up to the totals.";
    if (ranges_ != position_.ranges)
      return "ranges are missing or too many.";
    return {};
  }

private:
  const edge_position& position_;
  std::uint64_t expected_;
  std::uint64_t numbers_ = 0;
  std::uint64_t ranges_ = 0;
  bool wrong_ = false;
};

epoch_ledger read_epoch(const lmdb_txn& txn, const edge_position& position,
                        const ledger_page& page) {
  epoch_ledger result;
  result.position = position;
  auto audit = range_audit{result.position};
  std::deque<ledger_range> newest;
  auto prefix = epoch_prefix(position);
  auto cursor = lmdb_cursor{txn, table::ledger};
  bool more = cursor.seek(prefix);
  for (; more && is_range_of(cursor.key(), prefix); more = cursor.next()) {
    auto range = to_range(cursor.key(), cursor.value());
    audit.see(range);
    if (range.first_seq >= page.before_seq)
      continue;
    newest.push_front(range);
    if (newest.size() > page.limit)
      newest.pop_back();
  }
  result.ranges.assign(newest.begin(), newest.end());
  result.violation = audit.verdict();
  return result;
}

} // namespace

expected<std::vector<epoch_ledger>, error>
store::ledger(std::string_view edge, const ledger_page& page) const {
  return guarded([&] {
    std::vector<epoch_ledger> result;
    if (edge.empty() || edge.size() > edge_name_bytes_max)
      return result;
    auto txn = lmdb_txn{impl_->env, false};
    for (const auto& position : epochs_of(txn, edge))
      if (page.epoch == 0 || page.epoch == position.epoch)
        result.push_back(read_epoch(txn, position, page));
    return result;
  });
}

expected<std::vector<ledger_event>, error>
store::ledger_events(std::string_view edge) const {
  return guarded([&] {
    std::vector<ledger_event> result;
    if (edge.empty() || edge.size() > edge_name_bytes_max)
      return result;
    auto txn = lmdb_txn{impl_->env, false};
    auto cursor = lmdb_cursor{txn, table::ledger_events};
    auto prefix = edge_prefix(edge);
    bool more = cursor.seek(prefix);
    for (; more && cursor.key().starts_with(prefix); more = cursor.next())
      result.push_back(to_event(cursor.key(), cursor.value()));
    std::reverse(result.begin(), result.end());
    return result;
  });
}

expected<std::vector<edge_counters>, error> store::counters() const {
  return guarded([&] {
    std::vector<edge_counters> result;
    auto txn = lmdb_txn{impl_->env, false};
    auto cursor = lmdb_cursor{txn, table::edge_counters};
    for (bool more = cursor.first(); more; more = cursor.next())
      result.push_back(to_counters(cursor.key(), cursor.value()));
    return result;
  });
}

} // namespace weir::storage
