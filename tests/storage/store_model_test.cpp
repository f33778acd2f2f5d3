// Random commits of three edges (blocks sent again, cut, overlapping, out of
// order, restarts, lost outboxes, expired ranges) against a model of plain maps.
#include "storage/store.hpp"

#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace weir::storage;
using namespace weir::test;
using weir::analytics::alert_state;
using weir::analytics::summary;

namespace {

/// What an edge has made in one epoch, block by block.
struct edge_history {
  std::string name;
  std::uint64_t epoch = 1;
  std::uint32_t run = 1;
  std::uint64_t next_seq = 1;
  std::vector<incoming_block> blocks;
};

/// A window's parts, one for each run that saw only a part of it.
struct model_part {
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::uint32_t revision = 0;
  std::uint64_t count = 0;
  double sum = 0;
  bool early = false;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
};

struct model {
  using edge_key = std::pair<std::string, std::uint64_t>;
  using window_key = std::tuple<std::string, std::string, std::int64_t>;
  using alert_key = std::pair<std::string, std::string>;

  std::map<edge_key, std::uint64_t> through;
  std::map<edge_key, std::uint64_t> expired;
  std::map<window_key, std::vector<model_part>> windows;
  std::map<alert_key, std::pair<std::int64_t, alert_state>> alerts;
  std::multiset<double> anomalies;
  std::vector<std::string> rejections; ///< Oldest first.

  static std::uint32_t revision_of(const std::vector<model_part>& parts) {
    auto revision = static_cast<std::uint32_t>(parts.size() - 1);
    for (const auto& part : parts)
      revision += part.revision;
    return revision;
  }

  static void correct(model_part& part, const summary& x) {
    part.revision = std::max(part.revision, x.revision);
    part.count += x.count;
    part.sum += x.sum;
    part.first_ns = std::min(part.first_ns, x.first_ns);
    part.last_ns = std::max(part.last_ns, x.last_ns);
  }

  static bool holds_all(const summary& x, const std::vector<model_part>& parts) {
    std::uint64_t count = 0;
    for (const auto& part : parts) {
      count += part.count;
      if (x.first_ns > part.first_ns || x.last_ns < part.last_ns)
        return false;
    }
    return x.count >= count;
  }

  void add(const incoming_block& block, const summary& x) {
    auto& parts = windows[{block.edge, block.records.series[x.series], x.start_ns}];
    auto incoming = model_part{block.epoch, block.run, x.revision, x.count,
                               x.sum,       x.early,   x.first_ns, x.last_ns};
    if (parts.empty()) {
      parts.push_back(incoming);
      return;
    }
    auto& last = parts.back();
    if (last.epoch == block.epoch && last.run == block.run) {
      auto holds = x.count >= last.count && x.first_ns <= last.first_ns
                   && x.last_ns >= last.last_ns;
      if (x.correction && !last.early)
        correct(last, x);
      else if (last.early || (!x.early && x.revision > last.revision && holds))
        last = incoming;
      else if (!x.early && (x.revision == 0 || x.revision > last.revision))
        parts.push_back(incoming);
    } else if (!x.correction && x.revision > revision_of(parts)
               && last.epoch == block.epoch && holds_all(x, parts)) {
      parts = {incoming};
    } else if (!x.correction && last.early && last.epoch == block.epoch
               && x.count >= last.count && x.first_ns <= last.first_ns) {
      last = incoming;
    } else {
      parts.push_back(incoming);
    }
  }

  void add(const incoming_block& block, const weir::analytics::alert& x) {
    auto& state = alerts[{block.edge, x.id}];
    state = std::max(state, {x.updated_ns, x.state});
  }

  commit_result add(const incoming_block& block) {
    auto& position = through[{block.edge, block.epoch}];
    if (block.first_seq > position + 1)
      return commit_result::gap;
    auto seq = block.first_seq;
    auto end = block.first_seq + block.records.record_count();
    if (end - 1 <= position)
      return commit_result::duplicate;
    auto is_new = [&] { return seq++ > position; };
    for (const auto& x : block.records.summaries)
      if (is_new())
        add(block, x);
    for (const auto& x : block.records.anomalies)
      if (is_new())
        anomalies.insert(x.value);
    for (const auto& x : block.records.alerts)
      if (is_new())
        add(block, x);
    for (const auto& x : block.records.rejections)
      if (is_new())
        rejections.push_back(x.detail);
    position = end - 1;
    return commit_result::stored;
  }

