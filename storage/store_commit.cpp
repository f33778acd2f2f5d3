// The writing side of the store: positions, series and summaries.
#include "storage/store_impl.hpp"

#include <algorithm>
#include <limits>

namespace weir::storage {

namespace {

// Years 1897 to 2116, and windows of up to a year: sums of these never
// overflow.
constexpr std::int64_t start_ns_min = -(std::int64_t{1} << 61);
constexpr std::int64_t start_ns_max = std::int64_t{1} << 62;
constexpr std::int64_t width_ns_max = std::int64_t{1} << 55;

[[noreturn]] void refuse(const incoming_block& block, const std::string& why) {
  throw failure(errc::malformed, "block " + std::to_string(block.first_seq)
                                   + " of edge \"" + block.edge + "\": " + why);
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
  if (block.records.record_count()
      > std::numeric_limits<std::uint64_t>::max() - block.first_seq)
    refuse(block, "its numbers run over the end of 64 bits.");
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

bool follows(const incoming_block& block, const stored_window& before) {
  return block.epoch != before.epoch || block.run > before.run;
}

/// Whether `x` can hold all that is in `part`.
bool can_hold(const analytics::summary& x, const analytics::summary& part) {
  return x.count >= part.count && x.first_ns <= part.first_ns
         && x.last_ns >= part.last_ns;
}

/// What a summary is to the part of the same run that is there.
enum class relation {
  nothing_new,
  replaces,
  adds, ///< The edge had forgotten the window (a series that was evicted and came
        ///< again) and began it anew.
};

/// Numbers have an order within a run: of two that are early the one that comes later
/// is the later one, and nothing is sent twice under another number.
relation relate(const analytics::summary& x, const analytics::summary& current) {
  if (current.early)
    return relation::replaces;
  if (x.early)
    return relation::nothing_new;
  if (x.revision > current.revision && can_hold(x, current))
    return relation::replaces;
  return x.revision == 0 || x.revision > current.revision ? relation::adds
                                                          : relation::nothing_new;
}

/// Whether `x`, of a later run, holds all of the early part before: the edge kept the
/// open window over an ordered restart. After a crash it has only the rest.
bool covers(const incoming_block& block, const analytics::summary& x,
            const stored_window& before) {
  const auto& early_part = before.current;
  return early_part.early && block.epoch == before.epoch
         && x.first_ns <= early_part.first_ns && x.count >= early_part.count;
}

/// Whether `x`, of a later run, can hold all that stands there: its edge took the
/// window over an ordered restart. A run that knows nothing of it (after a crash) may
/// send a revision, too, but of late events alone.
bool takes_over(const incoming_block& block, const analytics::summary& x,
                const stored_window& before, const analytics::summary& whole) {
  return block.epoch == before.epoch && x.revision > whole.revision
         && can_hold(x, whole);
}

/// What stands in the table after `x` came, or nothing if `x` changes nothing.
std::optional<stored_window> next_window(const incoming_block& block,
                                         const analytics::summary& x,
                                         const stored_window& before) {
  auto after = stored_window{block.epoch, block.run, x, std::nullopt};
  auto whole = merged(before);
  if (!follows(block, before)) {
    auto how = relate(x, before.current);
    if (block.run < before.run || how == relation::nothing_new)
      return std::nullopt;
    if (how == relation::adds)
      after.earlier = whole;
    else
      after.earlier = before.earlier; // The run corrects its own part only.
    return after;
  }
  if (takes_over(block, x, before, whole))
    return after;
  // A restart: it saw only the rest.
  after.earlier = covers(block, x, before) ? before.earlier : whole;
  return after;
}

std::uint64_t count_between(std::uint64_t known, std::uint64_t through) {
  return through > known ? through - known : 0;
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
  auto count = block.records.record_count();
  // Written so that nothing wraps: first_seq may be anything.
  if (block.first_seq > position.through_seq
      && block.first_seq - position.through_seq > 1) {
    position.gaps_refused += 1;
    return {commit_result::gap, position.through_seq};
  }
  auto end = block.first_seq + count; // One behind the last.
  if (count == 0 || end - 1 <= position.through_seq) {
    position.records_duplicate += count;
    return {commit_result::duplicate, position.through_seq};
  }
  auto known = count_between(block.first_seq, position.through_seq + 1);
  add_records(block, known);
  position.records_duplicate += known;
  position.records_stored += count - known;
  position.through_seq = end - 1;
  tracked.stored = true;
  return {commit_result::stored, position.through_seq};
}

commit_outcome store_txn::skip(const incoming_skip& range) {
  if (range.edge.empty() || range.edge.size() > edge_name_bytes_max)
    throw failure(errc::malformed, "a skip's edge name must have 1 to 255 "
                                   "bytes.");
  auto& tracked = position_of(range.edge, range.epoch);
  auto& position = tracked.value;
  if (range.through_seq <= position.through_seq)
    return {commit_result::duplicate, position.through_seq};
  if (range.first_seq > position.through_seq
      && range.first_seq - position.through_seq > 1) {
    position.gaps_refused += 1;
    return {commit_result::gap, position.through_seq};
  }
  position.records_expired += range.through_seq - position.through_seq;
  position.through_seq = range.through_seq;
  tracked.stored = true;
  return {commit_result::stored, position.through_seq};
}

/// Stores the records behind the first `known`, in the order of their numbers.
void store_txn::add_records(const incoming_block& block, std::uint64_t known) {
  const auto& records = block.records;
  std::vector<stored_series_id> ids(records.series.size(), 0);
  auto id_of = [&](analytics::series_id index) {
    if (ids[index] == 0)
      ids[index] = series_of(block.edge, records.series[index]).id;
    return ids[index];
  };
  auto behind_known = [&known](const auto& list, auto use) {
    auto skipped = std::min<std::uint64_t>(known, list.size());
    known -= skipped;
    for (const auto& x : std::span{list}.subspan(skipped))
      use(x);
  };
  behind_known(records.summaries, [&](const analytics::summary& x) {
    add_summary(block, x, id_of(x.series));
  });
  behind_known(records.anomalies,
               [&](const analytics::anomaly& x) { add_anomaly(x, id_of(x.series)); });
  behind_known(records.alerts, [&](const analytics::alert& x) {
    put_alert({block.edge, records.series[x.series], x});
  });
  behind_known(records.rejections,
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

void store_txn::add_summary(const incoming_block& block, const analytics::summary& x,
                            stored_series_id id) {
  auto key = window_key{id, x.width_ns, x.start_ns};
  auto key_bytes = to_key(key);
  auto incoming = x;
  incoming.series = id;
  auto window = stored_window{block.epoch, block.run, incoming, std::nullopt};
  if (auto before = txn_.get(table::summaries, key_bytes)) {
    auto next = next_window(block, incoming, to_window(key, *before));
    if (!next)
      return;
    window = *next;
  }
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
  for (const auto& [key, position] : positions_)
    if (position.stored)
      txn_.put(table::positions, key, to_value(position.value));
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
