// A node's shards for tests: names instead of ids, and what a shard routes to another
// is handed on at once. Keeps of each window what a reader would.
#pragma once

#include "analytics/shard.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::analytics {

inline constexpr std::int64_t second_ns = 1'000'000'000;

inline std::shared_ptr<const stream_program> compiled(const stream_config& config) {
  auto made = stream_program::compile(config);
  if (!made)
    for (const auto& line : made.error())
      UNSCOPED_INFO(line);
  REQUIRE(made);
  return *made;
}

/// Windows of a node by series text and start.
using window_key = std::pair<std::string, std::int64_t>;
using window_map = std::map<window_key, summary>;

/// What a reader keeps of all summaries of a window: no early one over a final one, and
/// corrections added. Of two final ones the first stands, so that what differs has to
/// say so.
inline void keep(window_map& windows, const std::string& text, const summary& x) {
  auto [pos, is_new] = windows.try_emplace({text, x.start_ns}, x);
  auto& kept = pos->second;
  if (is_new)
    return;
  if (kept.early) {
    kept = x;
  } else if (x.correction) {
    merge(kept, x);
    kept.start_ns = x.start_ns;
    kept.width_ns = x.width_ns;
  }
}

class test_node {
public:
  using dimensions = std::vector<dimension>;

  explicit test_node(const stream_config& config, std::size_t shards = 1,
                     std::size_t series_max = 1000)
    : table_(std::make_unique<series_table>(series_max, shards)) {
    auto program = compiled(config);
    for (std::size_t i = 0; i < shards; ++i)
      shards_.push_back(std::make_unique<shard>(program, *table_, i));
  }

  static std::string name(std::string_view metric, std::string_view source,
                          const dimensions& dims = {}) {
    std::string text;
    append_canonical(text, {metric, source, dims});
    return text;
  }
  series_id id(std::string_view metric, std::string_view source,
               const dimensions& dims = {}) {
    return *table_->intern(name(metric, source, dims));
  }
  const std::string& text(series_id id) const {
    return table_->text(id);
  }
  series_table& table() {
    return *table_;
  }
  shard& at(std::size_t i = 0) {
    return *shards_[i];
  }
  std::size_t shards() const {
    return shards_.size();
  }

  /// One batch for each shard that has events in it.
  void process(const std::vector<event>& events, const batch_time& now) {
    std::vector<std::vector<event>> parts(shards_.size());
    for (const auto& x : events)
      parts[table_->shard_of(x.series)].push_back(x);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].empty())
        continue;
      shards_[i]->process(parts[i], now, out_);
      take_output(now);
    }
  }
  void feed(series_id id, std::int64_t time_ns, double value, const batch_time& now) {
    process({event{time_ns, value, id, 0}}, now);
  }
  /// In seconds; the local clock stands still where it does not matter.
  void feed_s(series_id id, double time_s, double value, double local_s = 0) {
    feed(id, to_ns(time_s), value, {to_ns(local_s)});
  }
  void tick_s(double local_s, bool all_handed_on = true) {
    tick({to_ns(local_s)}, all_handed_on);
  }
  void tick(const batch_time& now, bool all_handed_on = true) {
    for (auto& x : shards_) {
      x->tick(now, all_handed_on, out_);
      take_output(now);
    }
  }
  void flush() {
    for (auto& x : shards_)
      x->flush(out_);
    take_output({});
  }
  change_report change(const stream_config& config) {
    change_report result;
    auto program = compiled(config);
    for (auto& x : shards_) {
      result = x->change(program, out_);
      take_output({});
    }
    return result;
  }
  std::vector<std::string> snapshots() const {
    std::vector<std::string> result;
    for (const auto& x : shards_)
      x->snapshot(result.emplace_back());
    return result;
  }
  /// Every shard takes of every snapshot what is its own.
  void restore(const std::vector<std::string>& snapshots, const batch_time& now = {}) {
    for (auto& x : shards_)
      for (const auto& bytes : snapshots) {
        auto report = x->restore(bytes, now, out_);
        if (!report)
          UNSCOPED_INFO(report.error());
        REQUIRE(report);
        restored.series += report->series;
        restored.refused += report->refused;
        restored.views = report->views;
        take_output(now);
      }
  }

  static std::int64_t to_ns(double s) {
    return static_cast<std::int64_t>(s * 1e9);
  }

  /// The window of a series that starts at `start_s`. @pre it was sent.
  const summary& window(const std::string& text, double start_s) const {
    auto pos = windows.find({text, to_ns(start_s)});
    INFO(text << " at " << start_s);
    REQUIRE(pos != windows.end());
    return pos->second;
  }
  /// Counts of the windows of a series, in order of their starts.
  std::vector<std::uint64_t> counts(const std::string& text) const {
    std::vector<std::uint64_t> result;
    for (const auto& [key, x] : windows)
      if (key.first == text)
        result.push_back(x.count);
    return result;
  }
  std::uint64_t late() const {
    std::uint64_t result = 0;
    for (const auto& x : shards_)
      result += x->status().late + x->status().routed_late;
    return result;
  }

  std::vector<std::pair<std::string, summary>> summaries; ///< As they were sent.
  window_map windows;                                     ///< As a reader keeps them.
  std::vector<anomaly> anomalies;
  std::vector<std::pair<std::string, alert>> alerts;
  std::vector<late_events> late_notes;
  shard::restore_report restored;
  bool hands_on = true; ///< Whether routed events reach their shards at once.
  std::vector<std::vector<routed_event>> held{};

  void hand_on_held(const batch_time& now) {
    auto routed = std::exchange(held, {});
    for (std::size_t i = 0; i < routed.size(); ++i)
      if (!routed[i].empty())
        shards_[i]->process_routed(routed[i], now, out_);
    take_output(now);
  }

private:
  void take_output(const batch_time& now) {
    auto routed = std::exchange(out_.routed, {});
    for (auto& x : out_.summaries) {
      summaries.emplace_back(table_->text(x.series), x);
      keep(windows, table_->text(x.series), x);
    }
    for (auto& x : out_.alerts)
      alerts.emplace_back(table_->text(x.series), x);
    anomalies.insert(anomalies.end(), out_.anomalies.begin(), out_.anomalies.end());
    late_notes.insert(late_notes.end(), out_.late.begin(), out_.late.end());
    out_.clear();
    if (routed.empty())
      return;
    held.resize(shards_.size());
    for (std::size_t i = 0; i < routed.size(); ++i)
      held[i].insert(held[i].end(), routed[i].begin(), routed[i].end());
    if (hands_on)
      hand_on_held(now);
  }

  std::unique_ptr<series_table> table_; // Its address stays where the node moves.
  std::vector<std::unique_ptr<shard>> shards_;
  shard_output out_;
};

} // namespace weir::analytics
