// The settings of an MQTT connection, the same wherever one is configured.
#pragma once

#include "configs/config_tree.hpp"
#include "transport/mqtt_client.hpp"

#include <filesystem>
#include <string>

namespace weir::configs {

/// Reads uri, client_id, qos, version, keep_alive_s, session_expiry_s, user,
/// password_file, payload_bytes_max and [tls]. Does not call finish().
transport::mqtt_config read_mqtt(table_reader& table, const std::filesystem::path& base,
                                 const std::string& default_client_id);

/// A path of a config, relative to the config's own folder; empty stays empty.
std::filesystem::path resolve(const std::filesystem::path& base,
                              const std::string& path);

} // namespace weir::configs
