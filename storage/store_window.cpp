#include "storage/store_window.hpp"

#include <algorithm>
#include <utility>

namespace weir::storage {

namespace {

bool follows(const window_version& x, const window_parts& before) {
  return x.epoch != before.epoch || x.run > before.run;
}

/// Whether `x` can hold all that is in `part`.
bool can_hold(const analytics::summary& x, const analytics::summary& part) {
  return x.count >= part.count && x.first_ns <= part.first_ns
         && x.last_ns >= part.last_ns;
}

/// What a summary is to the part of the same run that is there.
enum class relation {
  nothing_new,
  replaces,
  corrects, ///< Late events alone.
  adds,     ///< The edge had forgotten the window (a series that was evicted and came
            ///< again) and began it anew.
};

/// Numbers have an order within a run: of two that are early the one that comes later
/// is the later one, and nothing is sent twice under another number.
relation relate(const analytics::summary& x, const analytics::summary& current) {
  if (current.early)
    return relation::replaces;
  if (x.early)
    return relation::nothing_new;
  if (x.correction)
    return relation::corrects;
  // Edges before corrections sent the whole window again.
  if (x.revision > current.revision && can_hold(x, current))
    return relation::replaces;
  return x.revision == 0 || x.revision > current.revision ? relation::adds
                                                          : relation::nothing_new;
}

/// Whether `x`, of a later run, holds all of the early part before: the edge kept the
/// open window over an ordered restart. After a crash it has only the rest.
bool covers(const window_version& x, const window_parts& before) {
  const auto& early_part = before.current;
  return early_part.early && x.epoch == before.epoch && !x.value.correction
         && x.value.first_ns <= early_part.first_ns
         && x.value.count >= early_part.count;
}

/// Whether `x`, of a later run, can hold all that stands there: its edge took the
/// window over an ordered restart. A run that knows nothing of it (after a crash) may
/// send a revision, too, but of late events alone.
bool takes_over(const window_version& x, const window_parts& before,
                const analytics::summary& whole) {
  return x.epoch == before.epoch && !x.value.correction
         && x.value.revision > whole.revision && can_hold(x.value, whole);
}

analytics::summary whole_of(const window_parts& parts) {
  if (!parts.earlier)
    return parts.current;
  auto sum = *parts.earlier;
  analytics::merge(sum, parts.current);
  sum.start_ns = parts.current.start_ns;
  sum.width_ns = parts.current.width_ns;
  sum.revision = parts.earlier->revision + 1 + parts.current.revision;
  // Nobody will say more about a part whose run has ended early.
  sum.early = parts.current.early;
  return sum;
}

/// With late events. Where they came first, before what they correct, what stands there
/// is itself a correction, and what was sent first adds to it in its turn.
window_parts corrected(const window_parts& before, const analytics::summary& x) {
  auto after = before;
  analytics::merge(after.current, x);
  after.current.start_ns = x.start_ns;
  after.current.width_ns = x.width_ns;
  return after;
}

/// What stands there after `x` came, or nothing if `x` changes nothing.
std::optional<window_parts> next_parts(const window_version& x,
                                       const window_parts& before) {
  auto after = window_parts{x.epoch, x.run, x.value, std::nullopt};
  if (!follows(x, before)) {
    auto how = relate(x.value, before.current);
    if (x.run < before.run || how == relation::nothing_new)
      return std::nullopt;
    if (how == relation::corrects)
      return corrected(before, x.value);
    if (how == relation::adds)
      after.earlier = whole_of(before);
    else
      after.earlier = before.earlier; // The run corrects its own part only.
    return after;
  }
  auto whole = whole_of(before);
  if (takes_over(x, before, whole))
    return after;
  // A restart: it saw only the rest.
  after.earlier = covers(x, before) ? before.earlier : whole;
  return after;
}

bool put_on_top(std::optional<window_parts>& parts, const window_version& x) {
  if (!parts) {
    parts = window_parts{x.epoch, x.run, x.value, std::nullopt};
    return true;
  }
  auto next = next_parts(x, *parts);
  if (next)
    parts = std::move(next);
  return next.has_value();
}

bool waits(const window_version& x, const open_lane& lane) {
  return lane.first_seq != 0 && x.epoch == lane.epoch && x.seq >= lane.first_seq;
}

/// Folds in, in order, what has nothing missing before it any more.
void settle(stored_window& window, const open_lane& lane) {
  auto first_waiting
    = std::find_if(window.ahead.begin(), window.ahead.end(),
                   [&](const window_version& x) { return waits(x, lane); });
  for (auto x = window.ahead.begin(); x != first_waiting; ++x)
    put_on_top(window.parts, *x);
  window.ahead.erase(window.ahead.begin(), first_waiting);
}

bool same_run(const window_version& a, const window_version& b) {
  return a.epoch == b.epoch && a.run == b.run;
}

/// Whether the version before `later` may go. The first of a run stays: what it is to
/// the parts decides on those after it. An early one is replaced by any that comes
/// after it, whatever the parts are.
bool is_replaced(const window_version& before, const window_version& x,
                 const window_version& later, bool crowded) {
  if (!same_run(before, x) || !same_run(x, later))
    return false;
  return x.value.early
         || (crowded && relate(later.value, x.value) == relation::replaces);
}

void drop_replaced(std::vector<window_version>& all) {
  bool crowded = all.size() > window_versions_max;
  for (std::size_t i = all.size(); i > 2; --i)
    if (is_replaced(all[i - 3], all[i - 2], all[i - 1], crowded))
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(i - 2));
}

/// With nothing before them, versions can be taken as settled: no more is lost than
/// the order against a backlog.
void bound(stored_window& window) {
  if (window.ahead.size() <= 4 * window_versions_max)
    return;
  put_on_top(window.parts, window.ahead.front());
  window.ahead.erase(window.ahead.begin());
}

} // namespace

bool add_version(stored_window& window, const window_version& x, bool in_lane,
                 const open_lane& lane) {
  if (!in_lane && window.ahead.empty())
    return put_on_top(window.parts, x);
  auto before = window.parts || !window.ahead.empty() ? std::optional{merged(window)}
                                                      : std::nullopt;
  settle(window, lane);
  if (in_lane) {
    window.ahead.push_back(x);
    drop_replaced(window.ahead);
    bound(window);
  } else {
    put_on_top(window.parts, x);
  }
  return !before || *before != merged(window);
}

analytics::summary merged(const stored_window& window) {
  if (window.ahead.empty())
    return whole_of(*window.parts);
  auto parts = window.parts;
  for (const auto& x : window.ahead)
    put_on_top(parts, x);
  return whole_of(*parts);
}

} // namespace weir::storage
