#include "window_oracle.hpp"

#include <algorithm>
#include <functional>
#include <set>

namespace weir::analytics::oracle {

namespace {

constexpr auto never = INT64_MIN;

std::int64_t minus(std::int64_t time_ns, std::int64_t ns) {
  return time_ns == never ? never : time_ns - ns;
}

struct source_state {
  std::int64_t time_max_ns = never;
  std::int64_t seen_ns = 0;
};

struct taken_event {
  input_event event;
  // How often silence had closed the windows of the key when it came.
  int run = 0;
  // Windows that end by then do not have it (those whose order does not matter).
  std::int64_t closed_until_ns = never;
};

struct key_state {
  std::string source; // Of the last event.
  std::vector<taken_event> taken;
  std::int64_t newest_ns = never;
  // Nothing before this is taken any more, or no window that ends by then takes more.
  std::int64_t closed_until_ns = never;
  int run = 0;
};

class oracle {
public:
  oracle(const settings& config, expected_windows& out) : config_(config), out_(out) {
  }

  void take(const input_step& step) {
    if (step.events.empty() && !step.is_tick)
      return; // Nothing was done.
    for (const auto& x : step.events)
      take(x, step.now);
    if (step.is_tick)
      tick(step.now);
    update_group(step.now);
  }

  void finish() {
    for (const auto& [name, key] : keys_)
      make_windows(name, key);
  }

private:
  const view_config& view() const {
    return config_.view;
  }
  std::int64_t lateness_ns() const {
    return view().allowed_lateness_ns.value_or(config_.time.allowed_lateness_ns);
  }
  bool order_matters() const {
    auto is_panes = view().kind == window_kind::tumbling
                    || view().kind == window_kind::hopping
                    || view().kind == window_kind::calendar;
    return !is_panes || view().aggregates.rate || view().aggregates.time_weighted;
  }

  // -- clocks ----------------------------------------------------------------------

  std::int64_t watermark_of(const std::string& source) {
    return minus(sources_[source].time_max_ns, config_.time.out_of_orderness_ns);
  }

  /// How far windows are closed to late events: the watermark less the lateness. A
  /// group that can revise its windows waits longer, for its slowest source.
  std::int64_t horizon_of(const std::string& source) {
    if (!config_.grouped)
      return minus(watermark_of(source), lateness_ns());
    return minus(order_matters() ? group_watermark_ns_ : group_horizon_ns_,
                 lateness_ns());
  }

  /// Once a batch: the least of the sources that say something, but for those that are
  /// hold_max behind the most advanced; the most advanced if all are silent.
  void update_group(const batch_time& now) {
    if (!config_.grouped || members_.empty())
      return;
    const auto& time = config_.time;
    auto most = never;
    auto least = INT64_MAX;
    auto least_active = INT64_MAX;
    std::erase_if(members_, [&](const auto& x) {
      return now.local_ns - sources_[x.first].seen_ns
             >= std::max(time.retain_max_ns, time.idle_timeout_ns);
    });
    for (const auto& [source, watermark_ns] : members_) {
      auto seen_ns = sources_[source].seen_ns;
      most = std::max(most, watermark_ns);
      least = std::min(least, watermark_ns);
      if (now.local_ns - seen_ns < time.idle_timeout_ns)
        least_active = std::min(least_active, watermark_ns);
    }
    if (members_.empty())
      return;
    auto all_silent = least_active == INT64_MAX;
    auto watermark_ns
      = all_silent ? most : std::max(least_active, most - time.hold_max_ns);
    group_watermark_ns_ = std::max(group_watermark_ns_, watermark_ns);
    auto horizon_ns
      = std::min(std::max(least, most - time.retain_max_ns), group_watermark_ns_);
    group_horizon_ns_ = std::max(group_horizon_ns_, horizon_ns);
  }

  // -- events and time ---------------------------------------------------------------

