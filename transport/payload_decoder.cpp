#include "transport/decoders.hpp"

#include "transport/json_text.hpp"

namespace weir::transport {

namespace {

/// JSON text starts with ASCII. Of msgpack, only bare small numbers do; a map
/// or an array never does.
bool looks_like_json(std::string_view payload) {
  auto text = trim_json(without_bom(payload));
  return text.empty() || static_cast<unsigned char>(text.front()) < 0x80;
}

} // namespace

payload_decoder::payload_decoder(decode_limits limits)
  : json_(limits), msgpack_(limits) {
}

void payload_decoder::decode(std::string_view payload, const decode_context& context,
                             event_sink& sink) {
  if (looks_like_json(payload))
    json_.decode(payload, context, sink);
  else
    msgpack_.decode(payload, context, sink);
}

} // namespace weir::transport
