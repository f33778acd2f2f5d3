// Messages of events, encoded once; only times and values are written anew for
// each message, so that the driver costs little beside what it measures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::bench {

class event_template {
public:
  /// `count` events of 117 bytes of JSON each, of the series `first` to
  /// `first + count - 1` (source m-0000 to m-9999, metric temperature): an
  /// array, or the object alone if `count` is 1. @pre first + count <= 10'000
  static event_template json(std::size_t first, std::size_t count);

  /// The same as msgpack: an array of maps.
  static event_template msgpack(std::size_t first, std::size_t count);

  /// Gives all events the time and another value near 63.
  void stamp(std::int64_t time_ns);

  const std::string& bytes() const {
    return bytes_;
  }
  std::size_t events() const {
    return events_.size();
  }

private:
  struct places {
    std::size_t time = 0;
    std::size_t value = 0;
  };

  void stamp_json(std::int64_t time_ns);
  void stamp_msgpack(std::int64_t time_ns);

  bool is_json_ = true;
  std::string bytes_;
  std::vector<places> events_;
  std::uint32_t noise_ = 1;
};

/// One template for each run of `per_message` among the `series` series from `first` on,
/// taken in turn.
std::vector<event_template> make_templates(bool json, std::size_t first,
                                           std::size_t series, std::size_t per_message);

/// Wall-clock nanoseconds that never repeat: the edge drops an event that has
/// series, time and value of one before.
class unique_clock {
public:
  std::int64_t now_ns();

private:
  std::int64_t last_ns_ = 0;
};

} // namespace weir::bench
