// The shapes of web/API.md, each written once: for HTTP and for both encodings
// of the WebSocket. Pure.
#pragma once

#include "actors/fleet_board.hpp"
#include "storage/store.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

namespace weir::web {

/// What TOTALS needs besides the fleet; read from the store.
struct store_totals {
  std::uint64_t alerts_open = 0;
  std::uint64_t series = 0;
};

/// An anomaly with its series' name.
struct named_anomaly {
  storage::stored_series_id series = 0;
  std::string edge;
  std::string text;
  analytics::anomaly value;
};

/// Milliseconds, whole where they are.
nlohmann::json ms_json(std::int64_t ns);

nlohmann::json totals_json(const actors::fleet_totals& fleet,
                           const store_totals& store);
nlohmann::json edge_json(const actors::edge_view& x);
nlohmann::json edges_json(const actors::fleet_view& x);
nlohmann::json series_json(const storage::stored_series& x);
nlohmann::json anomaly_json(const named_anomaly& x);
nlohmann::json alert_json(const std::string& edge, const std::string& text,
                          const analytics::alert& x);
nlohmann::json rejection_json(const storage::stored_rejection& x);

/// The names of a row's columns, and a row.
nlohmann::json summary_columns_json();
nlohmann::json summary_row_json(const analytics::summary& x);

} // namespace weir::web