  commit_result add_hole(const incoming_block& hole) {
    auto& position = through[{hole.edge, hole.epoch}];
    auto last = hole.first_seq + hole.seq_span - 1;
    if (last <= position)
      return commit_result::duplicate;
    if (hole.first_seq > position + 1)
      return commit_result::gap;
    expired[{hole.edge, hole.epoch}] += last - position;
    position = last;
    return commit_result::stored;
  }
};

class scenario {
public:
  explicit scenario(unsigned seed) : random_(seed) {
    config_.recent_rows_max = 1 + below(20);
    for (const auto* name : {"a", "ab", "b"})
      edges_.push_back({name, 1, 1, 1, {}});
    reopen();
  }

  void step() {
    auto dice = below(100);
    if (dice < 4)
      reopen();
    else if (dice < 8)
      restart(edges_[below(edges_.size())]);
    else if (dice < 14)
      skip();
    else if (dice < 30)
      maintain();
    else
      commit();
  }

  void compare() {
    compare_positions();
    compare_windows();
    compare_events();
  }

private:
  std::size_t below(std::size_t limit) {
    return random_() % limit;
  }

  void reopen() {
    store_.reset();
    store_ = store::open(config_, 1).value();
    REQUIRE_FALSE(store_->was_damaged());
  }

  void restart(edge_history& edge) {
    edge.run += 1;
    if (below(4) == 0)
      edge = {edge.name, edge.epoch + 1, 1, 1, {}};
  }

  /// Moves windows into blocks, in parts or whole.
  void maintain() {
    if (below(4) == 0)
      REQUIRE(store_->flush(0));
    else
      REQUIRE(store_->maintain(1 + below(3), 0));
  }

  incoming_block make_next(edge_history& edge) {
    auto block = incoming_block{edge.name, edge.epoch, edge.run, edge.next_seq, {}};
    auto& records = block.records;
    records.series = {"s{}", "t{}"};
    for (std::size_t i = below(4); i > 0; --i) {
      auto x = make_summary(static_cast<std::int64_t>(below(6)) * 10 * second_ns,
                            static_cast<double>(below(1000)),
                            static_cast<std::uint32_t>(below(3)),
                            static_cast<std::uint32_t>(below(2)));
      x.early = below(3) == 0;
      x.correction = !x.early && below(3) == 0;
      x.first_ns += static_cast<std::int64_t>(below(3));
      records.summaries.push_back(x);
    }
    if (below(3) == 0)
      records.anomalies.push_back(make_anomaly(static_cast<std::int64_t>(below(5)),
                                               static_cast<double>(below(100))));
    if (below(3) == 0)
      records.alerts.push_back(make_alert(std::to_string(below(4)),
                                          static_cast<alert_state>(below(5)),
                                          static_cast<std::int64_t>(below(20))));
    if (records.record_count() == 0 || below(3) == 0)
      records.rejections.push_back(
        make_rejection(1, edge.name + std::to_string(edge.next_seq)));
    edge.next_seq += records.record_count();
    edge.blocks.push_back(block);
    return block;
  }

  /// The first records of a block: what an edge sends that cut its blocks
  /// elsewhere.
  incoming_block cut(incoming_block block) {
    auto keep = 1 + below(block.records.record_count());
    auto shorten = [&keep](auto& list) {
      list.resize(std::min(keep, list.size()));
      keep -= list.size();
    };
    shorten(block.records.summaries);
    shorten(block.records.anomalies);
    shorten(block.records.alerts);
    shorten(block.records.rejections);
    return block;
  }

  incoming_block choose_block() {
    auto& edge = edges_[below(edges_.size())];
    if (edge.blocks.empty() || below(3) != 0)
      return below(5) == 0 ? cut(make_next(edge)) : make_next(edge);
    return edge.blocks[edge.blocks.size() - 1
                       - below(std::min<std::size_t>(edge.blocks.size(), 6))];
  }

  void commit() {
    std::vector<incoming_block> blocks;
    for (auto i = 1 + below(4); i > 0; --i)
      blocks.push_back(choose_block());
    auto report = store_->commit(blocks);
    REQUIRE(report);
    REQUIRE(report->outcomes.size() == blocks.size());
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      CHECK(report->outcomes[i].result == model_.add(blocks[i]));
      CHECK(report->outcomes[i].through_seq
            == model_.through[{blocks[i].edge, blocks[i].epoch}]);
    }
    // An edge sends again from where the centre stands.
    if (below(2) == 0)
      for (auto& edge : edges_)
        resend(edge);
  }

