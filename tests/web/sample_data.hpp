// Fixed records and a store with some of them, for the tests of web/.
#pragma once

#include "storage/store.hpp"
#include "web/json_views.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace weir::test {

inline constexpr std::int64_t ms_ns = 1'000'000;
inline constexpr std::int64_t base_ns = 1'700'000'000'000 * ms_ns;
inline constexpr std::int64_t width_ns = 5'000 * ms_ns;

inline analytics::summary sample_summary(analytics::series_id series, int window,
                                         std::uint32_t revision = 0) {
  analytics::summary x;
  x.series = series;
  x.start_ns = base_ns + window * width_ns;
  x.width_ns = width_ns;
  x.count = 4;
  x.sum = 10.0;
  x.min = 1.0;
  x.max = 4.0;
  x.mean = 2.5;
  x.m2 = 5.0;
  x.first = 1.0;
  x.last = 4.0;
  x.first_ns = x.start_ns + ms_ns;
  x.last_ns = x.start_ns + 4 * ms_ns;
  x.late_count = 2;
  x.revision = revision;
  return x;
}

inline analytics::anomaly sample_anomaly(analytics::series_id series, int window) {
  analytics::anomaly x;
  x.series = series;
  x.time_ns = base_ns + window * width_ns;
  x.value = 30.5;
  x.expected = 20.25;
  x.deviation = 4.5;
  x.score = 0.75;
  x.severity = analytics::severity::high;
  x.model = "ewma/1";
  return x;
}

inline analytics::alert sample_alert(analytics::series_id series,
                                     std::string id = "0123456789abcdef") {
  analytics::alert x;
  x.id = std::move(id);
  x.rule = "too-hot";
  x.series = series;
  x.state = analytics::alert_state::firing;
  x.severity = analytics::severity::critical;
  x.start_ns = base_ns;
  x.updated_ns = base_ns + width_ns;
  x.value = 99.5;
  x.limit = 80.0;
  x.message = "Temperature of m-01 is 99.5, above 80.";
  return x;
}

inline const std::vector<std::string> sample_series{"temperature{source=\"m-01\"}",
                                                    "pressure{source=\"m-01\"}"};

/// A store with `windows` summaries of two series, an anomaly, an alert and a
/// rejection, all of edge-1.
class sample_store {
public:
  explicit sample_store(const std::filesystem::path& directory, int windows = 3) {
    auto opened = storage::store::open({.directory = directory}, base_ns);
    REQUIRE(opened);
    store_ = std::move(*opened);
    storage::incoming_block block;
    block.records.series = sample_series;
    for (int i = 0; i < windows; ++i)
      for (analytics::series_id series : {0u, 1u})
        block.records.summaries.push_back(sample_summary(series, i));
    block.records.anomalies = {sample_anomaly(0, 1)};
    block.records.alerts = {sample_alert(0)};
    block.records.rejections
      = {{base_ns, "mqtt:plant/x", analytics::reject_reason::malformed,
          "Not JSON at byte 0.", std::string{"\0\xff\x10", 3}}};
    commit(std::move(block.records));
  }

  /// Stores more records; what the commit reported.
  std::shared_ptr<storage::commit_report> commit(analytics::record_block records) {
    storage::incoming_block block;
    block.edge = "edge-1";
    block.epoch = 0xabcdef;
    block.run = 1;
    block.first_seq = next_seq_;
    block.records = std::move(records);
    next_seq_ += block.records.record_count();
    auto report = store_->commit({&block, 1});
    // Catch's assertions are for the main thread only; this is called on
    // others.
    if (!report || report->outcomes.at(0).result != storage::commit_result::stored)
      throw std::runtime_error("the sample store did not take a block");
    return std::make_shared<storage::commit_report>(std::move(*report));
  }

  /// One window of the first series.
  std::shared_ptr<storage::commit_report> commit_window(int window) {
    analytics::record_block records;
    records.series = sample_series;
    records.summaries = {sample_summary(0, window)};
    return commit(std::move(records));
  }

  /// The stored id of sample_series[index].
  storage::stored_series_id id(std::size_t index) const {
    auto all = store_->find_series({}).value();
    for (const auto& x : all)
      if (x.text == sample_series[index])
        return x.id;
    FAIL("the store does not know " << sample_series[index]);
    return 0;
  }

  storage::store& operator*() {
    return *store_;
  }
  storage::store* operator->() {
    return store_.get();
  }

private:
  std::unique_ptr<storage::store> store_;
  std::uint64_t next_seq_ = 1;
};

} // namespace weir::test
