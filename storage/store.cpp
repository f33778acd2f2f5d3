// Opening the store, and the reads that need one table only.
#include "storage/store.hpp"

#include "storage/big_endian.hpp"
#include "storage/random_id.hpp"
#include "storage/store_impl.hpp"

#include <utility>

namespace weir::storage {

namespace {

constexpr std::uint32_t format_version = 1;

lmdb_options to_options(const store_config& config) {
  return {config.directory,
          config.size_bytes_max,
          {"meta", "positions", "series", "tails", "summaries", "anomalies",
           "anomalies_by_series", "alerts", "alerts_open", "alerts_closed",
           "quarantine", "ledger", "ledger_events", "edge_counters"}};
}

void check_format(lmdb_txn& txn) {
  if (auto value = txn.get(table::meta, "format")) {
    auto in = byte_reader{*value};
    auto version = in.take<std::uint32_t>();
    if (in.ok() && version > format_version)
      throw failure(errc::unsupported,
                    "the store has format " + std::to_string(version)
                      + ", this program knows up to " + std::to_string(format_version)
                      + ". Start the newer program that wrote it, or name "
                        "another directory.");
  }
  std::string value;
  put_be(value, format_version);
  txn.put(table::meta, "format", value);
}

/// Which store this is: backups carry it, restored copies keep it.
void ensure_store_id(lmdb_txn& txn) {
  if (txn.get(table::meta, "store_id"))
    return;
  std::string value;
  put_be(value, random_id());
  txn.put(table::meta, "store_id", value);
}

} // namespace

store_state::store_state(const store_config& conf, std::int64_t unix_ns)
  : config(conf), env(to_options(conf), unix_ns), was_damaged(env.was_damaged()) {
  load();
}

void store_state::load() {
  auto txn = lmdb_txn{env, true};
  check_format(txn);
  ensure_store_id(txn);
  std::map<stored_series_id, stored_series> found;
  {
    auto cursor = lmdb_cursor{txn, table::series};
    for (bool more = cursor.first(); more; more = cursor.next()) {
      auto x = to_series(cursor.key(), cursor.value());
      if (x.id != found.size() + 1)
        throw failure(errc::malformed, "the store's series are not numbered "
                                       "one by one.");
      if (auto tail = txn.get(table::tails, cursor.key()))
        read_tail(x, *tail);
      found.emplace_hint(found.end(), x.id, std::move(x));
    }
    auto rejections = lmdb_cursor{txn, table::quarantine};
    if (rejections.last())
      next_rejection = byte_reader{rejections.key()}.take<std::uint64_t>() + 1;
  }
  series.apply(found);
  if (auto value = txn.get(table::meta, "next_anomaly"))
    next_anomaly = byte_reader{*value}.take<std::uint64_t>();
  txn.commit();
}

commit_report store_state::commit(std::span<const incoming_block> blocks,
                                  std::int64_t unix_ns,
                                  std::span<const edge_hello> hellos) {
  auto txn = store_txn{*this, unix_ns};
  for (const auto& hello : hellos)
    txn.note_hello(hello);
  std::vector<commit_outcome> outcomes;
  outcomes.reserve(blocks.size());
  for (const auto& block : blocks)
    outcomes.push_back(txn.add(block));
  auto report = txn.commit();
  report.outcomes = std::move(outcomes);
  return report;
}

store::store(std::unique_ptr<impl> state) : impl_(std::move(state)) {
}

store::~store() = default;

expected<std::unique_ptr<store>, error> store::open(const store_config& config,
                                                    std::int64_t unix_ns) {
  return guarded([&] {
    try {
      return std::unique_ptr<store>{new store{std::make_unique<impl>(config, unix_ns)}};
    } catch (const failure& x) {
      if (x.what_happened.code != errc::malformed
          && x.what_happened.code != errc::damaged)
        throw;
    }
    database_directory{config.directory}.set_aside(unix_ns);
    auto fresh = std::make_unique<impl>(config, unix_ns);
    fresh->was_damaged = true;
    return std::unique_ptr<store>{new store{std::move(fresh)}};
  });
}

bool store::was_damaged() const {
  return impl_->was_damaged;
}

expected<commit_report, error> store::commit(std::span<const incoming_block> blocks,
                                             std::int64_t unix_ns,
                                             std::span<const edge_hello> hellos) {
  return guarded([&] {
    for (const auto& block : blocks)
      check_block(block);
    auto lock = std::lock_guard{impl_->write_mutex};
    try {
      return impl_->commit(blocks, unix_ns, hellos);
    } catch (failure& x) {
      // The blocks are sound: it is a value of ours that cannot be read.
      if (x.what_happened.code == errc::malformed)
        x.what_happened.code = errc::damaged;
      throw;
    }
  });
}

expected<std::optional<edge_position>, error>
store::position(std::string_view edge, std::uint64_t epoch) const {
  return guarded([&] {
    auto txn = lmdb_txn{impl_->env, false};
    auto key = position_key(edge, epoch);
    std::optional<edge_position> result;
    if (edge.size() > edge_name_bytes_max)
      return result;
    if (auto value = txn.get(table::positions, key))
      result = to_position(key, *value);
    return result;
  });
}

expected<std::vector<edge_position>, error> store::positions() const {
  return guarded([&] {
    std::vector<edge_position> result;
    auto txn = lmdb_txn{impl_->env, false};
    auto cursor = lmdb_cursor{txn, table::positions};
    for (bool more = cursor.first(); more; more = cursor.next())
      result.push_back(to_position(cursor.key(), cursor.value()));
    return result;
  });
}

expected<std::vector<stored_series>, error>
store::find_series(const series_filter& filter) const {
  return guarded([&] { return impl_->series.search(filter); });
}

expected<stored_series, error> store::series(stored_series_id id) const {
  return guarded([&] {
    auto found = impl_->series.get(id);
    if (!found)
      throw failure(errc::not_found,
                    "there is no series with the number " + std::to_string(id) + ".");
    return *found;
  });
}

store_stats store::stats() const {
  auto read = guarded([&] {
    auto txn = lmdb_txn{impl_->env, false};
    return store_stats{txn.entries(table::series),     txn.entries(table::summaries),
                       txn.entries(table::anomalies),  txn.entries(table::alerts),
                       txn.entries(table::quarantine), 0};
  });
  auto result = read.value_or(store_stats{});
  result.size_bytes = guarded([&] { return impl_->env.used_bytes(); }).value_or(0);
  return result;
}

} // namespace weir::storage
