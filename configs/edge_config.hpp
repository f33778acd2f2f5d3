// edge.toml: reads it into the config structs of the edge node's parts. Every key,
// with its default and unit, stands in configs/edge.toml.
#pragma once

#include "actors/edge_node.hpp"
#include "configs/config_tree.hpp"
#include "configs/stream_reload.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace weir::configs {

struct edge_config {
  std::string log_level = "info";
  actors::edge_node_config node;

  /// Follows the file and its device tables from here on.
  std::shared_ptr<stream_reload> reload;
};

/// Reads and checks the file, and the key files and device tables that it names.
expected<edge_config, config_errors>
load_edge_config(const std::filesystem::path& file);

} // namespace weir::configs
