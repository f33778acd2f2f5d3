#include "analytics/coalesce.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

namespace weir::analytics {

namespace {

constexpr std::int64_t taken = 0;
constexpr std::int64_t refused = -1;
constexpr std::int64_t factor_max = 10;

// Far from where adding a width would overflow; 1970 plus and minus 146 years.
constexpr std::int64_t time_ns_max = std::int64_t{1} << 62;

std::int64_t end_ns(const summary& x) {
  return x.start_ns + x.width_ns;
}

std::int64_t offset_of(const summary& x) {
  auto rest = x.start_ns % x.width_ns;
  return rest < 0 ? rest + x.width_ns : rest;
}

/// Start of the window of `width_ns` that `x` lies in; the windows keep x's offset.
std::int64_t cell_start(const summary& x, std::int64_t width_ns) {
  auto offset = offset_of(x);
  auto into = (x.start_ns - offset) % width_ns;
  return x.start_ns - (into < 0 ? into + width_ns : into);
}

/// A higher whole revision takes the place of a lower one if it has all of its events; if
/// it has not, the edge had forgotten the window and began it anew (as the store sees it).
bool replaces(const summary& x, const summary& before) {
  return !x.correction && !before.correction && x.revision > before.revision
         && x.count >= before.count && x.first_ns <= before.first_ns
         && x.last_ns >= before.last_ns;
}

/// All records of one window, in their order.
struct window {
  std::vector<const summary*> all;
  std::vector<const summary*> parts; ///< That stand, together all of its events.
  const summary* early = nullptr;    ///< The last, if nothing final is there.
  bool is_whole = false; ///< No version elsewhere holds what is in one of these.
  bool was_early = false;

  std::int64_t start_ns() const {
    return all.front()->start_ns;
  }

  void resolve() {
    for (const auto* x : all) {
      if (x->early) {
        was_early = true;
        early = x;
      } else if (parts.empty()) {
        parts.push_back(x);
        is_whole = x->correction || x->revision == 0;
      } else if (replaces(*x, *parts.back())) {
        parts.back() = x;
      } else if (x->correction || x->revision == 0
                 || x->revision > parts.back()->revision) {
        parts.push_back(x);
      }
    }
    if (!parts.empty())
      early = nullptr;
  }

  /// What must be sent of it if it is not merged. Where the edge had forgotten it, each
  /// revision counts for what the centre makes of the others.
  std::vector<const summary*> standing() const {
    if (parts.size() > 1)
      return all;
    return early != nullptr ? std::vector{early} : parts;
  }
};

/// All windows of one series and width, by start.
using windows = std::map<std::int64_t, window>;

enum class shape { tumbling, unclear, hopping };

shape shape_of(const windows& all) {
  auto offset = offset_of(*all.begin()->second.all.front());
  auto result = shape::tumbling;
  const summary* before = nullptr;
  for (const auto& [start_ns, x] : all) {
    const auto* now = x.all.front();
    if (before != nullptr && now->start_ns < end_ns(*before))
      return shape::hopping;
    if (offset_of(*now) != offset)
      result = shape::unclear;
    before = now;
  }
  return result;
}

class coalescer {
public:
  coalescer(const coalesce_options& options, width_ladder& ladder)
    : options_(options), ladder_(ladder) {
  }

  coalesce_result run(std::span<const record_block> blocks) {
    for (const auto& block : blocks)
      add(block);
    for (auto& [key, all] : groups_)
      for (auto& [start_ns, x] : all)
        x.resolve();
    refuse_hopping();
    for (auto& [key, all] : groups_)
      place(all);
    auto by_start = [](const summary& left, const summary& right) {
      return left.start_ns < right.start_ns;
    };
    std::stable_sort(result_.merged.summaries.begin(), result_.merged.summaries.end(),
                     by_start);
    std::stable_sort(result_.rest.summaries.begin(), result_.rest.summaries.end(),
                     by_start);
    result_.rest.series = result_.merged.series;
    return std::move(result_);
  }

private:
  series_id index_of(const std::string& text) {
    auto next = static_cast<series_id>(result_.merged.series.size());
    auto [found, is_new] = indices_.try_emplace(text, next);
    if (is_new)
      result_.merged.series.push_back(text);
    return found->second;
  }

