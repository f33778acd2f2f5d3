#include "analytics/in_order.hpp"

namespace weir::analytics {

void in_order::open(std::uint32_t slot, series_id series) {
  queues_.grow(slot + 1);
  queues_[slot] = reorder_queue{};
  keys_.grow(slot + 1);
  keys_[slot] = series;
  panes_->open(slot, series);
}

void in_order::release(std::uint32_t slot, std::int64_t until_ns,
                       std::vector<summary>& out) {
  queues_[slot].release(until_ns, [&](const keyed_event& x) {
    // In order each event is its own watermark: what ends before it is complete.
    panes_->add(slot, x, {x.time_ns, x.time_ns}, out);
  });
}

bool in_order::add(std::uint32_t slot, const keyed_event& event,
                   const window_clock& clock, std::vector<summary>& out) {
  release(slot, clock.horizon_ns, out);
  auto& queue = queues_[slot];
  auto taken = queue.push(event);
  if (taken == reorder_queue::taken::late) {
    panes_->count_late(slot);
    return false;
  }
  if (taken == reorder_queue::taken::forced) {
    ++counters_.forced;
    release(slot, queue.past_oldest_ns(), out);
  }
  return true;
}

void in_order::advance(std::uint32_t slot, const window_clock& clock,
                       std::vector<summary>& out) {
  release(slot, clock.horizon_ns, out);
  auto time_ns = queues_[slot].released_until_ns();
  if (time_ns != time_never)
    panes_->advance(slot, {time_ns, time_ns}, out);
}

void in_order::close(std::uint32_t slot, bool forget, std::vector<summary>& out) {
  if (!queues_[slot].empty())
    release(slot, queues_[slot].past_newest_ns(), out);
  panes_->close(slot, forget, out);
}

void in_order::erase(std::uint32_t slot) {
  queues_[slot] = reorder_queue{};
  panes_->erase(slot);
}

std::size_t in_order::size_bytes() const {
  auto result = panes_->size_bytes() + queues_.size_bytes() + keys_.size_bytes();
  for (std::size_t i = 0; i < queues_.size(); ++i)
    result += queues_[i].size_bytes();
  return result;
}

window_counters in_order::counters() const {
  auto result = panes_->counters();
  result.forced += counters_.forced;
  return result;
}

void in_order::save(std::string& out) const {
  byte_writer writer{out};
  std::string bytes;
  writer.put(static_cast<std::uint64_t>(queues_.size()));
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    bytes.clear();
    byte_writer entry{bytes};
    queues_[i].save(entry);
    writer.put_text(bytes);
  }
  panes_->save(out);
}

void in_order::list_series(std::vector<series_id>& out) const {
  for (std::size_t i = 0; i < queues_.size(); ++i)
    for (const auto& x : queues_[i].pending())
      out.push_back(x.series);
}

bool in_order::begin_load(std::string_view bytes) {
  byte_reader in{bytes};
  auto count = in.get<std::uint64_t>();
  loading_.clear();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i)
    loading_.push_back(in.get_text());
  return in.ok() && panes_->begin_load(in.rest());
}

bool in_order::load_slot(std::uint32_t from, std::uint32_t slot) {
  if (from >= loading_.size())
    return false;
  byte_reader in{loading_[from]};
  queues_[slot].load(in, [&](const keyed_event& x) { return renamed(x, keys_[slot]); });
  return in.ok() && panes_->load_slot(from, slot);
}

void in_order::end_load() {
  loading_.clear();
  panes_->end_load();
}

} // namespace weir::analytics
