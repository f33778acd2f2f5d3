#include "storage/store_rows.hpp"

#include "storage/store_value_io.hpp"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

namespace weir::storage {

namespace {

constexpr auto time_min = std::numeric_limits<std::int64_t>::min();

recent_window window_of(const analytics::summary& x) {
  return {x.start_ns, x.width_ns};
}

recent_state state_of(const lmdb_txn& txn) {
  auto value = txn.get(table::meta, recent_meta_key);
  return value ? to_recent_state(*value) : recent_state{};
}

/// The rows of one width, one after another.
struct width_stream {
  width_stream(const lmdb_txn& txn, const row_place& place, std::int64_t from_ns,
               damage_sink damaged)
    : blocks(txn, table::blocks, place, from_ns, std::move(damaged)) {
  }

  block_reader blocks;
  row_set rows;
  std::size_t at = 0;

  bool load(std::int64_t to_ns) {
    at = 0;
    return blocks.next(rows, to_ns);
  }
  analytics::summary& head() {
    return rows.rows[at];
  }
  /// False at the end.
  bool advance(std::int64_t to_ns) {
    if (++at == rows.size() && !load(to_ns))
      return false;
    return head().start_ns < to_ns;
  }
};

/// The rows of all widths in the blocks of a series, in the order in which they are shown.
class block_stream {
public:
  block_stream(const store_state& store, const lmdb_txn& txn, stored_series_id series,
               const time_span& span, const width_span& widths,
               const std::array<std::int64_t, tier_count>& horizons_ns)
    : to_ns_(span.to_ns) {
    lmdb_cursor cursor{txn, table::blocks};
    auto width_ns = widths.above_ns;
    while (auto next = next_width(cursor, tier::raw, series, width_ns)) {
      width_ns = *next;
      if (width_ns > widths.up_to_ns)
        break;
      auto from_ns = std::max(
        span.from_ns, horizons_ns[static_cast<std::size_t>(class_of(width_ns))]);
      auto& x = streams_.emplace_back(txn, row_place{tier::raw, series, width_ns},
                                      from_ns, store.damage_sink());
      if (x.load(to_ns_) && x.head().start_ns < to_ns_)
        heap_.push_back(&x);
    }
    std::make_heap(heap_.begin(), heap_.end(), later);
  }

  /// Null at the end.
  analytics::summary* head() {
    return heap_.empty() ? nullptr : &heap_.front()->head();
  }

  void advance() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    if (heap_.back()->advance(to_ns_))
      std::push_heap(heap_.begin(), heap_.end(), later);
    else
      heap_.pop_back();
  }

private:
  static bool later(width_stream* a, width_stream* b) {
    return is_shown_before(window_of(b->head()), window_of(a->head()));
  }

  const std::int64_t to_ns_;
  std::deque<width_stream> streams_;
  std::vector<width_stream*> heap_;
};

} // namespace

void sort_as_shown(std::vector<analytics::summary>& rows) {
  auto before = [](const auto& a, const auto& b) {
    return is_shown_before(window_of(a), window_of(b));
  };
  if (!std::is_sorted(rows.begin(), rows.end(), before))
    std::stable_sort(rows.begin(), rows.end(), before);
}

std::vector<time_span> joined_buckets(const std::vector<std::int64_t>& starts,
                                      std::int64_t width_ns) {
  std::vector<time_span> result;
  for (auto start_ns : starts)
    if (!result.empty() && result.back().to_ns == start_ns)
      result.back().to_ns += width_ns;
    else
      result.push_back({start_ns, start_ns + width_ns});
  return result;
}

std::string horizon_key(tier level, stored_series_id series) {
  std::string key;
  put_be(key, static_cast<std::uint8_t>(level));
  put_be(key, series);
  return key;
}

store_rows::store_rows(const store_state& store) : store_(store) {
  for (;;) {
    view_ = store.recent.view();
    own_txn_ = std::make_unique<lmdb_txn>(store.env, false);
    txn_ = own_txn_.get();
    state_ = state_of(*txn_);
    // The writer changes both, the disk first: only for a moment they differ.
    if (state_.generation == view_.generation)
      return;
    own_txn_.reset();
    std::this_thread::yield();
  }
}

