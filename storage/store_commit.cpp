// The writing side of the store: positions, series and summaries.
#include "storage/store_impl.hpp"

#include <algorithm>
#include <limits>

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

/// The decoder has checked the bytes; this is what the tables rely on.
void check(const incoming_block& block) {
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

} // namespace

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
  check(block);
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
  add_records({block, placed, {block.epoch, position.lane_first}, all_new});
  return outcome(placed.result, placed.in_lane);
}

/// Stores the records with new numbers, in the order of their numbers.
void store_txn::add_records(const block_place& place) {
  const auto& block = place.block;
  const auto& records = block.records;
  std::vector<stored_series_id> ids(records.series.size(), 0);
  auto id_of = [&](analytics::series_id index) {
    if (ids[index] == 0)
      ids[index] = series_of(block.edge, records.series[index]).id;
    return ids[index];
  };
  auto seq = block.first_seq;
  auto each_new = [&](const auto& list, auto use) {
    for (const auto& x : list) {
      if (place.all_new || place.placed.is_new(seq))
        use(x);
      ++seq;
    }
  };
  each_new(records.summaries, [&](const analytics::summary& x) {
    add_summary(place, x, seq, id_of(x.series));
  });
  each_new(records.anomalies,
           [&](const analytics::anomaly& x) { add_anomaly(x, id_of(x.series)); });
  each_new(records.alerts, [&](const analytics::alert& x) {
    put_alert({block.edge, records.series[x.series], x});
  });
  each_new(records.rejections,
           [&](const analytics::rejection& x) { add_rejection(block.edge, x); });
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

void store_txn::add_summary(const block_place& place, const analytics::summary& x,
                            std::uint64_t seq, stored_series_id id) {
  auto key = window_key{id, x.width_ns, x.start_ns};
  auto key_bytes = to_key(key);
  auto version = window_version{place.block.epoch, place.block.run, seq, x};
  version.value.series = id;
  stored_window window;
  if (auto before = txn_.get(table::summaries, key_bytes))
    window = to_window(key, *before);
  if (!add_version(window, version, place.placed.in_lane, place.lane))
    return;
  txn_.put(table::summaries, key_bytes, to_value(window));
  auto& series = series_with(id);
  if (series.width_ns == 0 || x.start_ns >= series.last_start_ns) {
    series.width_ns = x.width_ns;
    series.last_start_ns = x.start_ns;
  }
  report_.summaries.push_back({id, merged(window)});
}

commit_report store_txn::commit() {
  auto first_new = store_.series.size() + 1;
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
  txn_.commit();
  store_.series.apply(changed_series_);
  store_.next_anomaly = next_anomaly_;
  store_.next_rejection = next_rejection_;
  return std::move(report_);
}

} // namespace weir::storage
