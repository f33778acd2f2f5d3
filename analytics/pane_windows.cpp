#include "analytics/pane_windows.hpp"

#include "analytics/snapshot_io.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace weir::analytics {

std::int64_t floor_to_multiple(std::int64_t time_ns, std::int64_t width_ns) {
  auto remainder = time_ns % width_ns;
  return time_ns - (remainder < 0 ? remainder + width_ns : remainder);
}

pane_windows::pane_windows(pane_config config, const aggregate_plan& plan,
                           fact_book* facts)
  : config_(std::move(config)), pane_ns_(std::gcd(config_.width_ns, config_.slide_ns)),
    extended_(plan, facts), loading_(nullptr, [](loading*) {}) {
}

// -- geometry ------------------------------------------------------------------

time_span pane_windows::pane_at(std::int64_t time_ns) const {
  if (config_.calendar) {
    if (!calendar_span_.contains(time_ns))
      calendar_span_ = config_.calendar->window_at(time_ns);
    return calendar_span_;
  }
  auto start = floor_to_multiple(time_ns - config_.offset_ns, pane_ns_);
  return {start + config_.offset_ns, start + config_.offset_ns + pane_ns_};
}

/// The end of the first window that contains a pane.
std::int64_t pane_windows::first_end(std::int64_t pane_end_ns) const {
  if (config_.calendar || config_.slide_ns == config_.width_ns)
    return pane_end_ns;
  // Window starts are multiples of the slide; the first one that holds the pane ends
  // at the first multiple-of-slide-plus-width that is not before the pane's end.
  auto start = pane_end_ns - config_.width_ns - config_.offset_ns;
  auto floor = floor_to_multiple(start, config_.slide_ns);
  return (floor == start ? start : floor + config_.slide_ns) + config_.width_ns
         + config_.offset_ns;
}

std::int64_t pane_windows::last_end(const time_span& x) const {
  if (config_.calendar || config_.slide_ns == config_.width_ns)
    return x.end_ns;
  return floor_to_multiple(x.start_ns - config_.offset_ns, config_.slide_ns)
         + config_.width_ns + config_.offset_ns;
}

/// The end of the first window that contains a pane and ends after `after_ns`;
/// time_forever where all of them end before.
std::int64_t pane_windows::end_after(const time_span& x, std::int64_t after_ns) const {
  if (last_end(x) <= after_ns)
    return time_forever;
  auto first = first_end(x.end_ns);
  if (first <= after_ns)
    first
      += (after_ns - first) / config_.slide_ns * config_.slide_ns + config_.slide_ns;
  return first;
}

/// The end of the first window with something in it that ends after `after_ns`.
std::int64_t pane_windows::next_due(std::uint32_t slot, std::int64_t after_ns) const {
  auto due = time_forever;
  const auto& key = keys_[slot];
  if (key.newest.count != 0)
    due = end_after(pane_at(key.newest.start_ns), after_ns);
  // Nothing can be due before the next slide: mostly the newest pane says it all.
  auto step_ns = config_.calendar ? 0 : config_.slide_ns;
  for (auto i = key.older; i != none && due - step_ns > after_ns; i = pool_[i].next)
    due
      = std::min(due, end_after({pool_[i].window.start_ns, pool_[i].end_ns}, after_ns));
  return due;
}

// -- keys ----------------------------------------------------------------------

void pane_windows::open(std::uint32_t slot, series_id series) {
  keys_.grow(slot + 1);
  marks_.grow(slot + 1);
  keys_[slot] = key_state{};
  keys_[slot].newest.last_ns = time_never;
  keys_[slot].series = series;
  marks_[slot] = key_marks{};
  if (slot < runs_.size())
    runs_[slot].reset();
}

void pane_windows::erase(std::uint32_t slot) {
  auto series = keys_[slot].series;
  while (keys_[slot].older != none) {
    auto next = pool_[keys_[slot].older].next;
    give_pane(keys_[slot].older);
    keys_[slot].older = next;
  }
  extended_.give(keys_[slot].extended);
  auto tag = keys_[slot].tag;
  open(slot, series);
  keys_[slot].tag = tag;
}

