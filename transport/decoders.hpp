// Payload decoders: bytes in, calls on an event_sink out. Never throws, never
// crashes on any bytes; every event is either delivered or rejected with a reason.
#pragma once

#include "transport/raw_event.hpp"

#include <memory>
#include <string_view>

namespace weir::transport {

/// JSON by simdjson: one event object, an array of them, or one per line.
/// Accepted fields: "timestamp" | "time" | "ts"; "type" | "metric"; "source" |
/// "device_id" | "user_id" (text or whole number); "value" (number); "dimensions"
/// (flat object of text, numbers, booleans); "id" (text or whole number). Unknown
/// fields are ignored. Reuses its buffers; one decoder per thread.
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

/// msgpack by a visitor: the same event as a map, or an array of maps.
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

/// Chooses by the first byte that is not white space: `{` or `[` is JSON, else
/// msgpack.
class payload_decoder {
public:
  explicit payload_decoder(decode_limits limits = {});
  void decode(std::string_view payload, const decode_context& context,
              event_sink& sink);

private:
  decode_limits limits_;
  json_decoder json_;
  msgpack_decoder msgpack_;
};

} // namespace weir::transport