store_rows::store_rows(const store_state& store, const lmdb_txn& txn)
  : store_(store), txn_(&txn) {
}

// -- recent windows ----------------------------------------------------------------

std::vector<store_rows::found_recent> store_rows::recent(stored_series_id series,
                                                         const time_span& span) const {
  std::vector<found_recent> result;
  if (!view_.indexes[0])
    return result;
  auto take = [&](std::size_t number, bool in_active) {
    for (const auto& x : view_.indexes[number]->of(series, span.from_ns, span.to_ns))
      result.push_back({x, in_active, !in_active});
  };
  take(state_.active, true);
  if (!state_.is_flushing || series <= state_.flushed_through)
    return result;
  auto middle = static_cast<std::ptrdiff_t>(result.size());
  take(1 - state_.active, false);
  std::inplace_merge(
    result.begin(), result.begin() + middle, result.end(),
    [](const auto& a, const auto& b) { return is_shown_before(a.window, b.window); });
  std::size_t kept = 0;
  for (const auto& x : result) {
    if (kept > 0 && result[kept - 1].window == x.window)
      result[kept - 1] = {x.window, true, true};
    else
      result[kept++] = x;
  }
  result.resize(kept);
  return result;
}

std::optional<analytics::summary> store_rows::resolve(stored_series_id series,
                                                      const found_recent& x) const {
  auto key = window_key{series, x.window.width_ns, x.window.start_ns};
  auto bytes = recent_key(key);
  for (auto [asked, number] : {std::pair{x.in_active, int{state_.active}},
                               std::pair{x.in_flushing, 1 - state_.active}}) {
    auto value = asked
                   ? txn_->get(table::recent[static_cast<std::size_t>(number)], bytes)
                   : std::nullopt;
    if (!value)
      continue;
    try {
      return merged(to_window(key, *value));
    } catch (const failure& why) {
      if (why.what_happened.code != errc::malformed)
        throw;
      store_.note_damage({{tier::raw, series, key.width_ns}, key.start_ns},
                         why.what_happened);
    }
  }
  return std::nullopt;
}

void store_rows::for_each_raw(
  stored_series_id series, const time_span& span, const width_span& widths,
  const std::function<bool(analytics::summary&&)>& use) const {
  if (span.from_ns >= span.to_ns)
    return;
  std::array<std::int64_t, tier_count> horizons_ns{};
  for (std::size_t i = 0; i < tier_count; ++i)
    horizons_ns[i] = horizon_ns(series, static_cast<tier>(i));
  block_stream blocks{store_, *txn_, series, span, widths, horizons_ns};
  for (const auto& x : recent(series, span)) {
    bool is_asked
      = x.window.width_ns > widths.above_ns && x.window.width_ns <= widths.up_to_ns;
    auto level = static_cast<std::size_t>(class_of(x.window.width_ns));
    if (!is_asked || x.window.start_ns < horizons_ns[level])
      continue;
    for (auto* row = blocks.head();
         row != nullptr && is_shown_before(window_of(*row), x.window);
         row = blocks.head()) {
      if (!use(std::move(*row)))
        return;
      blocks.advance();
    }
    auto found = resolve(series, x);
    if (!found)
      continue;
    if (auto* row = blocks.head(); row != nullptr && window_of(*row) == x.window)
      blocks.advance();
    if (!use(std::move(*found)))
      return;
  }
  for (auto* row = blocks.head(); row != nullptr; row = blocks.head()) {
    if (!use(std::move(*row)))
      return;
    blocks.advance();
  }
}

// -- rollups -----------------------------------------------------------------------

std::int64_t store_rows::horizon_ns(stored_series_id series, tier level) const {
  auto value = txn_->get(table::horizons, horizon_key(level, series));
  if (!value)
    return time_min;
  auto in = read_value(*value, "a horizon");
  auto result = unbiased(in.take<std::uint64_t>());
  check_complete(in, "a horizon");
  return result;
}

bool store_rows::is_late(stored_series_id series, const recent_window& window) const {
  return window.start_ns < horizon_ns(series, class_of(window.width_ns));
}