std::uint32_t pane_windows::take_pane() {
  if (free_panes_.empty()) {
    pool_.emplace_back();
    return static_cast<std::uint32_t>(pool_.size() - 1);
  }
  auto index = free_panes_.back();
  free_panes_.pop_back();
  pool_[index] = pane{};
  return index;
}

void pane_windows::give_pane(std::uint32_t index) {
  extended_.give(pool_[index].extended);
  free_panes_.push_back(index);
}

void pane_windows::set_fast(key_state& key, const key_marks& marks) {
  key.fast_width = 0;
  if (key.newest.count == 0)
    return;
  auto span = pane_at(key.newest.start_ns);
  if (first_end(span.end_ns) > marks.sent_until_ns)
    key.fast_width = static_cast<std::uint64_t>(span.end_ns - span.start_ns);
}

// -- events --------------------------------------------------------------------

bool pane_windows::add_slowly(std::uint32_t slot, const keyed_event& event,
                              const window_clock& clock, std::vector<summary>& out) {
  advance(slot, clock, out);
  auto& key = keys_[slot];
  auto& marks = marks_[slot];
  auto span = pane_at(event.time_ns);
  if (last_end(span) <= marks.taken_until_ns) {
    ++key.late_count;
    ++counters_.late;
    return false;
  }
  auto goes_newest
    = key.newest.count == 0
        ? key.older == none || pool_[key.older].window.start_ns < span.start_ns
        : key.newest.start_ns <= span.start_ns;
  std::uint32_t* revision = &key.revision;
  if (goes_newest)
    into_newest(slot, span, event);
  else
    revision = into_older(slot, span, event);
  // Windows that take nothing more stay as they were sent.
  if (auto first = end_after(span, marks.taken_until_ns);
      first <= marks.sent_until_ns) {
    ++*revision;
    note_late(slot, span, event);
    late_end_ns_ = std::min(late_end_ns_, first);
  }
  if (has_runs()) {
    auto& run = run_of(slot);
    if (span.end_ns <= run.pushed_until_ns)
      run.is_valid = false;
    run.oldest_last_end_ns = std::min(run.oldest_last_end_ns, last_end(span));
  }
  key.wake_ns = std::min(key.wake_ns, next_due(slot, marks.sent_until_ns));
  set_fast(key, marks);
  return true;
}

void pane_windows::note_late(std::uint32_t slot, const time_span& span,
                             const keyed_event& event) {
  auto sent_until_ns = marks_[slot].sent_until_ns;
  bool goes_on = !late_.empty() && late_.back().slot == slot
                 && late_.back().window.start_ns == span.start_ns
                 && late_.back().sent_until_ns == sent_until_ns;
  if (!goes_on) {
    auto& added = late_.emplace_back();
    added.slot = slot;
    added.end_ns = span.end_ns;
    added.sent_until_ns = sent_until_ns;
    added.window.start_ns = span.start_ns;
    added.extended = extended_.take();
  }
  auto& noted = late_.back();
  noted.window.begin_or_add(event.time_ns, event.value);
  if (noted.extended != extended_pool::none)
    extended_.add(noted.extended, event);
}

void pane_windows::into_newest(std::uint32_t slot, const time_span& span,
                               const keyed_event& event) {
  auto& key = keys_[slot];
  if (key.newest.count != 0 && key.newest.start_ns != span.start_ns) {
    auto index = take_pane();
    pool_[index].window = key.newest;
    pool_[index].end_ns = pane_at(key.newest.start_ns).end_ns;
    pool_[index].extended = std::exchange(key.extended, extended_pool::none);
    pool_[index].revision = std::exchange(key.revision, 0);
    pool_[index].next = std::exchange(key.older, index);
    key.newest.count = 0;
  }
  if (key.newest.count == 0) {
    key.newest.start_ns = span.start_ns;
    key.extended = extended_.take();
    key.newest.begin(event.time_ns, event.value);
  } else {
    key.newest.add(event.time_ns, event.value);
  }
  if (key.extended != extended_pool::none)
    extended_.add(key.extended, event);
}

