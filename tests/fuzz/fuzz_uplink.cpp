// Any bytes as an uplink message and as a block: no crash, and what decodes
// comes back the same after encoding it again.
#include "transport/block_codec.hpp"
#include "transport/uplink_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace weir::transport;

void check_message(std::string_view bytes) {
  auto message = decode_uplink(bytes);
  if (!message)
    return;
  auto again = decode_uplink(encode_uplink(*message));
  if (!again || *again != *message)
    std::abort();
}

void check_block(std::string_view bytes) {
  auto block = decode_block(bytes);
  if (!block)
    return;
  auto again = decode_block(encode_block(*block));
  if (!again || *again != *block)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  check_message(bytes);
  check_block(bytes);
  return 0;
}
