#include "actors/memory_governor.hpp"

#include <algorithm>

namespace weir::actors {

memory_governor::order memory_governor::observe(std::uint64_t rss_bytes,
                                                std::int64_t now_ns) {
  order result;
  auto near_bytes = bound_bytes_ / 100 * near_percent;
  bool is_near = rss_bytes > near_bytes;
  if (is_near) {
    near_at_ns_ = now_ns;
    auto span = std::max<std::uint64_t>(bound_bytes_ - near_bytes, 1);
    auto above = std::min(rss_bytes - near_bytes, span);
    result.room_percent
      = std::max(static_cast<unsigned>(100 - above * 100 / span), room_percent_min);
    result.drop_pages = true;
    result.give_back
      = !gave_back_ || now_ns - gave_back_at_ns_ >= give_back_interval_ns;
  }
  if (result.give_back) {
    gave_back_ = true;
    gave_back_at_ns_ = now_ns;
  }
  result.is_pressed = is_near || (pressed_ && now_ns - near_at_ns_ < calm_after_ns);
  result.has_changed = result.is_pressed != pressed_;
  pressed_ = result.is_pressed;
  return result;
}

} // namespace weir::actors