std::optional<std::int64_t> store_rows::open_bucket_ns(stored_series_id series,
                                                       tier level) const {
  std::optional<std::int64_t> last_ns;
  auto take = [&](const row_place& place) {
    auto of = place.level == tier::raw ? class_of(place.width_ns) : place.level;
    auto x = last_row_start(*txn_, table::blocks, place);
    if (x && *x >= horizon_ns(series, of))
      last_ns = std::max(last_ns.value_or(*x), *x);
  };
  auto lower = below(level);
  if (lower != tier::raw)
    take({lower, series, bucket_ns(lower)});
  lmdb_cursor cursor{*txn_, table::blocks};
  std::int64_t width_ns = 0;
  while (auto next = next_width(cursor, tier::raw, series, width_ns)) {
    width_ns = *next;
    if (width_ns > bucket_ns(level))
      break;
    take({tier::raw, series, width_ns});
  }
  if (!last_ns)
    return std::nullopt;
  return floor_to(std::min(*last_ns, start_ns_max), bucket_ns(level));
}

std::optional<std::int64_t> store_rows::first_start_ns(stored_series_id series,
                                                       tier level) const {
  std::optional<std::int64_t> result;
  lmdb_cursor cursor{*txn_, table::blocks};
  std::int64_t width_ns = 0;
  while (auto next = next_width(cursor, level, series, width_ns)) {
    width_ns = *next;
    auto start_ns = to_block_key(cursor.key()).first_start_ns;
    result = std::min(result.value_or(start_ns), start_ns);
  }
  if (level == tier::raw)
    for (const auto& x : recent(series, {start_ns_min, start_ns_max}))
      result = std::min(result.value_or(x.window.start_ns), x.window.start_ns);
  return result;
}

std::vector<analytics::summary>
store_rows::stored_rollups(stored_series_id series, tier level,
                           const time_span& span) const {
  std::vector<analytics::summary> result;
  block_reader blocks{*txn_,
                      table::blocks,
                      {level, series, bucket_ns(level)},
                      span.from_ns,
                      store_.damage_sink()};
  row_set rows;
  while (blocks.next(rows, span.to_ns))
    for (auto& x : rows.rows)
      if (x.start_ns < span.to_ns)
        result.push_back(std::move(x));
  return result;
}

/// Recent windows that may be late.
std::vector<analytics::summary> store_rows::late_recent(stored_series_id series,
                                                        tier level,
                                                        const time_span& span) const {
  std::vector<analytics::summary> result;
  for (const auto& x : recent(series, span))
    if (x.window.width_ns <= bucket_ns(level))
      if (auto row = resolve(series, x))
        result.push_back(std::move(*row));
  return result;
}

/// An early window in the span of a coalesced one is a part of that.
bool store_rows::is_sent_again(stored_series_id series,
                               const analytics::summary& early) const {
  bool result = false;
  auto span = time_span{early.start_ns - bucket_ns(tier::day), early.start_ns + 1};
  for_each_raw(series, span, {early.width_ns, width_ns_max},
               [&](analytics::summary&& wide) {
                 result = shown_windows::lies_in(early, wide);
                 return !result;
               });
  return result;
}

/// What is stored of a tier with windows added that are no more in the tier below.
std::vector<analytics::summary>
store_rows::add_late(stored_series_id series, tier level, const time_span& span,
                     const std::vector<analytics::summary>& late) const {
  std::vector<analytics::summary> added;
  std::copy_if(late.begin(), late.end(), std::back_inserter(added), [&](const auto& x) {
    return x.start_ns >= span.from_ns && x.start_ns < span.to_ns;
  });
  sort_as_shown(added);
  std::vector<analytics::summary> result;
  auto stored = stored_rollups(series, level, span);
  auto at = stored.begin();
  for (auto& x : roll_up(std::move(added), level)) {
    for (; at != stored.end() && at->start_ns < x.start_ns; ++at)
      result.push_back(std::move(*at));
    if (at != stored.end() && at->start_ns == x.start_ns) {
      analytics::merge(*at, x);
      at->revision = 0;
      result.push_back(std::move(*at++));
    } else {
      result.push_back(std::move(x));
    }
  }
  std::move(at, stored.end(), std::back_inserter(result));
  return result;
}

