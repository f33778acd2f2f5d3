#include "web/live_hub.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace weir::web {

namespace {

constexpr int shown_flushes_max = 20; // A second.

} // namespace

/// Most sessions look at the same dashboards: one encoding serves all of them.
class live_hub::body_cache {
public:
  template <class Make>
  const frame_body& get(wire_format format, const series_list& series, Make make) {
    auto [place, is_new] = bodies_.try_emplace(key{format, &series});
    if (is_new)
      place->second = make();
    return place->second;
  }

private:
  struct key {
    wire_format format;
    const series_list* series;

    bool operator<(const key& other) const {
      return std::tie(format, *series) < std::tie(other.format, *other.series);
    }
  };
  std::map<key, frame_body> bodies_;
};

// -- sessions ----------------------------------------------------------------

void live_hub::open(socket_id id, wire_format format, std::int64_t now_ns) {
  auto& x = sessions_[id];
  x.id = id;
  x.format = format;
  x.series = std::make_shared<const series_list>();
  emit(x, "hello", hello_body(format, now_ns, version_), false);
}

void live_hub::close(socket_id id) {
  sessions_.erase(id);
}

live_hub::session* live_hub::find(socket_id id) {
  auto found = sessions_.find(id);
  return found == sessions_.end() || found->second.closing ? nullptr : &found->second;
}

std::size_t live_hub::unsent_bytes(socket_id id) const {
  auto found = sessions_.find(id);
  return found == sessions_.end() ? 0 : found->second.unsent_bytes;
}

// -- subscriptions -----------------------------------------------------------

void live_hub::message(socket_id id, const client_message& x) {
  auto* to = find(id);
  if (to == nullptr)
    return;
  if (x.op == client_message::operation::unsubscribe) {
    if (to->subscriptions.erase(x.id) > 0)
      update_series(*to);
    return;
  }
  if (!to->subscriptions.contains(x.id)
      && to->subscriptions.size() >= limits_.subscriptions_max)
    return refuse(id, {x.id, "too_many_subs",
                       "A connection has at most "
                         + std::to_string(limits_.subscriptions_max)
                         + " subscriptions; end one with `unsub` first."});
  subscribe(*to, x);
}

void live_hub::refuse(socket_id id, const client_error& why) {
  if (auto* to = find(id))
    emit(*to, "error", error_body(to->format, why.id, why.code, why.message), false);
}

void live_hub::subscribe(session& to, const client_message& x) {
  to.subscriptions[x.id] = subscription{x, ++generations_, snapshot_state::wanted};
  update_series(to);
  queue_snapshot(to);
}

void live_hub::update_series(session& of) {
  series_list all;
  for (const auto& [id, x] : of.subscriptions)
    all.insert(all.end(), x.request.series.begin(), x.request.series.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  of.backlog.keep_only(all);
  of.series = std::make_shared<const series_list>(std::move(all));
}

bool live_hub::waits(const session& x) const {
  return std::any_of(x.subscriptions.begin(), x.subscriptions.end(), [](const auto& s) {
    return s.second.state != snapshot_state::shown;
  });
}

void live_hub::resync() {
  counters_.resyncs += 1;
  for (auto& [id, to] : sessions_) {
    for (auto& [number, x] : to.subscriptions) {
      x.generation = ++generations_;
      x.state = snapshot_state::wanted;
    }
    queue_snapshot(to);
  }
}

// -- snapshots ---------------------------------------------------------------

void live_hub::queue_snapshot(session& x) {
  // One at a time, and the last one must have left: this bounds the memory that
  // a slow client with many subscriptions can take.
  if (x.is_queued || x.reading || x.unsent_snapshots > 0 || !waits(x))
    return;
  x.is_queued = true;
  snapshot_queue_.push_back(x.id);
}

std::optional<snapshot_request> live_hub::next_snapshot() {
  while (!snapshot_queue_.empty()) {
    auto* to = find(snapshot_queue_.front());
    snapshot_queue_.pop_front();
    if (to == nullptr)
      continue;
    to->is_queued = false;
    for (auto& [id, x] : to->subscriptions) {
      if (x.state != snapshot_state::wanted)
        continue;
      x.state = snapshot_state::reading;
      to->reading = true;
      return snapshot_request{to->id,           x.generation,      id,
                              x.request.series, x.request.from_ns, x.request.points_max,
                              to->format};
    }
  }
  return std::nullopt;
}

void live_hub::put_back(const snapshot_request& request) {
  auto* to = find(request.socket);
  if (to == nullptr)
    return;
  to->reading = false;
  for (auto& [id, x] : to->subscriptions)
    if (x.generation == request.generation)
      x.state = snapshot_state::wanted;
  queue_snapshot(*to);
}

void live_hub::snapshot(const snapshot_result& result) {
  auto* to = find(result.socket);
  if (to == nullptr)
    return;
  to->reading = false;
  auto found = std::find_if(
    to->subscriptions.begin(), to->subscriptions.end(),
    [&](const auto& x) { return x.second.generation == result.generation; });
  // Replaced or ended while it was being read: nobody wants it any more.
  if (found != to->subscriptions.end()) {
    if (result.error) {
      auto id = found->first;
      to->subscriptions.erase(found);
      update_series(*to);
      refuse(to->id, {id, "store", *result.error});
    } else {
      found->second.state = snapshot_state::shown;
      for (const auto& [series, known] : result.shown) {
        to->backlog.drop_known(series, known);
        to->shown.insert_or_assign(series, known);
      }
      to->shown_flushes = shown_flushes_max;
      emit(*to, "snap", result.body, true, true);
    }
  }
  queue_snapshot(*to);
}

// -- deltas ------------------------------------------------------------------

void live_hub::publish(live_delta delta) {
  if (sessions_.empty())
    return;
  auto append = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()),
              std::make_move_iterator(from.end()));
  };
  append(batch_.points, delta.points);
  append(batch_.anomalies, delta.anomalies);
  append(batch_.alerts, delta.alerts);
  batch_.new_series += delta.new_series;
}

