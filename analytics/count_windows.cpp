#include "analytics/ordered_windows.hpp"
#include "analytics/snapshot_io.hpp"

namespace weir::analytics {

void count_windows::kind_open(std::uint32_t slot) {
  keys_.grow(slot + 1);
  keys_[slot] = key_state{};
}

void count_windows::kind_erase(std::uint32_t slot) {
  extended_.give(keys_[slot].run.extended);
}

bool count_windows::kind_is_open(std::uint32_t slot) const {
  return keys_[slot].since != 0;
}

void count_windows::on_event(std::uint32_t slot, const keyed_event& event,
                             std::vector<summary>& out) {
  auto& key = keys_[slot];
  ++key.since;
  if (!slides()) {
    add_to(key.run, event);
    if (key.since < config_.size_events)
      return;
    send(slot, key.run, event.time_ns + 1, out);
    key.since = 0;
    return;
  }
  key.sliding.push(event);
  if (key.sliding.size() > config_.size_events)
    key.sliding.pop();
  if (key.since >= config_.slide_events)
    send_sliding(slot, out);
}

void count_windows::send_sliding(std::uint32_t slot, std::vector<summary>& out) {
  auto& key = keys_[slot];
  key.since = 0;
  auto& result = send(slot, key.sliding.whole(), key.sliding.front().time_ns,
                      key.sliding.back().time_ns + 1, out);
  extended_.encode_events(key.sliding, result.extended);
}

void count_windows::on_time(std::uint32_t, std::int64_t, std::vector<summary>&) {
}

void count_windows::on_close(std::uint32_t slot, bool forget,
                             std::vector<summary>& out) {
  auto& key = keys_[slot];
  if (!forget || key.since == 0)
    return;
  if (slides())
    send_sliding(slot, out);
  else
    send(slot, key.run, key.run.window.last_ns + 1, out);
  key = key_state{};
}

void count_windows::kind_save(std::uint32_t slot, byte_writer& out) const {
  const auto& key = keys_[slot];
  save_run(key.run, out);
  out.put(key.since);
  save_aggregate(key.sliding, out);
}

bool count_windows::kind_load(std::uint32_t slot, byte_reader& in) {
  auto& key = keys_[slot];
  load_run(key.run, in);
  key.since = in.get<std::uint32_t>();
  load_aggregate(slot, key.sliding, in);
  // What was saved under another size is cut to this one.
  while (key.sliding.size() > config_.size_events)
    key.sliding.pop();
  return in.ok();
}

void count_windows::kind_list_series(std::vector<series_id>& out) const {
  for (std::size_t i = 0; i < keys_.size(); ++i)
    for (const auto& x : keys_[i].sliding)
      out.push_back(x.series);
}

std::size_t count_windows::kind_size_bytes() const {
  auto result = keys_.size_bytes();
  for (std::size_t i = 0; i < keys_.size(); ++i)
    result += keys_[i].sliding.size_bytes();
  return result;
}

} // namespace weir::analytics
