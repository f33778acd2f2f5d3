// The answers of weir-central (web/API.md) as tables. Pure; fields that an
// answer does not have are shown empty, so that versions may differ.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace weir::cli {

std::string overview_table(const nlohmann::json& answer);
std::string series_table(const nlohmann::json& answer);
std::string query_table(const nlohmann::json& answer);
std::string alerts_table(const nlohmann::json& answer);
std::string quarantine_table(const nlohmann::json& answer);
/// All edges: what became of the numbers of each epoch.
std::string ledger_table(const nlohmann::json& answer);
/// One edge: its balances term by term, ranges, and what happened to its numbering.
std::string edge_ledger_text(const nlohmann::json& answer);

} // namespace weir::cli
