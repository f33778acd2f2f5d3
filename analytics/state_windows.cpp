#include "analytics/ordered_windows.hpp"

namespace weir::analytics {

void state_windows::kind_open(std::uint32_t slot) {
  keys_.grow(slot + 1);
  keys_[slot] = open_run{};
}

void state_windows::kind_erase(std::uint32_t slot) {
  extended_.give(keys_[slot].extended);
}

bool state_windows::kind_is_open(std::uint32_t slot) const {
  return keys_[slot].window.count != 0;
}

/// Sends what has reached the greatest length; the state itself goes on.
void state_windows::split(std::uint32_t slot, std::int64_t time_ns,
                          std::vector<summary>& out) {
  auto& run = keys_[slot];
  if (run.window.count == 0)
    return;
  auto end_ns = run.window.start_ns + config_.length_max_ns;
  if (time_ns >= end_ns)
    send(slot, run, end_ns, out);
}

void state_windows::on_event(std::uint32_t slot, const keyed_event& event,
                             std::vector<summary>& out) {
  auto& run = keys_[slot];
  split(slot, event.time_ns, out);
  auto opens = (event.marks & mark_open) != 0;
  if (run.more == 0 && !opens)
    return;
  if (!config_.has_close_condition && !opens) {
    if (run.window.count != 0)
      send(slot, run, event.time_ns, out);
    run.more = 0;
    return;
  }
  run.more = 1;
  add_to(run, event);
  if (config_.has_close_condition && (event.marks & mark_close) != 0) {
    send(slot, run, event.time_ns + 1, out);
    run.more = 0;
  }
}

void state_windows::on_time(std::uint32_t slot, std::int64_t time_ns,
                            std::vector<summary>& out) {
  split(slot, time_ns, out);
}

void state_windows::on_close(std::uint32_t slot, bool forget,
                             std::vector<summary>& out) {
  auto& run = keys_[slot];
  if (!forget)
    return; // A machine that is on and says nothing is still on.
  if (run.window.count != 0)
    send(slot, run, run.window.last_ns + 1, out);
}

void state_windows::kind_save(std::uint32_t slot, byte_writer& out) const {
  save_run(keys_[slot], out);
}

bool state_windows::kind_load(std::uint32_t slot, byte_reader& in) {
  load_run(keys_[slot], in);
  return in.ok();
}

std::size_t state_windows::kind_size_bytes() const {
  return keys_.size_bytes();
}

} // namespace weir::analytics
