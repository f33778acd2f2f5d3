// Alerts as JSON, as they go out on MQTT from the edge and from the centre. The
// payload is documented in docs/alerts.md.
#pragma once

#include "analytics/records.hpp"

#include <string>
#include <string_view>

namespace weir::actors {

std::string alert_to_json(const analytics::alert& alert, std::string_view edge,
                          std::string_view series_text);

/// Fills {edge}, {rule} and {severity} in a topic such as
/// "weir/edge/{edge}/alerts/{rule}". Characters that MQTT reserves become `_`.
std::string alert_topic(std::string_view pattern, std::string_view edge,
                        const analytics::alert& alert);

} // namespace weir::actors
