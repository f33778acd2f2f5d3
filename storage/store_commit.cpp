// The writing side of the store: positions, series and summaries.
#include "storage/failpoint.hpp"
#include "storage/store_impl.hpp"
#include "storage/store_rows.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace weir::storage {

namespace {

[[noreturn]] void refuse(const incoming_block& block, const std::string& why) {
  throw failure(errc::malformed, "block " + std::to_string(block.first_seq)
                                   + " of edge \"" + block.edge + "\": " + why);
}

std::uint64_t span_of(const incoming_block& block) {
  return block.seq_span != 0 ? block.seq_span : block.records.record_count();
}

template <class Records>
void check_series(const incoming_block& block, const Records& records) {
  for (const auto& x : records)
    if (x.series >= block.records.series.size())
      refuse(block, "a record points to series " + std::to_string(x.series)
                      + ", the block has " + std::to_string(block.records.series.size())
                      + ".");
}

} // namespace

void check_block(const incoming_block& block) {
  if (block.edge.empty() || block.edge.size() > edge_name_bytes_max)
    refuse(block, "the edge's name must have 1 to 255 bytes.");
  if (block.first_seq == 0)
    refuse(block, "numbers begin at 1.");
  if (span_of(block) > std::numeric_limits<std::uint64_t>::max() - block.first_seq)
    refuse(block, "its numbers run over the end of 64 bits.");
  if (block.records.record_count() > span_of(block))
    refuse(block, "it has more records than numbers.");
  if (block.fate != range_fate::stored && block.records.record_count() != 0)
    refuse(block, "numbers that were given up have no records.");
  check_series(block, block.records.summaries);
  check_series(block, block.records.anomalies);
  check_series(block, block.records.alerts);
  for (const auto& x : block.records.summaries)
    if (x.width_ns <= 0 || x.width_ns > width_ns_max || x.start_ns < start_ns_min
        || x.start_ns > start_ns_max)
      refuse(block, "a summary lies at an impossible time.");
  for (const auto& x : block.records.alerts)
    if (x.id.size() > alert_id_bytes_max)
      refuse(block, "an alert's id is longer than 128 bytes.");
}

store_txn::tracked_position& store_txn::position_of(const std::string& edge,
                                                    std::uint64_t epoch) {
  auto key = position_key(edge, epoch);
  auto found = positions_.find(key);
  if (found != positions_.end())
    return found->second;
  tracked_position position;
  if (auto value = txn_.get(table::positions, key))
    position = {to_position(key, *value), true};
  else
    position.value = {.edge = edge, .epoch = epoch};
  return positions_.emplace(key, position).first->second;
}

commit_outcome store_txn::add(const incoming_block& block) {
  auto& tracked = position_of(block.edge, block.epoch);
  auto& position = tracked.value;
  auto span = span_of(block);
  auto outcome = [&](commit_result result, bool live_lane) {
    return commit_outcome{result, position.through_seq, position.lane_first,
                          position.lane_through, live_lane};
  };
  if (span == 0)
    return outcome(commit_result::duplicate, false);
  auto range = seq_range{block.first_seq, block.first_seq + span - 1};
  position.sent_seq = std::max(position.sent_seq, range.last);
  auto placed = place(position, range, block.live_lane);
  if (placed.result == commit_result::gap) {
    position.gaps_refused += 1;
    return outcome(placed.result, block.live_lane);
  }
  auto fresh = placed.new_numbers();
  position.records_duplicate += span - fresh;
  if (fresh == 0)
    return outcome(placed.result, placed.in_lane);
  begin_epoch(tracked, block.run);
  count_fates(tracked, block, placed);
  // Of a coalesced block nobody can say which record has which number.
  bool all_new = fresh == span || block.records.record_count() < span;
  placed_.push_back({&block, placed, {block.epoch, position.lane_first}, all_new});
  add_records(placed_.back());
  return outcome(placed.result, placed.in_lane);
}

/// Takes the records with new numbers, in the order of their numbers.
void store_txn::add_records(const placed_block& from) {
  const auto& block = *from.block;
  const auto& records = block.records;
  auto& all_series = series_of_block(block);
  auto series_at = [&](analytics::series_id index) {
    if (all_series[index] == nullptr)
      all_series[index] = &series_of(block.edge, records.series[index]);
    return all_series[index];
  };
  auto seq = block.first_seq;
  auto each_new = [&](const auto& list, auto use) {
    for (const auto& x : list) {
      if (from.all_new || from.placed.is_new(seq))
        use(x);
      ++seq;
    }
  };
  each_new(records.summaries, [&](const analytics::summary& x) {
    auto* series = series_at(x.series);
    auto order = static_cast<std::uint32_t>(waiting_.size());
    waiting_.push_back(
      {{series->id, x.width_ns, x.start_ns}, order, &from, &x, seq, series});
  });
  each_new(records.anomalies, [&](const analytics::anomaly& x) {
    add_anomaly(x, series_at(x.series)->id);
  });
  each_new(records.alerts, [&](const analytics::alert& x) {
    put_alert({block.edge, records.series[x.series], x});
  });
  each_new(records.rejections,
           [&](const analytics::rejection& x) { add_rejection(block.edge, x); });
}

