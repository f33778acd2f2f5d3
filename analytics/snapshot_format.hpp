// PRIVATE to shard_save.cpp and shard_restore.cpp: what both have to agree on. Layout,
// version and errors: analytics/SNAPSHOT.md.
#pragma once

#include "analytics/shard_plan.hpp"
#include "analytics/snapshot_io.hpp"

namespace weir::analytics {

inline constexpr std::string_view snapshot_magic = "WEIRSHRD";
inline constexpr std::uint32_t snapshot_version = 4;
/// Its checksum stands in front of the body, where now it is behind it.
inline constexpr std::uint32_t snapshot_version_sum_first = 3;
inline constexpr std::uint32_t no_local = ~std::uint32_t{0};

struct saved_key {
  std::uint32_t local = no_local;
  std::uint32_t slot = 0;
  std::int64_t seen_ns = 0;
};

struct saved_member {
  std::uint64_t source = 0;
  std::int64_t watermark_ns = 0;
};

} // namespace weir::analytics