std::uint32_t* pane_windows::into_older(std::uint32_t slot, const time_span& span,
                                        const keyed_event& event) {
  auto& key = keys_[slot];
  auto before = none; // The pane in the list after which this one stands.
  auto index = key.older;
  while (index != none && pool_[index].window.start_ns > span.start_ns)
    before = std::exchange(index, pool_[index].next);
  if (index == none || pool_[index].window.start_ns != span.start_ns) {
    auto made = take_pane();
    pool_[made].window.start_ns = span.start_ns;
    pool_[made].end_ns = span.end_ns;
    pool_[made].extended = extended_.take();
    pool_[made].next = index;
    (before == none ? key.older : pool_[before].next) = made;
    index = made;
  }
  auto& found = pool_[index];
  found.window.begin_or_add(event.time_ns, event.value);
  if (found.extended != extended_pool::none)
    extended_.add(found.extended, event);
  return &found.revision;
}

// -- closing -------------------------------------------------------------------

void pane_windows::advance(std::uint32_t slot, const window_clock& clock,
                           std::vector<summary>& out) {
  auto& key = keys_[slot];
  auto& marks = marks_[slot];
  if (clock.watermark_ns >= key.wake_ns)
    send_due(slot, clock.watermark_ns, out);
  if (clock.watermark_ns > marks.sent_until_ns) {
    marks.sent_until_ns = clock.watermark_ns;
    set_fast(key, marks);
  }
  if (clock.horizon_ns > marks.taken_until_ns) {
    // What late events of this batch have changed is told before it is forgotten.
    auto is_mine = [slot](const late_part& x) { return x.slot == slot; };
    if (clock.horizon_ns >= late_end_ns_
        && std::any_of(late_.begin(), late_.end(), is_mine))
      settle(out);
    marks.taken_until_ns = clock.horizon_ns;
    drop_done(slot, false);
  }
}

void pane_windows::send_due(std::uint32_t slot, std::int64_t watermark_ns,
                            std::vector<summary>& out) {
  auto& key = keys_[slot];
  auto& marks = marks_[slot];
  while (key.wake_ns <= watermark_ns && key.wake_ns != time_forever) {
    if (send_next(slot, key.wake_ns, out))
      ++counters_.windows;
    marks.sent_until_ns = std::max(marks.sent_until_ns, key.wake_ns);
    key.wake_ns = next_due(slot, marks.sent_until_ns);
  }
  set_fast(key, marks);
}

/// Sends the next window for the first time; ends only grow.
bool pane_windows::send_next(std::uint32_t slot, std::int64_t end_ns,
                             std::vector<summary>& out) {
  // Sketches have no stacks: they would cost as much memory as all panes again.
  if (!has_runs() || extended_.is_used())
    return send(slot, end_ns, false, out);
  std::uint32_t revision = 0;
  auto whole = run_window(slot, end_ns, revision);
  if (whole.count == 0)
    return false;
  finish(slot, whole, {end_ns - config_.width_ns, end_ns}, revision, false, out);
  return true;
}

pane_windows::pane_run& pane_windows::run_of(std::uint32_t slot) {
  runs_.grow(slot + 1);
  if (!runs_[slot])
    runs_[slot] = std::make_unique<pane_run>();
  return *runs_[slot];
}

/// Brings a key's aggregate to the window that ends at `end_ns`.
open_window pane_windows::run_window(std::uint32_t slot, std::int64_t end_ns,
                                     std::uint32_t& revision) {
  auto& run = run_of(slot);
  auto start_ns = end_ns - config_.width_ns;
  if (!run.is_valid || run.pushed_until_ns > end_ns) {
    run.panes.clear();
    run.revisions = 0;
    run.pushed_until_ns = start_ns;
    run.is_valid = true;
  }
  push_panes(slot, run, end_ns);
  while (!run.panes.empty() && run.panes.front().window.start_ns < start_ns) {
    run.revisions -= run.panes.front().revision;
    run.panes.pop();
  }
  revision = run.revisions;
  return run.panes.empty() ? open_window{} : run.panes.whole();
}

