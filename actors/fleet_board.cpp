#include "actors/fleet_board.hpp"

#include <algorithm>

namespace weir::actors {

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t up_within_ns = 2 * second_ns;
constexpr std::int64_t late_within_ns = 10 * second_ns;
constexpr std::size_t lags_max = 512;

edge_state state_of(std::int64_t last_seen_ns, std::int64_t now_ns) {
  auto silence_ns = now_ns - last_seen_ns;
  if (last_seen_ns == 0 || silence_ns > late_within_ns)
    return edge_state::down;
  return silence_ns > up_within_ns ? edge_state::late : edge_state::up;
}

} // namespace

std::string_view to_string(edge_state x) {
  switch (x) {
  case edge_state::up:
    return "up";
  case edge_state::late:
    return "late";
  case edge_state::down:
    break;
  }
  return "down";
}

storage::edge_counters to_counters(const edge_view& edge) {
  storage::edge_counters result;
  result.edge = edge.name;
  result.epoch = edge.ledger_epoch;
  result.sent_seq = edge.ledger.next_seq == 0 ? 0 : edge.ledger.next_seq - 1;
  result.time_ns = edge.ledger_ns;
  for (const auto& field : transport::edge_ledger_fields)
    result.values.push_back(edge.ledger.*field.value);
  return result;
}

void fleet_board::expect_edge(const std::string& name) {
  std::lock_guard lock{mutex_};
  edges_[name].view.name = name;
}

void fleet_board::on_status(const std::string& edge,
                            const transport::edge_status& status, std::int64_t now_ns) {
  std::lock_guard lock{mutex_};
  auto& x = edges_[edge];
  x.view.name = edge;
  // The edge's own clock measures its rate: a delayed heartbeat bends nothing.
  auto elapsed_ns = status.time_ns - x.previous_time_ns;
  if (x.previous_run == status.run && elapsed_ns > 0
      && status.events_total >= x.previous_events) {
    if (elapsed_ns >= second_ns / 4)
      x.view.events_per_s = static_cast<double>(status.events_total - x.previous_events)
                            * 1e9 / static_cast<double>(elapsed_ns);
  } else {
    x.view.events_per_s = 0.0;
  }
  x.previous_run = status.run;
  x.previous_events = status.events_total;
  x.previous_time_ns = status.time_ns;
  x.view.clock_offset_ms = static_cast<double>(status.time_ns - now_ns) / 1e6;
  x.view.last_seen_ns = now_ns;
  x.view.status = status;
  x.view.ledger = status.ledger;
  x.view.ledger_epoch = status.epoch;
  x.view.ledger_ns = now_ns;
}

void fleet_board::remember(const storage::edge_counters& counters) {
  std::lock_guard lock{mutex_};
  auto& view = edges_[counters.edge].view;
  view.name = counters.edge;
  if (view.ledger_ns >= counters.time_ns)
    return;
  view.ledger_epoch = counters.epoch;
  view.ledger_ns = counters.time_ns;
  auto count = std::min(counters.values.size(), transport::edge_ledger_fields.size());
  for (std::size_t i = 0; i < count; ++i)
    view.ledger.*transport::edge_ledger_fields[i].value = counters.values[i];
}

void fleet_board::on_commit(const std::string& edge, std::int64_t newest_end_ns,
                            std::int64_t now_ns) {
  auto lag_ms = static_cast<double>(now_ns - newest_end_ns) / 1e6;
  std::lock_guard lock{mutex_};
  edges_[edge].view.name = edge;
  edges_[edge].view.lag_ms = lag_ms;
  if (lags_.size() < lags_max)
    lags_.push_back({now_ns, lag_ms});
  else
    lags_[lag_next_] = {now_ns, lag_ms};
  lag_next_ = (lag_next_ + 1) % lags_max;
}

double fleet_board::recent_lag_p99(std::int64_t now_ns) const {
  std::vector<double> recent;
  for (const auto& x : lags_)
    if (now_ns - x.time_ns <= 60 * second_ns)
      recent.push_back(x.lag_ms);
  if (recent.empty())
    return 0.0;
  auto rank = std::min(recent.size() * 99 / 100, recent.size() - 1);
  std::nth_element(recent.begin(), recent.begin() + static_cast<std::ptrdiff_t>(rank),
                   recent.end());
  return recent[rank];
}

fleet_view fleet_board::view(std::int64_t now_ns) const {
  std::lock_guard lock{mutex_};
  fleet_view result;
  auto& totals = result.totals;
  for (const auto& [name, known] : edges_) {
    auto x = known.view;
    x.state = state_of(x.last_seen_ns, now_ns);
    if (x.state == edge_state::down)
      x.events_per_s = 0.0; // What is not heard is not claimed.
    totals.edges += 1;
    totals.up += x.state == edge_state::up ? 1 : 0;
    totals.late += x.state == edge_state::late ? 1 : 0;
    totals.down += x.state == edge_state::down ? 1 : 0;
    totals.events_per_s += x.events_per_s;
    totals.events_total += x.status.events_total;
    totals.rejected_total += x.status.rejected_total;
    totals.late_total += x.status.late_total;
    result.edges.push_back(std::move(x));
  }
  totals.lag_p99_ms = recent_lag_p99(now_ns);
  return result;
}

} // namespace weir::actors