std::vector<stored_series*>& store_txn::series_of_block(const incoming_block& block) {
  const auto& texts = block.records.series;
  auto& known = series_lists_[block.edge];
  if (known.texts == nullptr || *known.texts != texts) {
    known.texts = &texts;
    known.series.assign(texts.size(), nullptr);
  }
  return known.series;
}

stored_series& store_txn::series_of(const std::string& edge, const std::string& text) {
  auto id = store_.series.find(edge, text);
  if (id != 0)
    return series_with(id);
  auto [place, is_new] = new_ids_.try_emplace(std::pair{edge, text}, 0);
  if (!is_new)
    return series_with(place->second);
  place->second = static_cast<stored_series_id>(store_.series.size() + new_ids_.size());
  auto series = stored_series{place->second, edge, text, 0, 0};
  txn_.append(table::series, series_key(series.id), to_value(series));
  return changed_series_.emplace(series.id, std::move(series)).first->second;
}

stored_series& store_txn::series_with(stored_series_id id) {
  auto found = changed_series_.find(id);
  if (found != changed_series_.end())
    return found->second;
  return changed_series_.emplace(id, *store_.series.get(id)).first->second;
}

/// In the order of time, as the table of recent windows is; of one window in the order of
/// arrival.
void store_txn::put_summaries() {
  find_older();
  std::sort(waiting_.begin(), waiting_.end(),
            [](const waiting_summary& a, const waiting_summary& b) {
              return std::tie(a.key.start_ns, a.key.series, a.key.width_ns, a.order)
                     < std::tie(b.key.start_ns, b.key.series, b.key.width_ns, b.order);
            });
  report_.summaries.reserve(waiting_.size());
  auto cursor = lmdb_cursor{txn_, table::recent[store_.recent_now.active]};
  for (const auto& x : waiting_)
    put_summary(cursor, x);
}

void store_txn::put_summary(lmdb_cursor& cursor, const waiting_summary& x) {
  const auto& block = *x.from->block;
  bool in_lane = x.from->placed.in_lane;
  char key_bytes[recent_key_bytes];
  write_recent_key(key_bytes, x.key);
  auto key = std::string_view{key_bytes, recent_key_bytes};
  if (x.older != none) {
    put_on_older(cursor, x, key);
    return;
  }
  write_first_version(value_, {block.epoch, block.run, x.seq, in_lane}, *x.value);
  // Nearly always the window is new, and one search is enough.
  if (cursor.put_new(key, value_)) {
    active_->add(x.key.series, {x.key.start_ns, x.key.width_ns});
    note_summary(x, *x.value);
    return;
  }
  auto window = read_window(x, cursor.value());
  auto version = window_version{block.epoch, block.run, x.seq, *x.value};
  version.value.series = x.key.series;
  if (!add_version(window, version, in_lane, x.from->lane))
    return;
  cursor.put(key, to_value(window));
  note_summary(x, merged(window));
}

/// The window becomes a recent one again, which stands over what it was.
void store_txn::put_on_older(lmdb_cursor& cursor, const waiting_summary& x,
                             std::string_view key) {
  const auto& block = *x.from->block;
  auto known = txn_.get(table::recent[store_.recent_now.active], key);
  auto window = known ? read_window(x, *known) : older_[x.older];
  auto version = window_version{block.epoch, block.run, x.seq, *x.value};
  version.value.series = x.key.series;
  if (!add_version(window, version, x.from->placed.in_lane, x.from->lane))
    return;
  if (!known)
    active_->add(x.key.series, {x.key.start_ns, x.key.width_ns});
  cursor.put(key, to_value(window));
  note_summary(x, merged(window));
}

