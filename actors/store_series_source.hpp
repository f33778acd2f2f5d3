// The centre's store as a source of series for queries: which stored series pass a
// selector, and their windows as samples. All that queries know of the store is here;
// how names become labels: analytics/query/series_labels.hpp.
//
// A window is one sample, at the time of its end (in whole ms, rounded down): its mean,
// or what the selector's `stat` says. What corrects a window changes its sample. A
// window that is still open (`early`) is a sample at its newest event.
#pragma once

#include "analytics/query/evaluator.hpp"
#include "storage/store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace weir::analytics::query {
class series_selector;
}

namespace weir::actors {

/// Makes no copy of the store; any thread, each question in short snapshots of its own.
class store_series_source final : public analytics::query::series_source {
public:
  /// The store must outlive it. `should_stop` (may be empty) is asked between reads.
  explicit store_series_source(const storage::store& store,
                               std::function<bool()> should_stop = {})
    : store_(store), should_stop_(std::move(should_stop)) {
  }

  analytics::query::result<std::vector<analytics::query::series_columns>>
  select(const analytics::query::selection& what) override;

  /// The labels of the series that pass, without their samples, in the order of the
  /// store: those that have had a window since `from_ms`. At most `series_max`.
  analytics::query::result<std::vector<analytics::query::label_set>>
  find(std::span<const analytics::query::label_matcher> matchers, std::int64_t from_ms,
       std::size_t series_max);

private:
  struct candidate;
  analytics::query::result<std::vector<candidate>>
  candidates(const analytics::query::series_selector& selector, std::int64_t from_ms,
             std::size_t series_max);

  const storage::store& store_;
  std::function<bool()> should_stop_;
};

} // namespace weir::actors
