// Any bytes as an uplink message and as a block: no crash, and what decodes comes back
// the same after encoding it again. A first byte of 0xc3 has the rest compressed before
// it is read: no fuzzer finds its way through a compressor by itself.
#include "analytics/zstd_codec.hpp"
#include "transport/block_codec.hpp"
#include "transport/msgpack_io.hpp"
#include "transport/uplink_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace weir::transport;
using weir::analytics::zstd_compress;

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

/// A batch keeps the promises that the centre relies on.
void check_entries(std::uint8_t encoding, std::uint64_t size_bytes,
                   std::string_view bytes) {
  auto entries = decode_entries(encoding, size_bytes, bytes);
  if (!entries)
    return;
  std::uint64_t after_seq = 0;
  for (const auto& x : *entries) {
    if (x.first_seq <= after_seq || x.last_seq() < x.first_seq
        || x.record_count > x.seq_span)
      std::abort();
    after_seq = x.last_seq();
  }
  auto encoded = encode_entries(*entries);
  auto again = decode_entries(static_cast<std::uint8_t>(encoded.encoding),
                              encoded.size_bytes, encoded.bytes);
  if (!again || *again != *entries)
    std::abort();
}

void check_compressed(std::string_view bytes) {
  std::string frame;
  if (!zstd_compress(bytes, frame))
    return;
  check_entries(1, bytes.size(), frame);
  std::string block = "\3";
  msgpack_writer{block}.natural(bytes.size());
  check_block(block + frame);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  if (size > 0 && data[0] == 0xc3) {
    check_compressed(bytes.substr(1));
    return 0;
  }
  check_message(bytes);
  check_block(bytes);
  check_entries(0, bytes.size(), bytes);
  if (size > 2) // Any bytes as a frame: of the size that the first two say.
    check_entries(1, data[0] * 256u + data[1], bytes.substr(2));
  return 0;
}