void live_hub::sort_batch() {
  auto& points = batch_.points;
  auto window = [](const live_point& x) { return std::tie(x.series, x.start_ns); };
  std::stable_sort(points.begin(), points.end(),
                   [&](const live_point& a, const live_point& b) {
                     return std::tie(a.series, a.start_ns, a.revision)
                            < std::tie(b.series, b.start_ns, b.revision);
                   });
  // Of several revisions of a window the highest, which is the last, stays.
  auto end = std::unique(
    points.rbegin(), points.rend(),
    [&](const live_point& a, const live_point& b) { return window(a) == window(b); });
  points.erase(points.begin(), end.base());
}

live_delta live_hub::select(const series_list& series) const {
  live_delta result;
  result.anomalies = batch_.anomalies;
  result.alerts = batch_.alerts;
  result.new_series = batch_.new_series;
  const auto& points = batch_.points;
  auto from = points.begin();
  for (auto id : series) {
    from
      = std::lower_bound(from, points.end(), id, [](const live_point& x, auto wanted) {
          return x.series < wanted;
        });
    for (; from != points.end() && from->series == id; ++from)
      result.points.push_back(*from);
  }
  return result;
}

void live_hub::flush(std::int64_t now_ns) {
  auto passed_ns = now_ns - last_flush_ns_;
  if (passed_ns >= 0 && passed_ns < limits_.flush_interval_ns)
    return; // A clock that was set back does not stop us.
  last_flush_ns_ = now_ns;
  sort_batch();
  body_cache bodies;
  for (auto& [id, to] : sessions_)
    if (!to.closing)
      flush_session(to, bodies, now_ns);
  batch_ = {};
}

void live_hub::flush_session(session& to, body_cache& bodies, std::int64_t now_ns) {
  bool waiting = waits(to);
  bool slow = to.unsent_bytes > limits_.merge_above_bytes;
  auto encode = [&](const live_delta& x) {
    return x.empty() ? frame_body{} : delta_body(to.format, now_ns, x);
  };
  if (!waiting && !slow && to.shown.empty() && to.backlog.empty()) {
    if (batch_.empty())
      return;
    const auto& body
      = bodies.get(to.format, *to.series, [&] { return encode(select(*to.series)); });
    if (body.fields > 0)
      emit(to, "delta", body, true);
    return;
  }
  bool newest_only
    = slow || to.backlog.points() + batch_.points.size() > limits_.backlog_points_max;
  counters_.points_merged += to.backlog.add(select(*to.series), newest_only);
  // Commits that a snapshot has read may still be on their way to publish().
  for (const auto& [series, known] : to.shown)
    to.backlog.drop_known(series, known);
  if (!to.shown.empty() && --to.shown_flushes == 0)
    to.shown.clear();
  if (!waiting && !slow && !to.backlog.empty())
    emit(to, "delta", encode(to.backlog.take()), true);
  else if (to.unsent_bytes + to.backlog.size_bytes() > limits_.close_above_bytes)
    close_slow(to);
}

// -- frames ------------------------------------------------------------------

void live_hub::tick(std::int64_t now_ns, const actors::fleet_view& fleet,
                    const store_totals& store) {
  std::map<wire_format, frame_body> bodies;
  for (auto& [id, to] : sessions_) {
    if (to.closing)
      continue;
    if (to.unsent_bytes > limits_.merge_above_bytes) {
      counters_.ticks_skipped += 1; // The next one says more.
      continue;
    }
    auto& body = bodies[to.format];
    if (body.fields == 0)
      body = tick_body(to.format, now_ns, fleet, store);
    emit(to, "tick", body, true);
  }
}

void live_hub::emit(session& to, std::string_view type, const frame_body& body,
                    bool numbered, bool is_snapshot) {
  if (to.closing)
    return;
  auto seq = numbered ? std::optional{++to.seq} : std::nullopt;
  auto frame = make_frame(to.format, type, seq, body);
  auto size = frame.size_bytes();
  to.unsent.push_back({size, is_snapshot});
  if (is_snapshot)
    to.unsent_snapshots += 1;
  else
    to.unsent_bytes += size;
  output_.send(to.id, std::move(frame));
  if (to.unsent_bytes > limits_.close_above_bytes)
    close_slow(to);
}

void live_hub::close_slow(session& which) {
  which.closing = true;
  which.backlog = {};
  counters_.sockets_closed_slow += 1;
  output_.close(which.id, 1013, "the client reads too slowly");
}

void live_hub::sent(socket_id id) {
  auto* x = find(id);
  if (x == nullptr || x->unsent.empty())
    return;
  auto gone = x->unsent.front();
  x->unsent.pop_front();
  if (!gone.is_snapshot) {
    x->unsent_bytes -= gone.size_bytes;
    return;
  }
  x->unsent_snapshots -= 1;
  queue_snapshot(*x);
}

} // namespace weir::web