void pane_windows::push_panes(std::uint32_t slot, pane_run& run, std::int64_t end_ns) {
  collect(keys_[slot], {run.pushed_until_ns, end_ns});
  for (const auto& x : parts_) {
    run.panes.push({*x.window, x.window->start_ns + pane_ns_, x.revision});
    run.revisions += x.revision;
  }
  run.pushed_until_ns = end_ns;
}

/// Half a window of panes or more can go.
bool pane_windows::is_worth_dropping(std::uint32_t slot, std::int64_t done_ns) {
  auto oldest_ns = run_of(slot).oldest_last_end_ns;
  if (oldest_ns == time_never)
    return true; // Not known yet: looking at all of them tells.
  return oldest_ns <= done_ns && done_ns - oldest_ns >= config_.width_ns / 2;
}

void pane_windows::close(std::uint32_t slot, bool forget, std::vector<summary>& out) {
  // The last window ends before time_forever, so this sends all of them.
  send_due(slot, time_forever - 1, out);
  if (!forget)
    return;
  settle(out);
  auto& marks = marks_[slot];
  marks.taken_until_ns = std::max(marks.taken_until_ns, marks.sent_until_ns);
  drop_done(slot, true);
}

/// Forgets panes that no window which may still change contains; unless `at_once`, only
/// when there are many: looking for them costs a look at all.
void pane_windows::drop_done(std::uint32_t slot, bool at_once) {
  auto& key = keys_[slot];
  auto& marks = marks_[slot];
  auto done_ns = std::min(marks.taken_until_ns, marks.sent_until_ns);
  if (!at_once && has_runs() && !is_worth_dropping(slot, done_ns))
    return;
  auto oldest_ns = time_forever;
  auto* link = &key.older;
  while (*link != none) {
    auto index = *link;
    auto& x = pool_[index];
    auto last = last_end({x.window.start_ns, x.end_ns});
    if (last > done_ns) {
      oldest_ns = std::min(oldest_ns, last);
      link = &x.next;
      continue;
    }
    *link = x.next;
    give_pane(index);
  }
  if (has_runs())
    run_of(slot).oldest_last_end_ns = oldest_ns;
  if (key.newest.count != 0 && last_end(pane_at(key.newest.start_ns)) <= done_ns)
    drop_newest(key);
}

void pane_windows::drop_newest(key_state& key) {
  key.newest.count = 0; // Its last_ns stays, for last_time_ns().
  key.fast_width = 0;
  key.revision = 0;
  extended_.give(std::exchange(key.extended, extended_pool::none));
}

/// The parts of `window` that hold events, the oldest first, into parts_.
void pane_windows::collect(const key_state& key, const time_span& window) {
  parts_.clear();
  if (key.newest.count != 0 && window.contains(key.newest.start_ns))
    parts_.push_back({&key.newest, key.extended, key.revision});
  for (auto i = key.older; i != none && pool_[i].window.start_ns >= window.start_ns;
       i = pool_[i].next)
    if (pool_[i].window.start_ns < window.end_ns)
      parts_.push_back({&pool_[i].window, pool_[i].extended, pool_[i].revision});
  std::reverse(parts_.begin(), parts_.end());
}

time_span pane_windows::window_until(std::int64_t end_ns) const {
  return {config_.calendar ? pane_at(end_ns - 1).start_ns : end_ns - config_.width_ns,
          end_ns};
}

bool pane_windows::send(std::uint32_t slot, std::int64_t end_ns, bool early,
                        std::vector<summary>& out) {
  auto window = window_until(end_ns);
  collect(keys_[slot], window);
  if (parts_.empty())
    return false;
  std::uint32_t revision = 0;
  for (const auto& x : parts_)
    revision += x.revision;
  send_parts(slot, window, revision, early, out);
  return true;
}