  void add(const record_block& block) {
    std::vector<series_id> ids;
    for (const auto& text : block.series)
      ids.push_back(index_of(text));
    for (const auto& x : block.summaries) {
      auto& mine = summaries_.emplace_back(x);
      mine.series = ids[x.series];
      if (!may_merge(mine)) {
        result_.merged.summaries.push_back(mine);
        continue;
      }
      newest_end_ns_
        = std::max(newest_end_ns_, mine.early ? mine.start_ns : end_ns(mine));
      groups_[{mine.series, mine.width_ns}][mine.start_ns].all.push_back(&mine);
    }
    auto& into = result_.merged;
    for (auto x : block.anomalies) {
      x.series = ids[x.series];
      into.anomalies.push_back(std::move(x));
    }
    for (auto x : block.alerts) {
      x.series = ids[x.series];
      into.alerts.push_back(std::move(x));
    }
    into.rejections.insert(into.rejections.end(), block.rejections.begin(),
                           block.rejections.end());
  }

  bool may_merge(const summary& x) const {
    return x.width_ns > 0 && x.width_ns < width_ladder::width_ns_max
           && x.start_ns > -time_ns_max && x.start_ns < time_ns_max
           && end_ns(x) <= options_.keep_from_ns;
  }

  void refuse_hopping() {
    for (const auto& [key, all] : groups_)
      if (shape_of(all) == shape::hopping)
        ladder_.refuse(key.second);
  }

  void keep(const window& x, record_block& into) {
    auto standing = x.standing();
    for (const auto* one : standing)
      into.summaries.push_back(*one);
    result_.records_superseded += x.all.size() - standing.size();
  }

  /// 0 if they stay as they are. A width is known as that of tumbling windows when two
  /// neighbours have been seen: single ones may be sessions.
  std::int64_t target_of(const windows& all) {
    auto width_ns = all.begin()->second.all.front()->width_ns;
    if (shape_of(all) != shape::tumbling)
      return 0;
    return all.size() > 1 ? ladder_.coarser(width_ns) : ladder_.known_coarser(width_ns);
  }

  /// Windows that begin before stay: they may have been sent early, or neighbours of them
  /// may have been sent already.
  std::int64_t first_to_merge(const windows& all, std::int64_t target_ns) const {
    auto result = std::numeric_limits<std::int64_t>::min();
    const auto& first = *all.begin()->second.all.front();
    if (options_.is_front && target_ns != 0
        && cell_start(first, target_ns) < first.start_ns)
      result = cell_start(first, target_ns) + target_ns;
    for (const auto& [start_ns, x] : all)
      if (x.was_early)
        return std::max(result, start_ns);
    return result;
  }

  void place(const windows& all) {
    auto target_ns = target_of(all);
    auto merge_from_ns = first_to_merge(all, target_ns);
    const auto& newest = *std::prev(all.end())->second.all.front();
    for (auto i = all.begin(); i != all.end();) {
      const auto& first = *i->second.all.front();
      auto cell_ns = target_ns == 0 ? first.start_ns : cell_start(first, target_ns);
      auto cell_end_ns = target_ns == 0 ? end_ns(first) : cell_ns + target_ns;
      auto end = all.lower_bound(cell_end_ns);
      // Complete: its series, or time as a whole, has gone on beyond it.
      bool is_complete = cell_end_ns <= newest.start_ns
                         || cell_end_ns <= newest_end_ns_ - first.width_ns;
      std::optional<summary> wide;
      for (; i != end; ++i) {
        const auto& x = i->second;
        if (x.early != nullptr || (target_ns != 0 && !is_complete))
          keep(x, result_.rest);
        else if (target_ns == 0 || !x.is_whole || x.start_ns() < merge_from_ns)
          keep(x, result_.merged);
        else
          fold(x, wide);
      }
      if (wide) {
        wide->start_ns = cell_ns;
        wide->width_ns = target_ns;
        wide->revision = 0;
        wide->early = false;
        wide->correction = false;
        result_.merged.summaries.push_back(std::move(*wide));
      }
    }
  }

  void fold(const window& x, std::optional<summary>& wide) {
    for (const auto* part : x.parts) {
      if (wide)
        merge(*wide, *part);
      else
        wide = *part;
    }
    result_.windows_merged += x.parts.size();
    result_.records_superseded += x.all.size() - x.parts.size();
  }

  const coalesce_options& options_;
  width_ladder& ladder_;
  std::int64_t newest_end_ns_ = std::numeric_limits<std::int64_t>::min() / 2;
  std::deque<summary> summaries_; // Stay where they are while more come.
  std::unordered_map<std::string, series_id> indices_;
  std::map<std::pair<series_id, std::int64_t>, windows> groups_;
  coalesce_result result_;
};

/// About what a record takes, encoded.
std::size_t size_of(const summary& x) {
  return 130 + x.extended.size();
}
std::size_t size_of(const anomaly& x) {
  return 70 + x.model.size();
}
std::size_t size_of(const alert& x) {
  return 80 + x.id.size() + x.rule.size() + x.message.size();
}
std::size_t size_of(const rejection& x) {
  return 40 + x.source.size() + x.detail.size() + x.first_bytes.size();
}

class splitter {
public:
  splitter(const record_block& from, std::size_t size_bytes_max)
    : from_(from), size_bytes_max_(size_bytes_max) {
  }

