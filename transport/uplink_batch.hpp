// The entries of a batch as bytes, and how much goes into one. Layout and limits:
// transport/WIRE.md, "Batch". Private to transport/.
#pragma once

#include "transport/errors.hpp"
#include "transport/uplink_entry.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

/// Entries of one batch.
inline constexpr std::size_t batch_entries_max = 4096;

/// The array of entries before compression: a full block and what stands beside it, or
/// as many small entries as are allowed.
inline constexpr std::size_t batch_bytes_max = (1 << 20) + (256 << 10);

/// Makers of batches close one here, by batch_size_estimate(): between the cost of a
/// message and what one lost message costs.
inline constexpr std::size_t batch_bytes_target = 32 << 10;

/// A batch of less waits for more while others are on their way and the window is what
/// keeps it small.
inline constexpr std::size_t batch_bytes_min = 8 << 10;

/// Before compression; a single entry may be larger.
inline constexpr std::size_t batch_plain_bytes_max = 256 << 10;

/// About what the entry adds to a batch on the link.
std::size_t batch_size_estimate(const uplink_entry& x);

enum class batch_encoding : std::uint8_t { plain = 0, zstd = 1 };

struct encoded_batch {
  batch_encoding encoding = batch_encoding::plain;
  std::size_t size_bytes = 0; ///< Of the array before compression.
  std::string bytes;
};

/// Compressed unless that is not smaller or most of it is blocks that are compressed
/// already. @pre At most batch_entries_max; the array within batch_bytes_max.
encoded_batch encode_entries(const std::vector<uplink_entry>& entries);

/// Strict; all limits are checked before memory is taken. Entries come in ascending
/// order and do not overlap.
expected<std::vector<uplink_entry>, error>
decode_entries(std::uint8_t encoding, std::uint64_t size_bytes, std::string_view bytes);

} // namespace weir::transport