/// Looks up windows that may stand in the table that is being emptied, or in blocks.
void store_txn::find_older() {
  std::vector<waiting_summary*> asked;
  for (auto& x : waiting_)
    if (may_be_older(x.key))
      asked.push_back(&x);
  std::sort(asked.begin(), asked.end(), [](const auto* a, const auto* b) {
    return std::tie(a->key, a->order) < std::tie(b->key, b->order);
  });
  store_rows rows_of_blocks{store_, txn_};
  row_set rows;
  std::optional<block_key> at; // What `rows` holds.
  const waiting_summary* before = nullptr;
  for (auto* x : asked) {
    if (before != nullptr && before->key == x->key)
      x->older = before->older;
    else if (auto window = find_in_flushing(*x))
      x->older = note_older(std::move(*window));
    else if (!rows_of_blocks.is_late(x->key.series, {x->key.start_ns, x->key.width_ns}))
      x->older = find_in_rows(*x, at, rows);
    before = x;
  }
}

bool store_txn::may_be_older(const window_key& key) {
  if (store_.recent_now.is_flushing && key.start_ns <= flushing_->last_start_ns())
    return true;
  return key.start_ns <= store_.last_in_blocks(txn_, {key.series, key.width_ns});
}

std::size_t store_txn::note_older(stored_window window) {
  older_.push_back(std::move(window));
  return older_.size() - 1;
}

std::size_t store_txn::find_in_rows(const waiting_summary& x,
                                    std::optional<block_key>& at, row_set& rows) {
  auto place = row_place{tier::raw, x.key.series, x.key.width_ns};
  auto found = find_in_blocks(txn_, table::blocks, place, x.key.start_ns, at, rows,
                              store_.damage_sink());
  if (!found)
    return none;
  auto row = rows.rows[*found];
  row.series = x.key.series;
  const auto& origin = rows.origins[*found];
  return note_older({window_parts{origin.epoch, origin.run, std::move(row), {}}, {}});
}

std::optional<stored_window> store_txn::find_in_flushing(const waiting_summary& x) {
  const auto& state = store_.recent_now;
  if (!state.is_flushing || x.key.series <= state.flushed_through
      || !flushing_->contains(x.key.series, {x.key.start_ns, x.key.width_ns}))
    return std::nullopt;
  auto value = txn_.get(table::recent[1 - state.active], recent_key(x.key));
  return value ? std::optional{read_window(x, *value)} : std::nullopt;
}

/// Start of the last row in blocks; the least time if there is none. Most windows come
/// behind it.
std::int64_t store_state::last_in_blocks(const lmdb_txn& txn, const series_width& of) {
  auto [known, is_new] = last_in_blocks_.try_emplace(of, start_ns_min - 1);
  if (is_new)
    if (auto last_ns
        = last_row_start(txn, table::blocks, {tier::raw, of.series, of.width_ns}))
      known->second = *last_ns;
  return known->second;
}

/// A value that nobody can read any more is replaced: it must not hold up its edge for
/// ever. What it had counted is gone, so the books say so.
stored_window store_txn::read_window(const waiting_summary& x, std::string_view value) {
  try {
    return to_window(x.key, value);
  } catch (const failure& why) {
    if (why.what_happened.code != errc::malformed)
      throw;
    const auto& block = *x.from->block;
    violated(position_of(block.edge, block.epoch).value,
             "a stored window of series " + std::to_string(x.key.series)
               + " cannot be read and is replaced.");
    return {};
  }
}

void store_txn::note_summary(const waiting_summary& x, analytics::summary stored) {
  auto& series = *x.series;
  bool newer = x.key.start_ns > series.last_start_ns;
  bool finer
    = x.key.start_ns == series.last_start_ns && x.key.width_ns < series.width_ns;
  if (series.width_ns == 0 || newer || finer) {
    series.width_ns = x.key.width_ns;
    series.last_start_ns = x.key.start_ns;
  }
  stored.series = x.key.series;
  report_.summaries.push_back({x.key.series, std::move(stored)});
}

commit_report store_txn::commit() {
  auto first_new = store_.series.size() + 1;
  put_summaries();
  for (auto& [key, position] : positions_) {
    if (!position.stored)
      continue;
    put_ranges(position);
    txn_.put(table::positions, key, to_value(position.value));
  }
  for (const auto& [id, series] : changed_series_) {
    txn_.put(table::tails, series_key(id), to_tail(series));
    if (id >= first_new)
      report_.new_series.push_back(series);
  }
  bound_anomalies();
  bound_alerts();
  bound_quarantine();
  if (next_anomaly_ != store_.next_anomaly)
    txn_.put(table::meta, "next_anomaly", number_key(next_anomaly_));
  failpoint("store.commit.before");
  txn_.commit();
  failpoint("store.commit.after");
  store_.series.apply(changed_series_);
  store_.next_anomaly = next_anomaly_;
  store_.next_rejection = next_rejection_;
  return std::move(report_);
}

} // namespace weir::storage
