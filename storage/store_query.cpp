// Reading summaries of a series, in full or merged into fewer.
#include "storage/store_impl.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace weir::storage {

namespace {

/// All windows of one series with start in [from_ns, to_ns).
struct window_range {
  stored_series_id series = 0;
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
};

/// The windows of a range, of all widths, by start; of equal starts the widest first.
/// A series has one width as a rule; more after its configuration was changed, where
/// an outbox has coalesced, and where windows end when they like (sessions).
class window_stream {
public:
  window_stream(const lmdb_txn& txn, const window_range& range)
    : range_(range), cursor_(txn, table::summaries) {
    std::int64_t width_ns = 0;
    while (auto next = first_of_width_above(width_ns)) {
      width_ns = *next;
      if (seek(width_ns, range.from_ns))
        push(width_ns);
    }
    at_width_ns_ = 0; // The search for a next width has moved the cursor.
  }

  /// Calls `use` for each window until it returns false.
  template <class Use>
  void for_each(Use use) {
    while (!heads_.empty()) {
      std::pop_heap(heads_.begin(), heads_.end(), later);
      auto width_ns = heads_.back().width_ns;
      auto start_ns = heads_.back().start_ns;
      auto window = std::move(heads_.back());
      heads_.pop_back();
      bool more = at_width_ns_ == width_ns && at_start_ns_ == start_ns
                    ? cursor_.next() && is_in_range(width_ns)
                    : seek(width_ns, start_ns + 1);
      at_width_ns_ = 0;
      if (more)
        push(width_ns);
      if (!use(std::move(window)))
        return;
    }
  }

  /// Start of the last window. @pre there is one; before for_each().
  std::int64_t last_start_ns() {
    auto last = heads_.front().start_ns;
    for (const auto& x : heads_) {
      cursor_.seek_before(to_key(window_key{range_.series, x.width_ns, range_.to_ns}));
      last = std::max(last, to_window_key(cursor_.key()).start_ns);
    }
    at_width_ns_ = 0;
    return last;
  }

private:
  /// For a heap with the earliest window on top.
  static bool later(const analytics::summary& a, const analytics::summary& b) {
    return a.start_ns != b.start_ns ? a.start_ns > b.start_ns : a.width_ns < b.width_ns;
  }

  /// The next wider width that the series has at all.
  std::optional<std::int64_t> first_of_width_above(std::int64_t width_ns) {
    constexpr auto earliest = std::numeric_limits<std::int64_t>::min();
    if (!cursor_.seek(to_key(window_key{range_.series, width_ns + 1, earliest})))
      return std::nullopt;
    auto key = to_window_key(cursor_.key());
    return key.series == range_.series ? std::optional{key.width_ns} : std::nullopt;
  }

  bool seek(std::int64_t width_ns, std::int64_t from_ns) {
    return cursor_.seek(to_key(window_key{range_.series, width_ns, from_ns}))
           && is_in_range(width_ns);
  }

  bool is_in_range(std::int64_t width_ns) const {
    auto key = to_window_key(cursor_.key());
    return key.series == range_.series && key.width_ns == width_ns
           && key.start_ns < range_.to_ns;
  }

  /// The window under the cursor becomes the head of its width.
  void push(std::int64_t width_ns) {
    auto key = to_window_key(cursor_.key());
    heads_.push_back(merged(to_window(key, cursor_.value())));
    std::push_heap(heads_.begin(), heads_.end(), later);
    at_width_ns_ = width_ns;
    at_start_ns_ = key.start_ns;
  }

