// What `weir verify` and `weir store stats` print of a database. Pure.
#pragma once

#include "storage/backup_manifest.hpp"
#include "storage/verify.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace weir::cli {

/// "temp{source=\"m-1\"} of edge north, from 2026-... to ...: page 17: ...".
std::string damage_text(const storage::damaged_place& place);

/// Sizes, tables, numberings of edges.
std::string stats_text(const storage::database_state& state);

/// The same, and what is damaged; times in milliseconds since 1970.
nlohmann::json to_json(const storage::database_state& state);

nlohmann::json to_json(const storage::backup_manifest& manifest);

/// One line: when it was made, of which store.
std::string manifest_text(const storage::backup_manifest& manifest);

} // namespace weir::cli
