// Payload decoders: bytes in, calls on an event_sink out. Never throws, never
// crashes on any bytes; every event is either delivered or rejected with a reason.
#pragma once

#include "transport/raw_event.hpp"

#include <memory>
#include <string_view>

namespace weir::transport {

/// JSON by simdjson: one event object, an array of them, one per line, or a bare
/// number or boolean, which is the value of the topic's series.
/// Accepted fields: "timestamp" | "time" | "ts"; "type" | "metric"; "source" |
/// "device_id" | "user_id" (text or whole number); "value" (number); "dimensions"
/// (flat object of text, numbers, booleans); "id" (text or whole number); "seq" (whole
/// number from 0: the source's own count of its events). Unknown fields are ignored,
/// null counts as absent. Names stand in the order of their precedence; of equal names
/// the first in the payload wins.
///
/// A bad event in an array, or a bad line, is rejected alone; from where the document
/// itself is broken, the rest is one rejection. Reuses its buffers; one decoder per
/// thread.
class json_decoder {
public:
  explicit json_decoder(decode_limits limits = {});
  ~json_decoder();
  void decode(std::string_view payload, const decode_context& context,
              event_sink& sink);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// msgpack: the same event as a map, or an array of maps; no bare numbers, as almost
/// any noise begins with one. Times may be msgpack timestamps. Allocates nothing per
/// event; one decoder per thread.
class msgpack_decoder {
public:
  explicit msgpack_decoder(decode_limits limits = {});
  ~msgpack_decoder();
  void decode(std::string_view payload, const decode_context& context,
              event_sink& sink);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// Chooses by the first byte that is not white space (or a byte order mark): ASCII is
/// JSON, anything else msgpack: its maps and arrays never start with ASCII.
class payload_decoder {
public:
  explicit payload_decoder(decode_limits limits = {});
  void decode(std::string_view payload, const decode_context& context,
              event_sink& sink);

private:
  json_decoder json_;
  msgpack_decoder msgpack_;
};

} // namespace weir::transport