  void take(const input_event& x, const batch_time& now) {
    auto& source = sources_[x.source];
    source.time_max_ns = std::max(source.time_max_ns, std::min(x.time_ns, now.wall_ns));
    source.seen_ns = now.local_ns;
    members_[x.source] = watermark_of(x.source);
    group_seen_ns_ = std::max(group_seen_ns_, now.local_ns);
    auto& key = keys_[x.key];
    key.source = x.source;
    key.closed_until_ns = std::max(key.closed_until_ns, horizon_of(x.source));
    if (is_late(x.time_ns, key)) {
      ++out_.late;
      return;
    }
    key.taken.push_back({x, key.run, key.closed_until_ns});
    key.newest_ns = std::max(key.newest_ns, x.time_ns);
  }

  /// Where order matters: earlier than what was let through. Else: all of its windows
  /// are closed for good.
  bool is_late(std::int64_t time_ns, const key_state& key) const {
    if (order_matters())
      return time_ns < key.closed_until_ns;
    for (auto [start_ns, end_ns] : spans_of(time_ns))
      if (end_ns > key.closed_until_ns)
        return false;
    return true;
  }

  void tick(const batch_time& now) {
    update_group(now);
    for (auto& [name, key] : keys_) {
      key.closed_until_ns = std::max(key.closed_until_ns, horizon_of(key.source));
      auto seen_ns = config_.grouped ? group_seen_ns_ : sources_[key.source].seen_ns;
      auto silent_ns = seen_ns == never ? INT64_MAX : now.local_ns - seen_ns;
      if (silent_ns < config_.time.idle_timeout_ns)
        continue;
      if (!order_matters()) {
        // Closed windows wait for late events for as long as those would be taken.
        if (!config_.grouped
            && silent_ns >= config_.time.idle_timeout_ns + lateness_ns())
          key.closed_until_ns = std::max(key.closed_until_ns, watermark_of(key.source));
        continue;
      }
      if (view().kind == window_kind::session && silent_ns < view().gap_ns)
        continue;
      if (view().kind == window_kind::sliding && silent_ns < view().delay_ns)
        continue;
      // What waits is let through, and windows are sent as they are.
      if (key.newest_ns != never)
        key.closed_until_ns = std::max(key.closed_until_ns, key.newest_ns + 1);
      ++key.run;
    }
  }

  // -- windows -----------------------------------------------------------------------

  /// All windows of fixed boundaries that contain an instant: every one is looked at.
  std::vector<std::pair<std::int64_t, std::int64_t>>
  spans_of(std::int64_t time_ns) const {
    if (view().kind == window_kind::calendar) {
      auto span = view().calendar->window_at(time_ns);
      return {{span.start_ns, span.end_ns}};
    }
    auto width = view().width_ns;
    auto slide = view().kind == window_kind::hopping ? view().slide_ns : width;
    std::vector<std::pair<std::int64_t, std::int64_t>> result;
    auto number = (time_ns - view().offset_ns) / slide + 2;
    for (;; --number) {
      auto start = number * slide + view().offset_ns;
      if (start + width <= time_ns)
        return result;
      if (start <= time_ns)
        result.emplace_back(start, start + width);
    }
  }

  void make_windows(const std::string& name, const key_state& key) {
    auto events = key.taken;
    std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
      return a.event.time_ns < b.event.time_ns;
    });
    last_start_ns_ = never;
    switch (view().kind) {
    case window_kind::session:
      return make_sessions(name, events);
    case window_kind::count:
      return make_counts(name, events);
    case window_kind::state:
      return make_states(name, events);
    case window_kind::sliding:
      return make_sliding(name, events);
    default:
      for (const auto& x : events)
        for (auto [start_ns, end_ns] : spans_of(x.event.time_ns))
          if (order_matters() || end_ns > x.closed_until_ns) {
            auto& window = out_.windows[{name, start_ns}];
            window.width_ns = end_ns - start_ns;
            window.events.push_back(x.event);
          }
    }
  }

  /// Two windows of a key never start together: the later one a nanosecond later.
  void put(const std::string& name, std::int64_t start_ns, std::int64_t end_ns,
           const std::vector<input_event>& events, bool width_is_sure = true) {
    if (last_start_ns_ != never && start_ns <= last_start_ns_)
      start_ns = last_start_ns_ + 1;
    last_start_ns_ = start_ns;
    out_.windows[{name, start_ns}]
      = {std::max<std::int64_t>(end_ns - start_ns, 1), width_is_sure, events};
  }

