#include "storage/recent_tables.hpp"

#include "storage/store_value_io.hpp"

#include <utility>

namespace weir::storage {

std::string to_value(const recent_state& x) {
  auto out = new_value();
  put_be(out, x.generation);
  put_be(out, x.active);
  put_be(out, static_cast<std::uint8_t>(x.is_flushing));
  put_be(out, x.flushed_through);
  put_be(out, x.flushed_rows);
  for (auto rows : x.block_rows)
    put_be(out, rows);
  return out;
}

recent_state to_recent_state(std::string_view value) {
  constexpr auto what = "the state of the recent tables";
  auto in = read_value(value, what);
  recent_state x;
  x.generation = in.take<std::uint64_t>();
  x.active = in.take<std::uint8_t>();
  x.is_flushing = in.take<std::uint8_t>() != 0;
  x.flushed_through = in.take<std::uint32_t>();
  x.flushed_rows = in.take<std::uint64_t>();
  for (auto& rows : x.block_rows)
    rows = in.take<std::uint64_t>();
  check_complete(in, what);
  if (x.active > 1)
    malformed(what);
  return x;
}

void write_recent_key(char* to, const window_key& key) {
  store_be(to, biased(key.start_ns));
  store_be(to + 8, key.series);
  store_be(to + 12, biased(key.width_ns));
}

std::string recent_key(const window_key& key) {
  auto out = std::string(recent_key_bytes, '\0');
  write_recent_key(out.data(), key);
  return out;
}

window_key to_recent_window(std::string_view key) {
  constexpr auto what = "a recent window's key";
  auto in = read_key(key, recent_key_bytes, what);
  window_key x;
  x.start_ns = unbiased(in.take<std::uint64_t>());
  x.series = in.take<std::uint32_t>();
  x.width_ns = unbiased(in.take<std::uint64_t>());
  if (x.width_ns <= 0 || x.width_ns > width_ns_max || x.start_ns < start_ns_min
      || x.start_ns > start_ns_max)
    malformed(what);
  return x;
}

std::optional<window_key> try_key(std::string_view key,
                                  window_key (*parse)(std::string_view)) {
  try {
    return parse(key);
  } catch (const failure& x) {
    if (x.what_happened.code != errc::malformed)
      throw;
    return std::nullopt;
  }
}

recent_view recent_tables::view() const {
  auto lock = std::lock_guard{mutex_};
  return view_;
}

void recent_tables::set(recent_view x) {
  auto lock = std::lock_guard{mutex_};
  view_ = std::move(x);
}

} // namespace weir::storage
