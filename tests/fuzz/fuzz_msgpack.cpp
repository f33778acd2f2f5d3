// Any bytes into the msgpack decoder and into the one that chooses: no crash,
// no event that breaks a promise of raw_event.hpp, and an answer to every
// payload but an empty array.
#include "tests/fuzz/checking_sink.hpp"
#include "transport/decoders.hpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  static const transport::decode_limits limits{.payload_bytes_max = 1 << 16,
                                               .events_max = 50,
                                               .dimensions_max = 4,
                                               .text_bytes_max = 24,
                                               .depth_max = 4};
  static transport::msgpack_decoder decoder{limits};
  static transport::payload_decoder choosing{limits};
  std::string_view payload{reinterpret_cast<const char*>(data), size};
  fuzz::checking_sink sink{payload, limits};
  decoder.decode(payload, {}, sink);
  bool empty_array = payload.starts_with('\x90') || payload.starts_with('\xdc')
                     || payload.starts_with('\xdd');
  fuzz::demand(sink.calls > 0 || empty_array);
  choosing.decode(payload, {.metric = "from_topic"}, sink);
  return 0;
}
