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

std::string encode_block(const analytics::record_block& block);

/// Checks everything: version, sizes, series indices, finite numbers, enum values.
expected<analytics::record_block, error> decode_block(std::string_view bytes);

} // namespace weir::transport
