// INTERNAL: looks at an LMDB data file before it is mapped. LMDB trusts its
// pages: a truncated file ends in SIGBUS, a damaged page in a wild read. This
// check reads the file by pread and follows every page number and offset that
// LMDB would.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace weir::storage {

enum class file_condition {
  absent, ///< No file, or an empty one: LMDB will make it.
  sound,
  damaged,
};

struct file_verdict {
  file_condition condition = file_condition::absent;
  std::string reason; ///< Of damage, e.g. "page 17: ...".

  /// Bytes that the file must have before it may be mapped. LMDB does not write
  /// pages that were freed in the transaction that made them, so the file of a
  /// sound database can be shorter than its last page.
  std::size_t size_bytes_min = 0;
};

/// Never throws for what is in the file; a file that cannot be read is reported
/// as a `failure`. Walks from the roots down and stops after `pages_max` pages,
/// so that a large store still opens in seconds: what lies beyond is then
/// unchecked.
file_verdict check_lmdb_file(const std::filesystem::path& file, std::size_t pages_max);

} // namespace weir::storage
