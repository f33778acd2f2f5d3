// One set of windows as [window] and [[view]] say it. Private to stream_settings.
#pragma once

#include "analytics/stream_config.hpp"
#include "configs/config_tree.hpp"

#include <cstdint>

namespace weir::configs {

inline constexpr std::int64_t ms_ns = 1'000'000;
inline constexpr std::int64_t span_max_ms = 366LL * 86'400'000;

/// Whole milliseconds, as nanoseconds.
std::int64_t read_span(table_reader& table, const std::string& key,
                       std::int64_t fallback_ns, std::int64_t min_ms = 0);

/// The windows of each series by themselves. Calls finish().
analytics::view_config read_window(table_reader& table);

/// One [[view]]. Calls finish().
analytics::view_config read_view(table_reader& table);

} // namespace weir::configs
