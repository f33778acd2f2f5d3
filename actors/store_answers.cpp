#include "actors/store_answers.hpp"

#include "actors/import_desk.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace weir::actors {

namespace {

using storage::commit_result;

void count(central_counters& counters, const storage::incoming_block& block,
           commit_result result) {
  switch (result) {
  case commit_result::stored:
    ++counters.blocks_stored;
    counters.records_stored += block.records.record_count();
    break;
  case commit_result::duplicate:
    ++counters.blocks_duplicate;
    break;
  case commit_result::gap:
    ++counters.blocks_gap;
    break;
  }
}

/// What an edge hears after a commit.
struct answer {
  storage::commit_outcome newest;
  bool has_news = false;        ///< Something was stored, or was known.
  std::array<bool, 2> gap_in{}; ///< By lane: the last block of it was refused.
};

bool is_newest(const storage::commit_outcome& x) {
  return x.result == commit_result::stored && (x.lane_first == 0 || x.live_lane);
}

} // namespace

void answer_edges(const store_writer_parts& parts,
                  const std::vector<storage::incoming_block>& blocks,
                  const storage::commit_report& report) {
  std::map<std::pair<std::string_view, std::uint64_t>, answer> answers;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto& block = blocks[i];
    const auto& outcome = report.outcomes[i];
    auto& x = answers[{block.edge, block.epoch}];
    bool refused = outcome.result == commit_result::gap;
    x.newest = outcome;
    x.has_news = x.has_news || !refused;
    x.gap_in[outcome.live_lane ? 1 : 0] = refused;
    count(*parts.counters, block, outcome.result);
  }
  for (const auto& [key, x] : answers) {
    auto edge = std::string{key.first};
    if (x.has_news)
      parts.acknowledge(edge, key.second, x.newest);
    for (bool live_lane : {false, true})
      if (x.gap_in[live_lane ? 1 : 0]) {
        auto at = x.newest;
        at.live_lane = live_lane;
        parts.resend(edge, key.second, at.resend_from_seq(), live_lane);
      }
  }
}

void note_lag(const store_writer_parts& parts,
              const std::vector<storage::incoming_block>& blocks,
              const storage::commit_report& report) {
  std::map<std::string_view, std::int64_t> newest_end_ns;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (is_newest(report.outcomes[i]) && blocks[i].edge != import_edge)
      for (const auto& x : blocks[i].records.summaries) {
        auto& end_ns = newest_end_ns[blocks[i].edge];
        end_ns = std::max(end_ns, x.start_ns + x.width_ns);
      }
  for (const auto& [edge, end_ns] : newest_end_ns)
    parts.fleet->on_commit(std::string{edge}, end_ns, parts.now_ns());
}

std::size_t memory_bytes(const storage::incoming_block& block) {
  const auto& records = block.records;
  auto sum = sizeof(block) + records.summaries.size() * sizeof(analytics::summary)
             + records.anomalies.size() * sizeof(analytics::anomaly)
             + records.alerts.size() * sizeof(analytics::alert)
             + records.rejections.size() * sizeof(analytics::rejection);
  for (const auto& x : records.series)
    sum += sizeof(x) + x.capacity();
  for (const auto& x : records.summaries)
    sum += x.extended.size();
  for (const auto& x : records.alerts)
    sum += x.message.size();
  for (const auto& x : records.rejections)
    sum += x.detail.size() + x.first_bytes.size();
  return sum;
}

} // namespace weir::actors
