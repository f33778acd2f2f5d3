#include "analytics/ordered_windows.hpp"

#include <algorithm>

namespace weir::analytics {

void session_windows::kind_open(std::uint32_t slot) {
  keys_.grow(slot + 1);
  keys_[slot] = open_run{};
}

void session_windows::kind_erase(std::uint32_t slot) {
  extended_.give(keys_[slot].extended);
}

bool session_windows::kind_is_open(std::uint32_t slot) const {
  return keys_[slot].window.count != 0;
}

std::int64_t session_windows::end_of(const open_run& run) const {
  return std::min(run.window.last_ns + config_.gap_ns,
                  run.window.start_ns + config_.length_max_ns);
}

void session_windows::on_event(std::uint32_t slot, const keyed_event& event,
                               std::vector<summary>& out) {
  auto& run = keys_[slot];
  if (run.window.count != 0 && event.time_ns >= end_of(run))
    send(slot, run, end_of(run), out);
  add_to(run, event);
}

void session_windows::on_time(std::uint32_t slot, std::int64_t time_ns,
                              std::vector<summary>& out) {
  auto& run = keys_[slot];
  if (run.window.count != 0 && time_ns >= end_of(run))
    send(slot, run, end_of(run), out);
}

void session_windows::on_close(std::uint32_t slot, bool, std::vector<summary>& out) {
  auto& run = keys_[slot];
  if (run.window.count != 0)
    send(slot, run, end_of(run), out);
}

void session_windows::kind_save(std::uint32_t slot, byte_writer& out) const {
  save_run(keys_[slot], out);
}

bool session_windows::kind_load(std::uint32_t slot, byte_reader& in) {
  load_run(keys_[slot], in);
  return in.ok();
}

std::size_t session_windows::kind_size_bytes() const {
  return keys_.size_bytes();
}

} // namespace weir::analytics
