// Record blocks as bytes: the same bytes in the edge's outbox and on the link.
// Layout and version rules: transport/WIRE.md. msgpack behind the wall.
#pragma once

#include "analytics/records.hpp"
#include "transport/errors.hpp"

#include <string>
#include <string_view>

namespace weir::transport {

/// One block encodes to at most this; makers of blocks split before it.
inline constexpr std::size_t block_bytes_max = 1 << 20;

/// And holds at most this before compression.
inline constexpr std::size_t block_plain_bytes_max = 4 << 20;

/// The result always decodes, up to its size: infinity becomes the largest double,
/// NaN 0, texts beyond 4 KiB are cut, `extended` beyond 64 KiB is left out. Compressed
/// where that makes it smaller. @pre Series indices are in range, windows have a width
/// and a count, series texts are UTF-8 of at most 64 KiB.
std::string encode_block(const analytics::record_block& block);

/// Checks everything: version (1 to 3), sizes, series indices, finite numbers, enum
/// values; but what is inside `extended` is checked where it is used. Takes at most
/// block_plain_bytes_max beside the result, however much the bytes announce.
expected<analytics::record_block, error> decode_block(std::string_view bytes);

/// Whether compressing these bytes of a block once more would gain nothing.
bool is_compressed_block(std::string_view bytes);

} // namespace weir::transport