/// What late_ has of a window that was sent. Its revision is that of the whole window.
void pane_windows::send_correction(std::uint32_t slot, std::int64_t end_ns,
                                   std::vector<summary>& out) {
  auto window = window_until(end_ns);
  collect(keys_[slot], window);
  std::uint32_t revision = 0;
  for (const auto& x : parts_)
    revision += x.revision;
  parts_.clear();
  auto x = std::partition_point(late_.begin(), late_.end(), [&](const auto& y) {
    return std::tie(y.slot, y.window.start_ns) < std::tie(slot, window.start_ns);
  });
  for (; x != late_.end() && x->slot == slot && x->window.start_ns < end_ns; ++x)
    if (x->sent_until_ns >= end_ns)
      parts_.push_back({&x->window, x->extended, 0});
  send_parts(slot, window, revision, false, out).correction = true;
}

/// Of parts_, which is not empty.
summary& pane_windows::send_parts(std::uint32_t slot, const time_span& window,
                                  std::uint32_t revision, bool early,
                                  std::vector<summary>& out) {
  auto whole = *parts_.front().window;
  for (std::size_t i = 1; i < parts_.size(); ++i)
    whole.merge(*parts_[i].window);
  finish(slot, whole, window, revision, early, out);
  if (extended_.is_used())
    extended_.encode(parts_, out.back().extended);
  return out.back();
}

void pane_windows::finish(std::uint32_t slot, open_window whole,
                          const time_span& window, std::uint32_t revision, bool early,
                          std::vector<summary>& out) {
  auto& key = keys_[slot];
  whole.start_ns = window.start_ns;
  auto& result = out.emplace_back(whole.close(window.end_ns - window.start_ns));
  result.series = key.series;
  result.revision = revision;
  result.early = early;
  if (!early)
    result.late_count = std::exchange(key.late_count, 0);
}

void pane_windows::settle(std::vector<summary>& out) {
  if (late_.empty())
    return;
  // In order of time; of one pane, the earlier arrivals first.
  std::stable_sort(late_.begin(), late_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.slot, a.window.start_ns) < std::tie(b.slot, b.window.start_ns);
  });
  std::vector<std::pair<std::uint32_t, std::int64_t>> windows;
  for (const auto& x : late_) {
    auto span = time_span{x.window.start_ns, x.end_ns};
    auto last = std::min(last_end(span), x.sent_until_ns);
    auto step = config_.calendar ? time_forever : config_.slide_ns;
    auto first = end_after(span, marks_[x.slot].taken_until_ns);
    for (auto end = first; end <= last; end += step) {
      windows.emplace_back(x.slot, end);
      if (step > last - end)
        break;
    }
  }
  std::sort(windows.begin(), windows.end());
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  for (auto [slot, end] : windows)
    send_correction(slot, end, out);
  counters_.revisions += windows.size();
  for (const auto& x : late_)
    extended_.give(x.extended);
  late_.clear();
  late_end_ns_ = time_forever;
}

void pane_windows::tell_early(std::uint32_t slot, std::vector<summary>& out) {
  const auto& key = keys_[slot];
  if (key.newest.count == 0)
    return;
  auto newest = first_end(pane_at(key.newest.start_ns).end_ns);
  for (auto end = key.wake_ns; end <= newest; end = next_due(slot, end))
    if (send(slot, end, true, out))
      ++counters_.early;
}

std::size_t pane_windows::runs_size_bytes() const {
  auto result = runs_.size_bytes();
  for (std::size_t i = 0; i < runs_.size(); ++i)
    if (runs_[i])
      result += sizeof(pane_run) + runs_[i]->panes.size_bytes();
  return result;
}

std::size_t pane_windows::size_bytes() const {
  return keys_.size_bytes() + marks_.size_bytes() + pool_.capacity() * sizeof(pane)
         + free_panes_.capacity() * sizeof(std::uint32_t) + extended_.size_bytes()
         + late_.capacity() * sizeof(late_part) + runs_size_bytes();
}

} // namespace weir::analytics
