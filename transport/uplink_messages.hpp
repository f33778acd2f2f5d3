// The messages of the uplink as values and as bytes. One message is one ZeroMQ
// frame: a version byte, then a msgpack array whose first element is the type.
// Layout, order and version rules: transport/WIRE.md, "Uplink messages".
//
// uplink_client and uplink_server speak it; with uplink_session it is also what a tool
// needs that plays many edges in one process. Nothing else above transport/ uses it.
#pragma once

#include "transport/errors.hpp"
#include "transport/uplink.hpp"
#include "transport/uplink_batch.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::transport {

/// The version byte that stands in front of every message but two.
inline constexpr std::uint8_t uplink_wire_version = 2;

/// In front of hello and reject, for ever: so sides of different versions understand at
/// least that they do not understand each other, and say which of them to update.
inline constexpr std::uint8_t uplink_greeting_version = 1;

/// One message encodes to at most this: a full batch and its numbers.
inline constexpr std::size_t uplink_message_bytes_max = batch_bytes_max + 64;

/// Any text inside a message (versions, reasons).
inline constexpr std::size_t uplink_text_bytes_max = 256;

/// Edge to centre, first on every connection and again until it is answered.
struct hello_message {
  std::uint8_t wire_version = uplink_wire_version; ///< Highest the edge speaks.
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::uint64_t next_seq = 1; ///< The number that the edge's next record gets.
  std::string software_version;
  /// The edge has sent none from here on, at most next_seq; 0: not told, so it may have
  /// sent all that it made.
  std::uint64_t unsent_seq = 0;

  bool operator==(const hello_message&) const = default;
};

/// Centre to edge: continue behind `position`.
struct welcome_message {
  std::uint64_t epoch = 0; ///< Of the hello that it answers.
  uplink_position position;
  std::uint64_t credit_bytes = 0; ///< Unacknowledged at most, from now on.
  std::int64_t server_time_ns = 0;
  std::uint32_t heartbeat_ms = 0;

  bool operator==(const welcome_message&) const = default;
};

enum class reject_code : std::uint8_t {
  unsupported_version = 1, ///< No wire version that both speak.
  not_authorized = 2,      ///< The key belongs to no edge.
  malformed = 3,           ///< A message that could not be read.
  out_of_order = 4,        ///< A message that may not come at this point.
};

/// Centre to edge: this will not work; the edge shows the reason and retries
/// later.
struct reject_message {
  reject_code code = reject_code::malformed;
  std::string reason; ///< A sentence; cut to uplink_text_bytes_max.

  bool operator==(const reject_message&) const = default;
};

/// Edge to centre: entries in order, of one lane.
struct batch_message {
  std::uint64_t epoch = 0;
  bool live_lane = false;
  std::vector<uplink_entry> entries; ///< Never empty.

  bool operator==(const batch_message&) const = default;
};

/// Centre to edge: `position` is on disk. Cumulative.
struct ack_message {
  std::uint64_t epoch = 0;
  uplink_position position;
  std::uint64_t credit_bytes = 0;

  bool operator==(const ack_message&) const = default;
};

/// Centre to edge: send again from from_seq.
struct resend_message {
  std::uint64_t epoch = 0;
  std::uint64_t from_seq = 0;
  bool live_lane = false; ///< from_seq is in the lane.

  bool operator==(const resend_message&) const = default;
};

/// Edge to centre each heartbeat.
struct status_message {
  edge_status status;

  bool operator==(const status_message& other) const;
};

/// Centre to edge: answer to a status.
struct pong_message {
  std::int64_t server_time_ns = 0;
  std::int64_t echo_ns = 0; ///< edge_status::time_ns of the status it answers.
  std::uint64_t credit_bytes = 0;

  bool operator==(const pong_message&) const = default;
};

using uplink_message
  = std::variant<hello_message, welcome_message, reject_message, ack_message,
                 resend_message, status_message, pong_message, batch_message>;

/// The bytes of one frame. Never fails; texts beyond uplink_text_bytes_max are
/// cut.
/// @pre A batch has 1 to batch_entries_max entries within batch_bytes_max.
std::string encode_uplink(const uplink_message& message);

/// Strict: unsupported for a version or type that this build does not know,
/// too_large beyond the limits, malformed for everything else. Fields behind
/// the known ones are passed over: that is how later versions append.
expected<uplink_message, error> decode_uplink(std::string_view frame);

/// For messages about messages: "hello", "batch", ...
std::string_view name_of(const uplink_message& message);

} // namespace weir::transport
