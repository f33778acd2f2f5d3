// Folders of stores and of backups, as people name them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace weir::cli {

/// A store's folder: `named`, or `store` in it where `named` is a data_dir.
std::filesystem::path store_folder(const std::filesystem::path& named);

/// "weir-20261122T150000Z": so that names sort as times do.
std::string backup_name(std::int64_t unix_ns);

/// Whole backups in `folder` with such names beyond the `keep` newest, oldest first.
std::vector<std::filesystem::path> surplus_backups(const std::filesystem::path& folder,
                                                   std::size_t keep);

/// Removes what a backup has, the manifest first: half removed it is none. False if
/// something of it is still there.
bool remove_backup(const std::filesystem::path& folder);

} // namespace weir::cli
