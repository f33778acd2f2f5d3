// What both payload decoders share: the fields of one event as they come in,
// which of two wins, the limits, and the sentences of rejections. Private to
// transport/.
#pragma once

#include "transport/raw_event.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

/// In the order of their precedence where several name the same.
enum class event_field : std::uint8_t {
  timestamp,
  time,
  ts,
  type,
  metric,
  source,
  device_id,
  user_id,
  id,
  seq,
  value,
  dimensions,
  unknown,
};

/// The longest name of a field, in bytes.
inline constexpr std::size_t field_name_bytes_max = 10;

event_field field_of(std::string_view key);

/// A value as JSON or msgpack write it, text borrowed.
struct scalar {
  enum class kind : std::uint8_t {
    null,
    boolean,
    integer,
    natural,
    real,
    text,
    instant,
    object,
    array,
    binary
  };

  kind what = kind::null;
  bool boolean = false;
  std::int64_t integer = 0;  ///< integer; instant: UTC nanoseconds.
  std::uint64_t natural = 0; ///< Only for what int64 does not hold.
  double real = 0.0;
  std::string_view text = {};
};

/// Builds one event at a time: begin(), any number of set(), add_dimension()
/// and fail(), then finish(). Buffers are reused; no allocation once they have
/// grown.
class event_assembly {
public:
  /// How rejections name the event: by nothing, "event 3", "line 3".
  enum class place : std::uint8_t { alone, in_array, on_line };

  /// `utf8_checked`: texts handed in are known to be UTF-8.
  event_assembly(const decode_limits& limits, bool utf8_checked);

  void begin(const decode_context& context, place where, std::size_t index);

  /// The first of equal names wins, and so does a name before one of lower
  /// precedence. Null counts as absent. @pre `field` is not `unknown`.
  void set(event_field field, const scalar& value);

  /// Opens the event's own dimensions; false if an earlier one stands.
  bool open_dimensions();
  void add_dimension(std::string_view key, const scalar& value);

  /// Rejects this event; only the first reason is kept. `field` may be empty;
  /// `found` is a word of ours, `quoted` a text of the sender's.
  void fail(analytics::reject_reason reason, std::string_view field,
            std::string_view what, std::string_view found = {},
            std::string_view quoted = {});
  bool failed() const {
    return failed_;
  }

  /// Takes from the context what is missing and says whether the event is good.
  bool settle();

  /// Delivers the event or its rejection. `bytes` is what it was read from.
  /// @pre settle() was called.
  void finish(event_sink& sink, std::string_view bytes);

private:
  /// Numbers as text; long enough for any double's shortest form.
  using digits = std::array<char, 32>;

  void set_time(std::string_view name, const scalar& value);
  void set_value(const scalar& value);
  void set_sequence(const scalar& value);
  void set_name(event_field field, std::string_view& out, const scalar& value,
                digits& buffer);
  bool good_text(std::string_view field, std::string_view text);
  void take_from_context();
  void check_dimension_count();

  const decode_limits limits_;
  const bool utf8_checked_;
  const decode_context* context_ = nullptr;
  place where_ = place::alone;
  std::size_t index_ = 0;

  raw_event event_;
  std::array<event_field, 6> ranks_{}; // The name that filled each group.
  bool has_value_ = false;
  bool has_dimensions_ = false;
  std::vector<analytics::dimension> dimensions_;
  std::vector<digits> dimension_digits_;
  digits source_digits_{};
  digits id_digits_{};
  digits metric_digits_{};

  bool failed_ = false;
  analytics::reject_reason reason_{};
  std::string detail_;
};

/// Rejects bytes that are no event at all, in the same form.
void reject_bytes(event_sink& sink, analytics::reject_reason reason,
                  std::string_view detail, std::string_view bytes);

/// Rejects a payload beyond payload_bytes_max; true if so.
bool reject_oversized(const decode_limits& limits, std::string_view payload,
                      event_sink& sink);

/// A rejection's sentence has at most this many bytes.
inline constexpr std::size_t detail_bytes_max = 200;

} // namespace weir::transport
