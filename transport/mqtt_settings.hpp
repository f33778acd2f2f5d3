// The checks of an mqtt_config that need no broker. Private to transport/.
#pragma once

#include "transport/errors.hpp"
#include "transport/mqtt_client.hpp"

#include <string>

namespace weir::transport {

/// What Paho is told.
struct mqtt_settings {
  std::string server_uri; ///< tcp://HOST:PORT or ssl://HOST:PORT
  bool tls = false;
  std::string password;
};

/// invalid_config or unreadable_file names the setting and what would be right.
expected<mqtt_settings, error> check(const mqtt_config& config);

/// Whether a message may be published there: UTF-8, 1 to 65,535 bytes, no
/// wildcard.
bool is_topic_name(std::string_view topic);

} // namespace weir::transport
