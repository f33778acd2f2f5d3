#include "actors/alert_client.hpp"

#include "actors/log.hpp"

#include <utility>

namespace weir::actors {

expected<std::unique_ptr<transport::mqtt_client>, std::string>
start_alert_client(const transport::mqtt_config& config) {
  transport::mqtt_callbacks callbacks;
  callbacks.on_state = [](bool up, const std::string& why) {
    if (up)
      log_info("alert output is connected: {}", why);
    else
      log_warn("alert output is not connected: {}", why);
  };
  auto client = std::make_unique<transport::mqtt_client>(config, std::move(callbacks));
  if (auto started = client->start(); !started)
    return unexpected("alerts: " + started.error().message);
  return client;
}

} // namespace weir::actors