  void make_sessions(const std::string& name, const std::vector<taken_event>& events) {
    std::vector<input_event> session;
    auto run = 0;
    auto end_ns = [&] {
      return std::min(session.back().time_ns + view().gap_ns,
                      session.front().time_ns + view().length_max_ns);
    };
    for (const auto& x : events) {
      if (!session.empty() && (x.event.time_ns >= end_ns() || x.run != run)) {
        put(name, session.front().time_ns, end_ns(), session);
        session.clear();
      }
      run = x.run;
      session.push_back(x.event);
    }
    if (!session.empty())
      put(name, session.front().time_ns, end_ns(), session);
  }

  void make_counts(const std::string& name, const std::vector<taken_event>& events) {
    std::size_t size = view().size_events;
    std::size_t slide = view().slide_events == 0 ? size : view().slide_events;
    for (std::size_t n = 1; n <= events.size(); ++n) {
      if (n % slide != 0 && n != events.size())
        continue;
      // What is left at the end is a window too; where windows tumble it has only
      // what is new.
      auto count = slide == size ? (n - 1) % size + 1 : std::min(n, size);
      std::vector<input_event> window;
      for (auto i = n - count; i < n; ++i)
        window.push_back(events[i].event);
      put(name, window.front().time_ns, window.back().time_ns + 1, window);
    }
  }

  void make_states(const std::string& name, const std::vector<taken_event>& events) {
    std::vector<input_event> window;
    auto is_on = false;
    auto send = [&](std::int64_t end_ns, bool sure = true) {
      if (!window.empty())
        put(name, window.front().time_ns, end_ns, window, sure);
      window.clear();
    };
    for (const auto& [x, run, closed] : events) {
      if (!window.empty() && x.time_ns - window.front().time_ns >= view().length_max_ns)
        send(window.front().time_ns + view().length_max_ns); // And the state goes on.
      auto opens = x.value > *config_.open_above;
      auto closes = config_.close_below ? x.value < *config_.close_below : !opens;
      if (!is_on && !opens)
        continue;
      is_on = true;
      // The event that closes belongs to it, if there is a condition of its own.
      if (!closes || config_.close_below)
        window.push_back(x);
      if (closes) {
        send(config_.close_below ? x.time_ns + 1 : x.time_ns);
        is_on = false;
      }
    }
    if (!window.empty())
      send(window.back().time_ns + 1, false);
  }

  void make_sliding(const std::string& name, const std::vector<taken_event>& events) {
    std::set<std::int64_t> seen;
    for (const auto& trigger : events) {
      auto at_ns = trigger.event.time_ns;
      if (config_.trigger_above && trigger.event.value <= *config_.trigger_above)
        continue;
      if (!seen.insert(at_ns).second)
        continue;                              // The same window.
      auto begin_ns = at_ns - view().width_ns; // Outside.
      auto end_ns = at_ns + view().delay_ns;   // Inside.
      std::vector<input_event> window;
      for (const auto& x : events)
        if (x.event.time_ns > begin_ns && x.event.time_ns <= end_ns
            && x.run <= trigger.run)
          window.push_back(x.event);
      put(name, begin_ns + 1, end_ns + 1, window);
    }
  }

  const settings& config_;
  expected_windows& out_;
  std::map<std::string, source_state> sources_;
  std::map<std::string, key_state> keys_;
  std::map<std::string, std::int64_t> members_; // Watermarks of the groups' sources.
  std::int64_t group_watermark_ns_ = never;
  std::int64_t group_horizon_ns_ = never;
  std::int64_t group_seen_ns_ = never;
  std::int64_t last_start_ns_ = never;
};

} // namespace

expected_windows run(const settings& config, const std::vector<input_step>& steps) {
  expected_windows result;
  oracle uut{config, result};
  for (const auto& x : steps)
    uut.take(x);
  uut.finish();
  return result;
}

} // namespace weir::analytics::oracle
