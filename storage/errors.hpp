// Errors of the storage layer.
#pragma once

#include "analytics/expected.hpp"

#include <cstdint>

namespace weir::storage {

enum class errc : std::uint8_t {
  cannot_open = 1, ///< Directory missing, no permission, or locked by another process.
  damaged,         ///< The files are not a database; set aside under a new name.
  disk_full,       ///< ENOSPC, or EIO on a file system without free space.
  map_full,        ///< The configured size limit is reached.
  not_found,
  malformed,    ///< A stored value of a known version that does not decode.
  unsupported,  ///< A stored value of a version that this build does not know.
  io,           ///< Any other error of the disk.
  journal_full, ///< All segments are needed until the next checkpoint.
  read_only,    ///< Nothing may be written where the directory is.
  wrong_key,    ///< Encrypted under a key that is not the one at hand.
  key_in_use,   ///< The current data key, which cannot be retired.
  keys_full,    ///< No more data keys until a rotation has ended.
  bad_key_file, ///< A master key file that is missing, unsafe, or of another form.
};

using error = basic_error<errc>;

} // namespace weir::storage
