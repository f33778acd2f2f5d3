#include "analytics/ordered_windows.hpp"
#include "analytics/snapshot_io.hpp"

namespace weir::analytics {

void sliding_windows::kind_open(std::uint32_t slot) {
  keys_.grow(slot + 1);
  keys_[slot] = key_state{};
}

void sliding_windows::kind_erase(std::uint32_t) {
}

bool sliding_windows::kind_is_open(std::uint32_t slot) const {
  return keys_[slot].triggers_sent < keys_[slot].triggers.size();
}

void sliding_windows::on_event(std::uint32_t slot, const keyed_event& event,
                               std::vector<summary>& out) {
  // Windows that end before this event are complete.
  send_until(slot, event.time_ns, out);
  trim(slot, event.time_ns);
  auto& key = keys_[slot];
  key.ahead.push(event);
  auto is_new = key.triggers.empty() || key.triggers.back() != event.time_ns;
  if ((event.marks & mark_trigger) != 0 && is_new)
    key.triggers.push_back(event.time_ns);
  if (key.ahead.size() > ordered_events_max) {
    key.ahead.pop();
    ++counters_.forced;
  }
}

/// Sends every window whose end, trigger + delay, lies before `time_ns`.
void sliding_windows::send_until(std::uint32_t slot, std::int64_t time_ns,
                                 std::vector<summary>& out) {
  auto& key = keys_[slot];
  while (key.triggers_sent < key.triggers.size()) {
    auto trigger_ns = key.triggers[key.triggers_sent];
    if (trigger_ns >= time_ns - config_.delay_ns)
      return;
    send_one(slot, trigger_ns, out);
    if (++key.triggers_sent == key.triggers.size()) {
      key.triggers.clear();
      key.triggers_sent = 0;
    }
  }
}

/// Events that are older than any later window's start can go, if no window waits.
void sliding_windows::trim(std::uint32_t slot, std::int64_t time_ns) {
  auto& key = keys_[slot];
  if (!key.triggers.empty())
    return;
  while (!key.ahead.empty() && key.ahead.front().time_ns <= time_ns - config_.width_ns)
    key.ahead.pop();
}

void sliding_windows::send_one(std::uint32_t slot, std::int64_t trigger_ns,
                               std::vector<summary>& out) {
  auto& key = keys_[slot];
  auto end_ns = trigger_ns + config_.delay_ns;   // Inside.
  auto begin_ns = trigger_ns - config_.width_ns; // Outside.
  while (!key.ahead.empty() && key.ahead.front().time_ns <= end_ns) {
    key.inside.push(key.ahead.front());
    key.ahead.pop();
  }
  if (key.inside.size() > ordered_events_max)
    ++counters_.forced;
  while (!key.inside.empty()
         && (key.inside.front().time_ns <= begin_ns
             || key.inside.size() > ordered_events_max))
    key.inside.pop();
  if (key.inside.empty())
    return;
  auto& result = send(slot, key.inside.whole(), begin_ns + 1, end_ns + 1, out);
  extended_.encode_events(key.inside, result.extended);
}

void sliding_windows::on_time(std::uint32_t slot, std::int64_t time_ns,
                              std::vector<summary>& out) {
  send_until(slot, time_ns, out);
  trim(slot, time_ns);
}

void sliding_windows::on_close(std::uint32_t slot, bool forget,
                               std::vector<summary>& out) {
  send_until(slot, time_forever, out);
  if (forget)
    keys_[slot] = key_state{};
}

void sliding_windows::kind_save(std::uint32_t slot, byte_writer& out) const {
  const auto& key = keys_[slot];
  save_aggregate(key.inside, out);
  out.put(static_cast<std::uint64_t>(key.ahead.size()));
  put_array(out.bytes(), key.ahead.begin(), key.ahead.size());
  out.put(static_cast<std::uint64_t>(key.triggers.size() - key.triggers_sent));
  put_array(out.bytes(), key.triggers.data() + key.triggers_sent,
            key.triggers.size() - key.triggers_sent);
}

bool sliding_windows::kind_load(std::uint32_t slot, byte_reader& in) {
  auto& key = keys_[slot];
  load_aggregate(slot, key.inside, in);
  auto events = get_counted<keyed_event>(in);
  for (std::size_t i = 0; i < events.size(); ++i)
    key.ahead.push(loaded(slot, events[i]));
  auto triggers = get_counted<std::int64_t>(in);
  for (std::size_t i = 0; i < triggers.size(); ++i)
    key.triggers.push_back(triggers[i]);
  return in.ok();
}

void sliding_windows::kind_list_series(std::vector<series_id>& out) const {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    for (const auto& x : keys_[i].inside)
      out.push_back(x.series);
    for (const auto& x : keys_[i].ahead)
      out.push_back(x.series);
  }
}

std::size_t sliding_windows::kind_size_bytes() const {
  auto result = keys_.size_bytes();
  for (std::size_t i = 0; i < keys_.size(); ++i)
    result += keys_[i].inside.size_bytes() + keys_[i].ahead.size_bytes()
              + keys_[i].triggers.capacity() * sizeof(std::int64_t);
  return result;
}

} // namespace weir::analytics
