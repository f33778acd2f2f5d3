// The answers of weir-central (web/API.md) as tables. Pure; fields that an
// answer does not have are shown empty, so that versions may differ.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace weir::cli {

std::string overview_table(const nlohmann::json& answer);
std::string series_table(const nlohmann::json& answer);
std::string query_table(const nlohmann::json& answer);
std::string alerts_table(const nlohmann::json& answer);
std::string quarantine_table(const nlohmann::json& answer);
/// `edge`: only of this edge; empty: of all.
std::string ledger_table(const nlohmann::json& answer, std::string_view edge);

} // namespace weir::cli
