// All that a store answers, as one text: two stores with the same content give the same.
#pragma once

#include "storage/store.hpp"

#include "tests/storage/records.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>

namespace weir::test {

inline void dump_summaries(std::ostream& out, const storage::store& from,
                           storage::stored_series_id id) {
  using limits = std::numeric_limits<std::int64_t>;
  auto windows = from.query(id, limits::min(), limits::max(), 1 << 20).value();
  for (const auto& x : windows)
    out << "  window " << x.start_ns << ' ' << x.width_ns << ' ' << x.count << ' '
        << x.sum << ' ' << x.min << ' ' << x.max << ' ' << x.mean << ' ' << x.m2 << ' '
        << x.first << ' ' << x.last << ' ' << x.first_ns << ' ' << x.last_ns << ' '
        << x.late_count << ' ' << x.revision << ' ' << x.early << ' '
        << x.extended.size() << '\n';
}

inline void dump_ledger(std::ostream& out, const storage::store& from,
                        const std::string& edge) {
  auto epochs = from.ledger(edge).value();
  for (const auto& epoch : epochs) {
    out << "  epoch " << epoch.position.epoch << ' ' << epoch.violation << '\n';
    for (const auto& x : epoch.ranges)
      out << "    range " << x.first_seq << ' ' << x.last_seq << ' '
          << static_cast<int>(x.fate) << ' ' << x.records << ' ' << x.first_ns << ' '
          << x.last_ns << '\n';
  }
  auto events = from.ledger_events(edge).value();
  for (const auto& x : events)
    out << "  event " << x.time_ns << ' ' << x.old_epoch << ' ' << x.new_epoch << '\n';
}

inline std::string dump(const storage::store& from) {
  constexpr auto all = std::size_t{1} << 20;
  using limits = std::numeric_limits<std::int64_t>;
  std::ostringstream out;
  auto series = from.find_series({{}, {}, all}).value();
  for (const auto& x : series) {
    out << "series " << x.id << ' ' << x.edge << ' ' << x.text << ' ' << x.width_ns
        << ' ' << x.last_start_ns << '\n';
    dump_summaries(out, from, x.id);
    auto anomalies = from.anomalies(x.id, limits::min(), limits::max(), all).value();
    for (const auto& y : anomalies)
      out << "  anomaly " << y.value.time_ns << ' ' << y.value.value << ' '
          << y.value.score << ' ' << y.value.model << '\n';
  }
  auto alerts = from.alerts(false, all).value();
  for (const auto& x : alerts)
    out << "alert " << x.edge << ' ' << x.series_text << ' ' << x.value.id << ' '
        << static_cast<int>(x.value.state) << ' ' << x.value.updated_ns << '\n';
  auto rejections = from.quarantine(all).value();
  for (const auto& x : rejections)
    out << "rejection " << x.edge << ' ' << x.value.source << ' ' << x.value.detail
        << '\n';
  auto positions = from.positions().value();
  for (const auto& x : positions) {
    out << "position " << x.edge << ' ' << x.epoch << ' ' << x.through_seq << ' '
        << x.lane_first << ' ' << x.lane_through << ' ' << x.sent_seq << ' '
        << x.records_stored << ' ' << x.records_duplicate << ' ' << x.first_ns << ' '
        << x.last_ns << '\n';
    dump_ledger(out, from, x.edge);
  }
  auto counters = from.counters().value();
  for (const auto& x : counters)
    out << "counters " << x.edge << ' ' << x.epoch << ' ' << x.values.size() << '\n';
  return out.str();
}

/// The n-th commit of a made history, from 0, with 20 records: windows of four series,
/// anomalies, alerts that open and close, rejected input.
inline constexpr std::uint64_t records_per_commit = 20;

inline storage::incoming_block nth_commit(std::uint64_t n) {
  auto block = make_block(n * records_per_commit + 1);
  block.records.series = {"a{}", "b{}", "c{k=\"1\"}", "d{}"};
  auto time_ns = static_cast<std::int64_t>(n) * 10 * second_ns;
  for (unsigned i = 0; i < 16; ++i)
    block.records.summaries.push_back(
      make_summary(time_ns + static_cast<std::int64_t>(i / 4) * 10'000'000 * second_ns,
                   0.5 * static_cast<double>(n) + i, 0, i % 4));
  block.records.anomalies
    = {make_anomaly(time_ns, static_cast<double>(n)), make_anomaly(time_ns + 1, 2.0)};
  block.records.alerts = {make_alert("alert-" + std::to_string(n / 2),
                                     n % 2 == 0 ? analytics::alert_state::firing
                                                : analytics::alert_state::resolved,
                                     time_ns)};
  block.records.rejections = {make_rejection(time_ns, "number " + std::to_string(n))};
  return block;
}

inline void make_commit(storage::store& into, std::uint64_t n) {
  auto block = nth_commit(n);
  auto done = into.commit({&block, 1}, static_cast<std::int64_t>(n) + 1);
  if (!done || done->outcomes.front().result != storage::commit_result::stored)
    throw std::runtime_error("a commit was not stored");
}

inline std::uint64_t commits_in(const storage::store& from) {
  auto position = from.position("north", 7).value();
  return position ? position->through_seq / records_per_commit : 0;
}

} // namespace weir::test
