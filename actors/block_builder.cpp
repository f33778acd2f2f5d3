#include "actors/block_builder.hpp"

#include "transport/block_codec.hpp"

#include <utility>

namespace weir::actors {

namespace {

// The number of records bounds what is small; further aggregates have up to 64 KiB for
// each summary and need a bound of their own.
constexpr std::size_t extended_bytes_max = transport::block_bytes_max / 4;

} // namespace

std::uint32_t block_builder::index_of(draft& into, analytics::series_id id) const {
  auto next = static_cast<std::uint32_t>(into.block.series.size());
  auto [pos, is_new] = into.index.try_emplace(id, next);
  if (is_new)
    into.block.series.push_back(table_.text(id));
  return pos->second;
}

block_builder::draft& block_builder::room_in(std::vector<draft>& drafts,
                                             storage::block_priority priority,
                                             std::size_t extended_bytes) {
  if (drafts.empty() || drafts.back().block.record_count() >= records_max_
      || drafts.back().extended_bytes + extended_bytes > extended_bytes_max)
    drafts.push_back({{}, {}, priority});
  drafts.back().extended_bytes += extended_bytes;
  ++record_count_;
  return drafts.back();
}

void block_builder::add(const analytics::shard_output& records) {
  for (auto x : records.summaries) {
    auto& into
      = room_in(ordinary_, storage::block_priority::summary, x.extended.size());
    x.series = index_of(into, x.series);
    into.block.summaries.push_back(std::move(x));
  }
  for (auto x : records.anomalies) {
    auto& into = room_in(ordinary_, storage::block_priority::summary);
    x.series = index_of(into, x.series);
    into.block.anomalies.push_back(std::move(x));
  }
  for (auto x : records.alerts) {
    auto& into = room_in(alerts_, storage::block_priority::alert);
    x.series = index_of(into, x.series);
    into.block.alerts.push_back(std::move(x));
  }
}

void block_builder::add(const rejection_batch& samples) {
  for (const auto& x : samples)
    room_in(raw_, storage::block_priority::raw).block.rejections.push_back(x);
}

std::vector<storage::new_block> block_builder::take_blocks() {
  std::vector<storage::new_block> result;
  auto encode = [&result](const std::vector<draft>& drafts) {
    for (const auto& x : drafts)
      result.push_back({transport::encode_block(x.block),
                        static_cast<std::uint32_t>(x.block.record_count()),
                        x.priority});
  };
  encode(alerts_);
  encode(ordinary_);
  encode(raw_);
  alerts_.clear();
  ordinary_.clear();
  raw_.clear();
  record_count_ = 0;
  return result;
}

} // namespace weir::actors