  void resend(const edge_history& edge) {
    auto wanted = model_.through[{edge.name, edge.epoch}] + 1;
    std::vector<incoming_block> blocks;
    for (const auto& block : edge.blocks)
      if (block.first_seq + block.records.record_count() > wanted)
        blocks.push_back(block);
    auto report = store_->commit(blocks);
    REQUIRE(report);
    for (std::size_t i = 0; i < blocks.size(); ++i)
      CHECK(report->outcomes[i].result == model_.add(blocks[i]));
  }

  void skip() {
    const auto& edge = edges_[below(edges_.size())];
    auto first = 1 + below(edge.next_seq);
    auto hole = make_hole(first, first + below(3), range_fate::expired);
    hole.edge = edge.name;
    hole.epoch = edge.epoch;
    if (hole.first_seq + hole.seq_span > edge.next_seq)
      return;
    CHECK(store_->commit({&hole, 1}).value().outcomes.at(0).result
          == model_.add_hole(hole));
  }

  void compare_positions() {
    auto positions = store_->positions().value();
    std::size_t expected = 0;
    for (const auto& [key, through] : model_.through)
      expected += through > 0 ? 1 : 0;
    CHECK(positions.size() == expected);
    for (const auto& x : positions) {
      auto through = model_.through[{x.edge, x.epoch}];
      CHECK(x.through_seq == through);
      CHECK(x.records_expired == model_.expired[{x.edge, x.epoch}]);
      CHECK(x.records_stored + x.records_expired == through);
      CHECK(x.violations == 0);
      auto ledger = store_->ledger(x.edge).value();
      for (const auto& epoch : ledger)
        CHECK(epoch.violation.empty());
    }
  }

  void compare_windows() {
    std::size_t found = 0;
    auto all_series = store_->find_series({}).value();
    for (const auto& series : all_series) {
      auto rows = store_->query(series.id, 0, 1000 * second_ns, 1000).value();
      found += rows.size();
      for (const auto& row : rows) {
        auto expected = model_.windows.find({series.edge, series.text, row.start_ns});
        REQUIRE(expected != model_.windows.end());
        double sum = 0;
        std::uint64_t count = 0;
        for (const auto& part : expected->second) {
          sum += part.sum;
          count += part.count;
        }
        CHECK(row.sum == sum);
        CHECK(row.count == count);
        CHECK(row.early == expected->second.back().early);
        CHECK(row.revision == model::revision_of(expected->second));
      }
    }
    CHECK(found == model_.windows.size());
  }

  void compare_events() {
    auto alerts = store_->alerts(false, 1000).value();
    CHECK(alerts.size() == model_.alerts.size());
    std::size_t open = 0;
    for (const auto& x : alerts) {
      auto expected = model_.alerts[{x.edge, x.value.id}];
      CHECK(x.value.updated_ns == expected.first);
      CHECK(x.value.state == expected.second);
      open += x.value.state != alert_state::inactive
                  && x.value.state != alert_state::resolved
                ? 1
                : 0;
    }
    CHECK(store_->alerts(true, 1000).value().size() == open);
    std::multiset<double> values;
    auto anomalies = store_->anomalies(0, 0, 1000, 10'000).value();
    for (const auto& x : anomalies)
      values.insert(x.value.value);
    CHECK(values == model_.anomalies);
    auto kept = std::min(model_.rejections.size(), config_.quarantine_max);
    auto samples = store_->quarantine(1000).value();
    REQUIRE(samples.size() == kept);
    for (std::size_t i = 0; i < kept; ++i)
      CHECK(samples[i].value.detail
            == model_.rejections[model_.rejections.size() - 1 - i]);
  }

  std::mt19937 random_;
  temp_directory directory_;
  store_config config_{.directory = directory_ / "store",
                       .size_bytes_max = 64 << 20,
                       .quarantine_max = 20};
  std::vector<edge_history> edges_;
  std::unique_ptr<store> store_;
  model model_;
};

} // namespace

TEST_CASE("any sequence of commits ends as the model says", "[store][model]") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    scenario run{seed};
    for (int i = 0; i < 40; ++i) {
      run.step();
      if (i % 20 == 19)
        run.compare();
    }
  }
}
