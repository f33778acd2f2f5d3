// [detector] and [[rule]]. Private to stream_settings.
#pragma once

#include "analytics/stream_config.hpp"
#include "configs/config_tree.hpp"

namespace weir::configs {

/// Calls finish().
void read_detector(table_reader& table, analytics::stream_config& config);

/// One [[rule]]. Calls finish().
analytics::rule_config read_rule(table_reader& table);

} // namespace weir::configs
