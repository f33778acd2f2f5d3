// The connection over which a node publishes its alerts: an MQTT client that says in
// the log when it comes and goes.
#pragma once

#include "analytics/expected.hpp"
#include "transport/mqtt_client.hpp"

#include <memory>
#include <string>

namespace weir::actors {

/// A broker that is away is no error. The error is a sentence for the operator.
expected<std::unique_ptr<transport::mqtt_client>, std::string>
start_alert_client(const transport::mqtt_config& config);

} // namespace weir::actors
