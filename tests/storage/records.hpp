// Records and blocks for the tests of the store.
#pragma once

#include "analytics/records.hpp"
#include "storage/store.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace weir::test {

inline constexpr std::int64_t second_ns = 1'000'000'000;

inline analytics::summary make_summary(std::int64_t start_ns, double value,
                                       std::uint32_t revision = 0,
                                       analytics::series_id series = 0) {
  analytics::summary x;
  x.series = series;
  x.start_ns = start_ns;
  x.width_ns = 10 * second_ns;
  x.count = 1;
  x.sum = x.min = x.max = x.mean = x.first = x.last = value;
  x.first_ns = x.last_ns = start_ns + 1;
  x.revision = revision;
  return x;
}

inline analytics::alert make_alert(std::string id, analytics::alert_state state,
                                   std::int64_t updated_ns) {
  analytics::alert x;
  x.id = std::move(id);
  x.rule = "too-hot";
  x.state = state;
  x.severity = analytics::severity::high;
  x.start_ns = 1;
  x.updated_ns = updated_ns;
  x.value = 91.5;
  x.limit = 90.0;
  x.message = "Too hot.";
  return x;
}

inline analytics::anomaly make_anomaly(std::int64_t time_ns, double value) {
  analytics::anomaly x;
  x.time_ns = time_ns;
  x.value = value;
  x.expected = 1.0;
  x.deviation = 7.5;
  x.score = 0.9;
  x.severity = analytics::severity::medium;
  x.model = "ewma/1";
  return x;
}

inline analytics::rejection make_rejection(std::int64_t time_ns, std::string detail) {
  return {time_ns, "mqtt plant/a", analytics::reject_reason::not_finite,
          std::move(detail), std::string("\0\xff{", 3)};
}

/// A block of edge "north", epoch 7, run 1, with the series "t{}".
inline storage::incoming_block make_block(std::uint64_t first_seq) {
  storage::incoming_block block;
  block.edge = "north";
  block.epoch = 7;
  block.run = 1;
  block.first_seq = first_seq;
  block.records.series = {"t{}"};
  return block;
}

inline storage::incoming_block make_block(std::uint64_t first_seq,
                                          const analytics::summary& x) {
  auto block = make_block(first_seq);
  block.records.summaries = {x};
  return block;
}

/// The numbers [first_seq, last_seq] of edge "north", epoch 7, without records.
inline storage::incoming_block
make_hole(std::uint64_t first_seq, std::uint64_t last_seq, storage::range_fate fate) {
  auto hole = make_block(first_seq);
  hole.seq_span = last_seq - first_seq + 1;
  hole.fate = fate;
  hole.records.series.clear();
  return hole;
}

} // namespace weir::test
