// INTERNAL: many signed 64-bit numbers in few bits: times, counts, and doubles that are
// short decimals. Format: FORMAT.md, "Integer column". Pure and thread-safe.
#pragma once

#include "storage/bit_stream.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::storage {

/// Appends `xs`; any numbers come back, near ones cheaply. Nothing for no numbers.
void encode_integers(std::span<const std::int64_t> xs, bit_writer& out);

/// Fills `xs`, whose size the caller knows. False: these bits are no such column; `xs`
/// then holds anything.
bool decode_integers(bit_reader& in, std::span<std::int64_t> xs);

/// About how many bits encode_integers() takes, at a fraction of its time. To choose
/// between ways to write the same.
std::size_t estimate_bits(std::span<const std::int64_t> xs);

/// Numbers that another column's numbers foretell.
using reference_columns = std::vector<std::vector<std::int64_t>>;

/// Appends the number of the reference (3 bits; 0: none) whose differences from `xs`
/// are shortest, and these. At most 7 references, each of the size of `xs`.
void encode_integers(std::span<const std::int64_t> xs,
                     const reference_columns& references, bit_writer& out);
bool decode_integers(bit_reader& in, const reference_columns& references,
                     std::span<std::int64_t> xs);

} // namespace weir::storage
