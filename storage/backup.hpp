// BACKUP of a store, and RESTORE: hot copies of a whole LMDB environment, made by a
// process of its own while the centre runs and writes, or while it is stopped.
//
// A backup is a folder with `data.mdb`, an LMDB file as it stood at one commit, and
// `manifest`, which is written last. It appears under its name only when all of it is on
// disk; what was begun and not ended is `NAME.partial`. See docs/backup.md.
#pragma once

#include "storage/backup_manifest.hpp"
#include "storage/errors.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace weir::storage {

/// Told how many bytes were copied of about how many; false ends the work. This is where
/// a caller slows it down, bounds its time, or shows progress. Called often.
using copy_pace
  = std::function<bool(std::uint64_t done_bytes, std::uint64_t all_bytes)>;

struct backup_config {
  std::filesystem::path from; ///< The store's folder.
  std::filesystem::path to;   ///< The new backup; must not be there, its parent must.
  std::string program;        ///< For the manifest: "weir 0.1.0".
  copy_pace pace{};           ///< Empty: as fast as it goes.
};

/// Makes a backup of the state of one commit; `unix_ns` is the time it notes. While it
/// runs, the store goes on, and its file grows by what is committed meanwhile: freed
/// pages are not used again until the copy ends. So bound its time by `pace`.
///
/// The store is checked first, the copy at the end: a backup that was made can be
/// restored. Errors: cannot_open (no store, no permission, the target is there or lies
/// in the store), damaged (see verify_database()), disk_full (also before the copy
/// begins), io (and if `pace` has ended it). Nothing of the target is left then.
///
/// Not on a network file system. Thread-safe for different targets. Not for a store
/// that this very process has open.
expected<backup_manifest, error> make_backup(const backup_config& config,
                                             std::int64_t unix_ns);

/// Whether a folder is a backup, whole or not: it has a manifest.
bool is_backup(const std::filesystem::path& folder);

/// Checks manifest, size and checksum: that the bytes are those that were written.
/// Errors: cannot_open, malformed (the manifest), damaged (the data), unsupported.
expected<backup_manifest, error> check_backup(const std::filesystem::path& folder,
                                              const copy_pace& pace = {});

struct restore_config {
  std::filesystem::path from; ///< A backup.
  std::filesystem::path to;   ///< Not there, or an empty folder; its parent is there.
  copy_pace pace{};
};

/// Checks the backup, then copies it, checking once more what is written. The folder
/// appears under its name only when all of it is on disk, and belongs to whom the empty
/// folder (or its parent) belonged. Errors as above; nothing is left then.
expected<backup_manifest, error> restore_backup(const restore_config& config);

} // namespace weir::storage
