// INTERNAL: what a BACKUP says about itself: the text file `manifest` beside its
// `data.mdb`. Format: docs/backup.md. Pure.
#pragma once

#include "analytics/expected.hpp"
#include "storage/errors.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::storage {

/// One line each, in this order; times in nanoseconds since 1970.
struct backup_manifest {
  std::int64_t made_ns = 0;
  std::string program;      ///< "weir 0.1.0"; no line break.
  std::string store_id;     ///< 16 hexadecimal digits; empty: the store has none.
  std::uint32_t format = 0; ///< Of the store (storage/FORMAT.md); 0: it says none.
  bool is_compacted = true; ///< False: free pages were copied along.
  std::uint64_t size_bytes = 0;
  std::string blake2b; ///< Of data.mdb, as `b2sum` prints it.

  bool operator==(const backup_manifest&) const = default;
};

inline constexpr std::size_t manifest_bytes_max = 4096;

std::string to_text(const backup_manifest& manifest);

/// Refuses what to_text() does not write: `unsupported` for a newer version, `malformed`
/// otherwise. A checksum line covers all lines before it.
expected<backup_manifest, error> parse_manifest(std::string_view text);

} // namespace weir::storage
