// Opening the store, and the reads that need one table only.
#include "storage/store.hpp"

#include "storage/big_endian.hpp"
#include "storage/random_id.hpp"
#include "storage/store_impl.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::storage {

namespace {

constexpr std::uint32_t format_version = 2; // 1: windows in `summaries` alone.

lmdb_options to_options(const store_config& config) {
  return {config.directory,
          config.size_bytes_max,
          {"meta", "positions", "series", "tails", "summaries", "anomalies",
           "anomalies_by_series", "alerts", "alerts_open", "alerts_closed",
           "quarantine", "ledger", "ledger_events", "edge_counters", "recent_a",
           "recent_b", "blocks", "horizons"}};
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
  recent_since_ns = unix_ns;
  take_over_old_rows(unix_ns);
}

void store_state::load_recent(const lmdb_txn& txn) {
  if (auto value = txn.get(table::meta, recent_meta_key))
    recent_now = to_recent_state(*value);
  recent_view view{recent_now.generation, {}};
  for (std::size_t i = 0; i < 2; ++i) {
    view.indexes[i] = std::make_shared<recent_index>();
    lmdb_cursor cursor{txn, table::recent[i]};
    for (bool more = cursor.first(); more; more = cursor.next()) {
      if (auto key = try_key(cursor.key(), to_recent_window))
        view.indexes[i]->add(key->series, {key->start_ns, key->width_ns});
    }
  }
  if (recent_now.is_flushing) {
    auto& full = *view.indexes[1 - recent_now.active];
    full.freeze();
    flush_series = full.series();
  }
  recent.set(view);
}

void store_state::note_damage(const block_key& where, const error& what) const {
  static constexpr std::array tiers{"raw", "minute", "hour", "day"};
  static constexpr std::size_t damages_max = 1000;
  auto found = damaged_span{where.place.series,
                            tiers[static_cast<std::size_t>(where.place.level)],
                            where.first_start_ns, what.message};
  auto lock = std::lock_guard{damage_mutex};
  if (std::find(damages.begin(), damages.end(), found) != damages.end())
    return;
  if (damages.size() < damages_max)
    damages.push_back(std::move(found));
  else
    ++damages_left_out;
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
  load_recent(txn);
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
      auto report = impl_->commit(blocks, unix_ns, hellos);
      impl_->keep_up(blocks, unix_ns);
      return report;
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
    recent_state state;
    if (auto value = txn.get(table::meta, recent_meta_key))
      state = to_recent_state(*value);
    store_stats x;
    x.series = txn.entries(table::series);
    x.recent = txn.entries(table::recent[0]) + txn.entries(table::recent[1])
               - state.flushed_rows;
    x.summaries = x.recent + state.block_rows[0];
    x.minutes = state.block_rows[1];
    x.hours = state.block_rows[2];
    x.days = state.block_rows[3];
    x.anomalies = txn.entries(table::anomalies);
    x.alerts = txn.entries(table::alerts);
    x.rejections = txn.entries(table::quarantine);
    return x;
  });
  auto result = read.value_or(store_stats{});
  result.size_bytes = guarded([&] { return impl_->env.used_bytes(); }).value_or(0);
  auto lock = std::lock_guard{impl_->damage_mutex};
  result.damaged_spans = impl_->damages.size() + impl_->damages_left_out;
  return result;
}

std::vector<damaged_span> store::damaged_spans() const {
  auto lock = std::lock_guard{impl_->damage_mutex};
  return impl_->damages;
}

} // namespace weir::storage