  const window_range range_;
  lmdb_cursor cursor_;
  std::vector<analytics::summary> heads_; // The next window of each width: a heap.
  std::int64_t at_width_ns_ = 0;          // Where the cursor stands; 0: elsewhere.
  std::int64_t at_start_ns_ = 0;
};

/// Whether `wide` may be what an outbox has made of windows like `x`, in the same
/// span. Then each holds events that the other has not.
bool lies_in(const analytics::summary& x, const analytics::summary& wide) {
  return wide.width_ns > x.width_ns && wide.width_ns % x.width_ns == 0
         && x.start_ns >= wide.start_ns
         && x.start_ns + x.width_ns <= wide.start_ns + wide.width_ns;
}

/// Calls `use` for each window as a chart shows it. Where fine windows lie in the span
/// of a coalesced one (a part of them had been sent before the outage), they are shown
/// as one: nothing is counted twice and nothing is hidden. One of them that is early
/// was sent again as a part of it.
template <class Use>
void for_each_shown(window_stream& windows, Use use) {
  std::optional<analytics::summary> wide;
  bool more = true;
  windows.for_each([&](analytics::summary&& x) {
    if (wide && lies_in(x, *wide)) {
      auto width_ns = wide->width_ns;
      if (!x.early)
        analytics::merge(*wide, x);
      wide->width_ns = width_ns;
      return true;
    }
    if (wide)
      more = use(*wide);
    wide = std::move(x);
    return more;
  });
  if (wide && more)
    use(*wide);
}

std::int64_t floor_to(std::int64_t time_ns, std::int64_t width_ns) {
  auto rest = time_ns % width_ns;
  return time_ns - (rest < 0 ? rest + width_ns : rest);
}

struct buckets {
  std::int64_t origin_ns = 0;
  std::int64_t width_ns = 0;

  std::int64_t start_of(std::int64_t time_ns) const {
    return origin_ns + floor_to(time_ns - origin_ns, width_ns);
  }
};

/// At most `points_max` buckets from `first_ns` to `last_ns`, each of whole
/// windows. They begin at multiples of their width, so that a chart which moves
/// by a little keeps its points; only a single bucket begins with the data.
buckets choose_buckets(std::int64_t first_ns, std::int64_t last_ns,
                       std::int64_t width_ns, std::size_t points_max) {
  auto span
    = static_cast<std::uint64_t>(last_ns) - static_cast<std::uint64_t>(first_ns);
  auto windows = span / static_cast<std::uint64_t>(width_ns) + 1;
  if (points_max < 2) {
    auto whole = (span / static_cast<std::uint64_t>(width_ns) + 1)
                 * static_cast<std::uint64_t>(width_ns);
    return {first_ns, static_cast<std::int64_t>(whole)};
  }
  // One bucket less than allowed, since the first and the last may be cut.
  auto per_bucket = windows / (points_max - 1) + 1;
  return {0, static_cast<std::int64_t>(per_bucket) * width_ns};
}

std::vector<analytics::summary> read_merged(window_stream& windows,
                                            const buckets& into) {
  std::vector<analytics::summary> result;
  for_each_shown(windows, [&](const analytics::summary& x) {
    auto start = into.start_of(x.start_ns);
    if (result.empty() || result.back().start_ns != start) {
      result.push_back(x);
      result.back().start_ns = start;
      result.back().width_ns = into.width_ns;
    } else {
      auto width_ns = result.back().width_ns;
      analytics::merge(result.back(), x);
      result.back().width_ns = width_ns;
    }
    // A coalesced window may be wider than a bucket.
    result.back().width_ns
      = std::max(result.back().width_ns, x.start_ns - start + x.width_ns);
    return true;
  });
  return result;
}

std::vector<analytics::summary> read(const lmdb_txn& txn, const window_range& range,
                                     std::int64_t newest_width_ns,
                                     std::size_t points_max) {
  std::vector<analytics::summary> result;
  bool too_many = false;
  auto windows = window_stream{txn, range};
  for_each_shown(windows, [&](const analytics::summary& x) {
    too_many = result.size() >= points_max;
    if (!too_many)
      result.push_back(x);
    return !too_many;
  });
  if (!too_many)
    return result;
  auto again = window_stream{txn, range};
  return read_merged(again,
                     choose_buckets(result.front().start_ns, again.last_start_ns(),
                                    newest_width_ns, points_max));
}

} // namespace

expected<std::vector<analytics::summary>, error>
store::query(stored_series_id id, std::int64_t from_ns, std::int64_t to_ns,
             std::size_t points_max) const {
  return guarded([&] {
    auto series = impl_->series.get(id);
    if (!series)
      throw failure(errc::not_found,
                    "there is no series with the number " + std::to_string(id) + ".");
    if (series->width_ns == 0 || from_ns >= to_ns)
      return std::vector<analytics::summary>{};
    auto txn = lmdb_txn{impl_->env, false};
    return read(txn, {id, from_ns, to_ns}, series->width_ns,
                std::max<std::size_t>(points_max, 1));
  });
}

} // namespace weir::storage
