// Any bytes into the JSON decoder, twice through the same one: no crash, no
// event that breaks a promise of raw_event.hpp, and the same answer both times.
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
  static transport::json_decoder decoder{limits};
  std::string_view payload{reinterpret_cast<const char*>(data), size};
  fuzz::checking_sink first{payload, limits};
  fuzz::checking_sink second{payload, limits};
  decoder.decode(payload, {.metric = "from_topic"}, first);
  decoder.decode(payload, {.metric = "from_topic"}, second);
  fuzz::demand(first.calls == second.calls);
  return 0;
}
