// Anomalies, alerts and the quarantine: writing, bounding and reading.
#include "storage/big_endian.hpp"
#include "storage/store_impl.hpp"

#include <utility>

namespace weir::storage {

namespace {

bool is_open(analytics::alert_state state) {
  using enum analytics::alert_state;
  return state == pending || state == firing || state == recovering;
}

lmdb_table time_index(analytics::alert_state state) {
  return is_open(state) ? table::alerts_open : table::alerts_closed;
}

/// Key and value of a table's first entry, as copies.
std::optional<std::pair<std::string, std::string>> first_entry(const lmdb_txn& txn,
                                                               lmdb_table table) {
  auto cursor = lmdb_cursor{txn, table};
  if (!cursor.first())
    return std::nullopt;
  return std::pair{std::string{cursor.key()}, std::string{cursor.value()}};
}

} // namespace

void store_txn::add_anomaly(const analytics::anomaly& x, stored_series_id id) {
  auto key = anomaly_key{x.time_ns, id, next_anomaly_};
  next_anomaly_ += 1;
  txn_.put(table::anomalies, to_key(key), to_value(x));
  txn_.put(table::anomalies_by_series, to_series_key(key), {});
  auto stored = x;
  stored.series = id;
  report_.anomalies.push_back({id, std::move(stored)});
}

void store_txn::bound_anomalies() {
  while (txn_.entries(table::anomalies) > store_.config.anomalies_max) {
    auto oldest = first_entry(txn_, table::anomalies);
    if (!oldest)
      return;
    txn_.erase(table::anomalies_by_series,
               to_series_key(to_anomaly_key(oldest->first)));
    txn_.erase(table::anomalies, oldest->first);
  }
}

bool store_txn::put_alert(const stored_alert& alert) {
  const auto& x = alert.value;
  auto key = alert_key(alert.edge, x.id);
  if (auto value = txn_.get(table::alerts, key)) {
    auto before = to_alert(*value).value;
    if (std::pair{x.updated_ns, x.state} < std::pair{before.updated_ns, before.state})
      return false;
    txn_.erase(time_index(before.state), alert_time_key(before.updated_ns, key));
  }
  txn_.put(table::alerts, key, to_value(alert));
  txn_.put(time_index(x.state), alert_time_key(x.updated_ns, key), {});
  report_.alerts.push_back({alert.edge, alert.series_text, x});
  return true;
}

void store_txn::bound_alerts() {
  while (txn_.entries(table::alerts) > store_.config.alerts_max) {
    auto index = table::alerts_closed;
    auto oldest = first_entry(txn_, index);
    if (!oldest) {
      index = table::alerts_open;
      oldest = first_entry(txn_, index);
    }
    if (!oldest || oldest->first.size() < 8)
      return;
    txn_.erase(table::alerts, oldest->first.substr(8));
    txn_.erase(index, oldest->first);
  }
}

void store_txn::add_rejection(std::string_view edge, const analytics::rejection& x) {
  txn_.append(table::quarantine, number_key(next_rejection_),
              to_value(stored_rejection{std::string{edge}, x}));
  next_rejection_ += 1;
  report_.rejections += 1;
}

void store_txn::bound_quarantine() {
  while (txn_.entries(table::quarantine) > store_.config.quarantine_max) {
    auto oldest = first_entry(txn_, table::quarantine);
    if (!oldest)
      return;
    txn_.erase(table::quarantine, oldest->first);
  }
}

expected<void, error> store::put_alert(const stored_alert& alert) {
  return guarded([&] {
    if (alert.edge.empty() || alert.edge.size() > edge_name_bytes_max
        || alert.value.id.size() > alert_id_bytes_max)
      throw failure(errc::malformed, "an alert needs an edge's name of 1 to 255 "
                                     "bytes and an id of at most 128.");
    auto lock = std::lock_guard{impl_->write_mutex};
    auto txn = store_txn{*impl_, 0};
    if (txn.put_alert(alert))
      txn.commit();
  });
}

expected<std::vector<stored_anomaly>, error>
store::anomalies(stored_series_id series, std::int64_t from_ns, std::int64_t to_ns,
                 std::size_t limit) const {
  return guarded([&] {
    std::vector<stored_anomaly> result;
    auto txn = lmdb_txn{impl_->env, false};
    auto index = series == 0 ? table::anomalies : table::anomalies_by_series;
    auto cursor = lmdb_cursor{txn, index};
    auto end = anomaly_key{to_ns, series, 0};
    bool more = cursor.seek_before(series == 0 ? to_key(end) : to_series_key(end));
    for (; more && result.size() < limit; more = cursor.previous()) {
      auto key = series == 0 ? to_anomaly_key(cursor.key())
                             : to_anomaly_series_key(cursor.key());
      if (key.time_ns < from_ns || (series != 0 && key.series != series))
        break;
      auto value = series == 0 ? std::optional{cursor.value()}
                               : txn.get(table::anomalies, to_key(key));
      if (value)
        result.push_back({key.series, to_anomaly(key, *value)});
    }
    return result;
  });
}

expected<std::vector<stored_alert>, error> store::alerts(bool only_open,
                                                         std::size_t limit) const {
  return guarded([&] {
    std::vector<stored_alert> result;
    auto txn = lmdb_txn{impl_->env, false};
    auto open = lmdb_cursor{txn, table::alerts_open};
    auto closed = lmdb_cursor{txn, table::alerts_closed};
    bool more_open = open.last();
    bool more_closed = !only_open && closed.last();
    while (result.size() < limit && (more_open || more_closed)) {
      // Both indices begin with the time: the larger key is the newer alert.
      bool take_open = more_open && (!more_closed || open.key() > closed.key());
      auto& newest = take_open ? open : closed;
      auto value = newest.key().size() < 8
                     ? std::nullopt
                     : txn.get(table::alerts, newest.key().substr(8));
      if (value)
        result.push_back(to_alert(*value));
      (take_open ? more_open : more_closed) = newest.previous();
    }
    return result;
  });
}

expected<std::vector<stored_rejection>, error>
store::quarantine(std::size_t limit) const {
  return guarded([&] {
    std::vector<stored_rejection> result;
    auto txn = lmdb_txn{impl_->env, false};
    auto cursor = lmdb_cursor{txn, table::quarantine};
    for (bool more = cursor.last(); more && result.size() < limit;
         more = cursor.previous())
      result.push_back(to_rejection(cursor.value()));
    return result;
  });
}

} // namespace weir::storage
