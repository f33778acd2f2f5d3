// CRC32C (Castagnoli), the checksum of journal records: detects every error of up to
// 32 neighbouring bits and every odd number of changed bits. No protection against a
// person who wants to deceive.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::storage {

/// Of `bytes` behind what `before` is the checksum of: pieces give the same as the
/// whole. By the processor's instruction where it has one (x86-64 with SSE4.2, ARMv8
/// with CRC), else by tables.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

/// The same by tables only. For tests.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before = 0);

} // namespace weir::storage
