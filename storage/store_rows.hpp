// INTERNAL: what the store has of a series, whether it stands among the recent windows or
// in blocks, as one; and its rollups, those that recent windows change made anew.
#pragma once

#include "storage/block_table.hpp"
#include "storage/recent_tables.hpp"
#include "storage/store_impl.hpp"
#include "storage/tiers.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace weir::storage {

struct time_span {
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0; ///< Not included.
};

/// Widths above the first and up to the second.
struct width_span {
  std::int64_t above_ns = 0;
  std::int64_t up_to_ns = width_ns_max;
};

/// One look at the store: it sees what one transaction sees. Not thread-safe.
class store_rows {
public:
  /// For readers: recent windows and blocks.
  explicit store_rows(const store_state& store);

  /// For the writer that moves windows into blocks: blocks alone, in his transaction.
  store_rows(const store_state& store, const lmdb_txn& txn);

  /// Windows with start in the span, in the order in which they are shown, until `use`
  /// returns false. Of a window in two places the newer one.
  void for_each_raw(stored_series_id series, const time_span& span,
                    const width_span& widths,
                    const std::function<bool(analytics::summary&&)>& use) const;

  /// Rollups of the buckets that begin in the span; it begins and ends at multiples of
  /// the bucket.
  std::vector<analytics::summary> rollups(stored_series_id series, tier level,
                                          const time_span& span) const;

  /// The same, made anew from the tier below; before the horizon of that from what is
  /// stored of `level`, and from `late`.
  std::vector<analytics::summary>
  make_rollups(stored_series_id series, tier level, const time_span& span,
               const std::vector<analytics::summary>& late) const;

  /// Rows of a tier and windows of its class and coarser ones; before its horizon those of
  /// the tiers above. In the order in which they are shown.
  std::vector<analytics::summary> rows(stored_series_id series, tier level,
                                       const time_span& span) const;

  /// Before this time, the beginning of a day, a tier and the windows of its class are
  /// gone; the least time if none were dropped. Never before that of a coarser tier.
  std::int64_t horizon_ns(stored_series_id series, tier level) const;

  /// A window before the horizon of its class: it is not kept as such, but added to what
  /// the rollups have.
  bool is_late(stored_series_id series, const recent_window& window) const;

  /// Start of the last bucket of which the tier below, or its class, has something in
  /// blocks: it may be only partly stored.
  std::optional<std::int64_t> open_bucket_ns(stored_series_id series, tier level) const;

  /// Start of the first row of a tier, of any width.
  std::optional<std::int64_t> first_start_ns(stored_series_id series, tier level) const;

  const lmdb_txn& txn() const {
    return *txn_;
  }

private:
  struct found_recent {
    recent_window window;
    bool in_active = false;
    bool in_flushing = false;
  };

  std::vector<found_recent> recent(stored_series_id series,
                                   const time_span& span) const;
  std::optional<analytics::summary> resolve(stored_series_id series,
                                            const found_recent& x) const;
  std::vector<analytics::summary>
  add_late(stored_series_id series, tier level, const time_span& span,
           const std::vector<analytics::summary>& late) const;
  bool is_sent_again(stored_series_id series, const analytics::summary& early) const;
  std::vector<analytics::summary> stored_rollups(stored_series_id series, tier level,
                                                 const time_span& span) const;
  std::vector<analytics::summary> late_recent(stored_series_id series, tier level,
                                              const time_span& span) const;

  const store_state& store_;
  std::unique_ptr<lmdb_txn> own_txn_;
  const lmdb_txn* txn_ = nullptr;
  recent_view view_;   // Without indexes for the writer.
  recent_state state_; // As the transaction has it.
};

/// Rows in the order in which they are shown.
void sort_as_shown(std::vector<analytics::summary>& rows);

/// Neighbouring buckets of `width_ns` as one span each. `starts` ascending, each once.
std::vector<time_span> joined_buckets(const std::vector<std::int64_t>& starts,
                                      std::int64_t width_ns);

std::string horizon_key(tier level, stored_series_id series);

} // namespace weir::storage
