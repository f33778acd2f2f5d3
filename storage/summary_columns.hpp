// INTERNAL: the columns of a series block that holds summaries; each is written with
// the help of those before it. Format: FORMAT.md, "Summaries". Pure and thread-safe.
#pragma once

#include "analytics/records.hpp"
#include "storage/bit_stream.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace weir::storage {

/// Appends all but `series` and the bytes of `extended` (only their sizes).
void encode_summary_columns(std::span<const analytics::summary> xs, bit_writer& out);

/// Fills all but `series` and `extended`; the sizes of the latter go to
/// `extended_bytes`, which has the size of `xs`. False: these bits are no such columns.
bool decode_summary_columns(bit_reader& in, std::span<analytics::summary> xs,
                            std::span<std::int64_t> extended_bytes);

} // namespace weir::storage
