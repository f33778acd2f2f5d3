// INTERNAL: unsigned numbers of 64 bits, most of them small, in groups of 32 that each
// choose how: FORMAT.md, "Integer column". Pure and thread-safe.
#pragma once

#include "storage/bit_stream.hpp"

#include <cstdint>
#include <span>

namespace weir::storage {

void put_codes(std::span<const std::uint64_t> codes, bit_writer& out);

/// Fills `codes`, whose size the caller knows; signed, as the column that is made of
/// them in place. False: these bits are no such groups.
bool take_codes(bit_reader& in, std::span<std::int64_t> codes);

} // namespace weir::storage
