// The shapes of the ledger in web/API.md ("Ledger"). Pure.
#pragma once

#include "actors/fleet_board.hpp"
#include "storage/store_ledger.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::web {

/// 16 hex digits.
std::string epoch_text(std::uint64_t epoch);

/// What an edge cannot do now, by the bits of its mode: "memory_only", "journal_off",
/// "disk_full", "memory_short".
std::vector<std::string> mode_names(std::uint64_t mode);

/// Whether received is the sum of the other terms.
bool is_balanced(const transport::edge_ledger& x);

/// POSITION: one epoch's numbers, by what became of them.
nlohmann::json position_json(const storage::edge_position& x);

/// EVENTS: an edge's own ledger as it came last.
nlohmann::json event_ledger_json(const actors::edge_view& x);

/// POSITION with its ranges of a page, newest first. What no range covers is there as
/// `missing`.
nlohmann::json epoch_json(const storage::epoch_ledger& x,
                          const storage::ledger_page& page);

nlohmann::json ledger_event_json(const storage::ledger_event& x);

} // namespace weir::web
