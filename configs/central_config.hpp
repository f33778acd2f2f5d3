// central.toml: reads it into the config structs of the centre's parts. Every key,
// with its default and unit, stands in configs/central.toml.
#pragma once

#include "actors/central_node.hpp"
#include "configs/config_tree.hpp"
#include "web/server.hpp"

#include <filesystem>
#include <string>

namespace weir::configs {

struct central_config {
  std::string log_level = "info";
  std::filesystem::path data_dir;
  actors::central_node_config node;
  web::server_config web;
};

/// Reads and checks the file, and the key files that it names.
expected<central_config, config_errors>
load_central_config(const std::filesystem::path& file);

} // namespace weir::configs