  std::vector<record_block> run() {
    for (const auto& x : from_.summaries)
      room(size_of(x)).summaries.push_back(renamed(x));
    for (const auto& x : from_.anomalies)
      room(size_of(x)).anomalies.push_back(renamed(x));
    for (const auto& x : from_.alerts)
      room(size_of(x)).alerts.push_back(renamed(x));
    for (const auto& x : from_.rejections)
      room(size_of(x)).rejections.push_back(x);
    return std::move(result_);
  }

private:
  record_block& room(std::size_t size_bytes) {
    if (result_.empty() || size_bytes_ + size_bytes > size_bytes_max_) {
      result_.emplace_back();
      indices_.clear();
      size_bytes_ = 0;
    }
    size_bytes_ += size_bytes;
    return result_.back();
  }

  template <class Record>
  Record renamed(const Record& x) {
    auto& series = result_.back().series;
    auto next = static_cast<series_id>(series.size());
    auto [found, is_new] = indices_.try_emplace(x.series, next);
    if (is_new) {
      series.push_back(from_.series[x.series]);
      size_bytes_ += series.back().size() + 5;
    }
    auto copy = x;
    copy.series = found->second;
    return copy;
  }

  const record_block& from_;
  std::size_t size_bytes_max_;
  std::size_t size_bytes_ = 0;
  std::unordered_map<series_id, series_id> indices_;
  std::vector<record_block> result_;
};

} // namespace

void width_ladder::take(std::int64_t width_ns) {
  if (steps_.size() < widths_max)
    steps_.try_emplace(width_ns, taken);
}

void width_ladder::refuse(std::int64_t width_ns) {
  if (steps_.contains(width_ns) || steps_.size() < widths_max)
    steps_[width_ns] = refused;
}

void width_ladder::restore(std::int64_t width_ns, std::int64_t step) {
  if (steps_.size() < widths_max && step >= refused)
    steps_[width_ns] = step;
}

bool width_ladder::is_free(std::int64_t width_ns) const {
  return !steps_.contains(width_ns)
         && std::none_of(steps_.begin(), steps_.end(),
                         [&](const auto& x) { return x.second == width_ns; });
}

std::int64_t width_ladder::known_coarser(std::int64_t width_ns) const {
  auto found = steps_.find(width_ns);
  return found == steps_.end() ? 0 : std::max<std::int64_t>(found->second, 0);
}

/// The widest that divides a day, so that the windows begin with the days; else the
/// widest at all.
std::int64_t width_ladder::coarser(std::int64_t width_ns) {
  auto found = steps_.find(width_ns);
  if (found != steps_.end() && found->second != taken)
    return std::max<std::int64_t>(found->second, 0);
  if (found == steps_.end() && steps_.size() >= widths_max)
    return 0;
  for (bool must_divide : {true, false})
    for (auto factor = factor_max; factor >= 2; --factor) {
      auto wide_ns = width_ns * factor;
      if (wide_ns <= width_ns_max && is_free(wide_ns)
          && (!must_divide || width_ns_max % wide_ns == 0))
        return steps_[width_ns] = wide_ns;
    }
  return 0;
}

coalesce_result coalesce(std::span<const record_block> blocks,
                         const coalesce_options& options, width_ladder& ladder) {
  return coalescer{options, ladder}.run(blocks);
}

std::vector<record_block> split(const record_block& block, std::size_t size_bytes_max) {
  return splitter{block, size_bytes_max}.run();
}

std::int64_t middle_end_ns(const record_block& block) {
  std::vector<std::int64_t> ends;
  for (const auto& x : block.summaries)
    if (!x.early && x.start_ns > -time_ns_max && x.start_ns < time_ns_max
        && x.width_ns < time_ns_max)
      ends.push_back(end_ns(x));
  if (ends.empty())
    return std::numeric_limits<std::int64_t>::min();
  auto middle = std::next(ends.begin(), static_cast<std::ptrdiff_t>(ends.size() / 2));
  std::nth_element(ends.begin(), middle, ends.end());
  return *middle;
}

} // namespace weir::analytics