std::vector<analytics::summary>
store_rows::make_rollups(stored_series_id series, tier level, const time_span& span,
                         const std::vector<analytics::summary>& late) const {
  auto lower = below(level);
  auto seam_ns = std::clamp(horizon_ns(series, lower), span.from_ns, span.to_ns);
  auto result = add_late(series, level, {span.from_ns, seam_ns}, late);
  auto kept = time_span{seam_ns, span.to_ns};
  if (kept.from_ns >= kept.to_ns)
    return result;
  std::vector<analytics::summary> rows;
  if (lower != tier::raw)
    rows = rollups(series, lower, kept);
  for_each_raw(series, kept, {bucket_ns(lower), bucket_ns(level)},
               [&](analytics::summary&& x) {
                 if (!x.early || !is_sent_again(series, x))
                   rows.push_back(std::move(x));
                 return true;
               });
  sort_as_shown(rows);
  auto made = roll_up(std::move(rows), level);
  std::move(made.begin(), made.end(), std::back_inserter(result));
  return result;
}

std::vector<analytics::summary> store_rows::rollups(stored_series_id series, tier level,
                                                    const time_span& span) const {
  auto stored = stored_rollups(series, level, span);
  auto width_ns = bucket_ns(level);
  std::vector<std::int64_t> changed;
  for (const auto& x : recent(series, span))
    if (x.window.width_ns <= width_ns) {
      auto start_ns = floor_to(x.window.start_ns, width_ns);
      if (changed.empty() || changed.back() != start_ns)
        changed.push_back(start_ns);
    }
  auto open_ns = open_bucket_ns(series, level);
  if (open_ns && *open_ns >= span.from_ns && *open_ns < span.to_ns) {
    auto at = std::lower_bound(changed.begin(), changed.end(), *open_ns);
    if (at == changed.end() || *at != *open_ns)
      changed.insert(at, *open_ns);
  }
  if (changed.empty())
    return stored;
  std::vector<analytics::summary> result;
  auto at = stored.begin();
  for (const auto& x : joined_buckets(changed, width_ns)) {
    for (; at != stored.end() && at->start_ns < x.from_ns; ++at)
      result.push_back(std::move(*at));
    while (at != stored.end() && at->start_ns < x.to_ns)
      ++at;
    for (auto& made : make_rollups(series, level, x, late_recent(series, level, x)))
      result.push_back(std::move(made));
  }
  std::move(at, stored.end(), std::back_inserter(result));
  return result;
}

std::vector<analytics::summary> store_rows::rows(stored_series_id series, tier level,
                                                 const time_span& span) const {
  std::vector<analytics::summary> result;
  if (span.from_ns >= span.to_ns)
    return result;
  auto add = [&](std::vector<analytics::summary>&& more) {
    std::move(more.begin(), more.end(), std::back_inserter(result));
  };
  auto seam_ns = std::clamp(horizon_ns(series, level), span.from_ns, span.to_ns);
  if (span.from_ns < seam_ns && level != tier::day)
    add(rows(series, above(level), {span.from_ns, seam_ns}));
  if (seam_ns >= span.to_ns)
    return result;
  if (level == tier::raw) {
    for_each_raw(series, {seam_ns, span.to_ns}, {}, [&](analytics::summary&& x) {
      result.push_back(std::move(x));
      return true;
    });
    return result;
  }
  // Where the span begins and ends inside a bucket the tier below has the part of it.
  auto lower = below(level);
  auto width_ns = bucket_ns(level);
  bool has_lower = seam_ns >= horizon_ns(series, lower);
  auto whole
    = has_lower ? time_span{ceil_to(seam_ns, width_ns), floor_to(span.to_ns, width_ns)}
                : time_span{floor_to(seam_ns, width_ns), ceil_to(span.to_ns, width_ns)};
  if (has_lower && whole.from_ns >= whole.to_ns) {
    add(rows(series, lower, {seam_ns, span.to_ns}));
    return result;
  }
  if (seam_ns < whole.from_ns)
    add(rows(series, lower, {seam_ns, whole.from_ns}));
  auto made = rollups(series, level, whole);
  for_each_raw(series, whole, {width_ns, width_ns_max}, [&](analytics::summary&& x) {
    made.push_back(std::move(x));
    return true;
  });
  sort_as_shown(made);
  add(std::move(made));
  if (whole.to_ns < span.to_ns)
    add(rows(series, lower, {whole.to_ns, span.to_ns}));
  return result;
}

} // namespace weir::storage
