#include "analytics/ordered_windows.hpp"

#include "analytics/snapshot_io.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics {

void ordered_windows::open(std::uint32_t slot, series_id series) {
  order_.grow(slot + 1);
  order_[slot] = key_order{};
  order_[slot].series = series;
  kind_open(slot);
}

void ordered_windows::erase(std::uint32_t slot) {
  auto series = order_[slot].series;
  kind_erase(slot);
  open(slot, series);
}

bool ordered_windows::add(std::uint32_t slot, const keyed_event& event,
                          const window_clock& clock, std::vector<summary>& out) {
  auto& key = order_[slot];
  auto hand_on = [&](const keyed_event& x) { on_event(slot, x, out); };
  key.queue.release(clock.horizon_ns, hand_on);
  switch (key.queue.push(event)) {
  case reorder_queue::taken::late:
    ++key.late_count;
    ++counters_.late;
    return false;
  case reorder_queue::taken::forced:
    ++counters_.forced;
    key.queue.release(key.queue.past_oldest_ns(), hand_on);
    break;
  case reorder_queue::taken::yes:
    break;
  }
  return true;
}

void ordered_windows::advance(std::uint32_t slot, const window_clock& clock,
                              std::vector<summary>& out) {
  auto& queue = order_[slot].queue;
  queue.release(clock.horizon_ns,
                [&](const keyed_event& x) { on_event(slot, x, out); });
  if (queue.released_until_ns() != time_never)
    on_time(slot, queue.released_until_ns(), out);
}

void ordered_windows::close(std::uint32_t slot, bool forget,
                            std::vector<summary>& out) {
  auto& queue = order_[slot].queue;
  if (!queue.empty())
    queue.release(queue.past_newest_ns(),
                  [&](const keyed_event& x) { on_event(slot, x, out); });
  on_close(slot, forget, out);
}

void ordered_windows::add_to(open_run& run, const keyed_event& event) {
  if (run.window.count == 0) {
    run.window.start_ns = event.time_ns;
    run.window.begin(event.time_ns, event.value);
    run.extended = extended_.take();
  } else {
    run.window.add(event.time_ns, event.value);
  }
  if (run.extended != extended_pool::none)
    extended_.add(run.extended, event);
}

void ordered_windows::send(std::uint32_t slot, open_run& run, std::int64_t end_ns,
                           std::vector<summary>& out) {
  auto& result = send(slot, run.window, run.window.start_ns, end_ns, out);
  if (run.extended != extended_pool::none)
    extended_[run.extended].encode(result.extended);
  extended_.give(std::exchange(run.extended, extended_pool::none));
  run.window.count = 0;
}

summary& ordered_windows::send(std::uint32_t slot, const open_window& window,
                               std::int64_t start_ns, std::int64_t end_ns,
                               std::vector<summary>& out) {
  auto& key = order_[slot];
  // A window is known by its series and start; two that begin with events of the same
  // time are told apart by a nanosecond.
  if (start_ns <= key.last_start_ns)
    start_ns = key.last_start_ns + 1;
  key.last_start_ns = start_ns;
  auto& result
    = out.emplace_back(window.close(std::max<std::int64_t>(end_ns - start_ns, 1)));
  result.start_ns = start_ns;
  result.series = key.series;
  result.late_count = std::exchange(key.late_count, 0);
  ++counters_.windows;
  return result;
}

std::size_t ordered_windows::size_bytes() const {
  auto result = order_.size_bytes() + extended_.size_bytes() + kind_size_bytes();
  for (std::size_t i = 0; i < order_.size(); ++i)
    result += order_[i].queue.size_bytes();
  return result;
}

// -- snapshot ------------------------------------------------------------------

void ordered_windows::save_aggregate(const sliding_aggregate<keyed_event>& x,
                                     byte_writer& out) {
  out.put(static_cast<std::uint64_t>(x.older_size()));
  out.put(static_cast<std::uint64_t>(x.size()));
  put_array(out.bytes(), x.begin(), x.size());
}

void ordered_windows::load_aggregate(std::uint32_t slot,
                                     sliding_aggregate<keyed_event>& x,
                                     byte_reader& in) const {
  auto older = in.get<std::uint64_t>();
  auto events = get_counted<keyed_event>(in);
  for (std::size_t i = 0; i < events.size(); ++i)
    x.push(loaded(slot, events[i]));
  x.split(static_cast<std::size_t>(older));
}

void ordered_windows::save_run(const open_run& run, byte_writer& out) const {
  out.put(run.more);
  out.put(static_cast<std::uint8_t>(run.window.count != 0));
  if (run.window.count == 0)
    return;
  out.put_struct(run.window);
  extended_.save(run.extended, out);
}

void ordered_windows::load_run(open_run& run, byte_reader& in) {
  run.more = in.get<std::uint32_t>();
  if (in.get<std::uint8_t>() == 0)
    return;
  run.window = in.get_struct<open_window>();
  run.extended = extended_.load(in.get_text());
}

void ordered_windows::save(std::string& out) const {
  byte_writer writer{out};
  writer.put(static_cast<std::uint64_t>(order_.size()));
  std::string bytes;
  for (std::uint32_t slot = 0; slot < order_.size(); ++slot) {
    const auto& key = order_[slot];
    bytes.clear();
    byte_writer entry{bytes};
    key.queue.save(entry);
    entry.put(key.last_start_ns);
    entry.put(key.late_count);
    kind_save(slot, entry);
    writer.put_text(bytes);
  }
}

void ordered_windows::list_series(std::vector<series_id>& out) const {
  for (std::size_t i = 0; i < order_.size(); ++i)
    for (const auto& x : order_[i].queue.pending())
      out.push_back(x.series);
  kind_list_series(out);
}

bool ordered_windows::begin_load(std::string_view bytes) {
  byte_reader in{bytes};
  auto count = in.get<std::uint64_t>();
  loading_.clear();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i)
    loading_.push_back(in.get_text());
  if (in.ok() && in.at_end())
    return true;
  loading_.clear();
  return false;
}

bool ordered_windows::load_slot(std::uint32_t from, std::uint32_t slot) {
  if (from >= loading_.size())
    return false;
  byte_reader in{loading_[from]};
  auto& key = order_[slot];
  key.queue.load(in, [&](const keyed_event& x) { return loaded(slot, x); });
  key.last_start_ns = in.get<std::int64_t>();
  key.late_count = in.get<std::uint32_t>();
  return kind_load(slot, in) && in.ok() && in.at_end();
}

void ordered_windows::end_load() {
  loading_.clear();
  loading_.shrink_to_fit();
}

} // namespace weir::analytics
