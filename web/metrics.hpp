// The counters of the centre in the Prometheus text format 0.0.4. Pure, but for
// read_process_usage().
#pragma once

#include "actors/fleet_board.hpp"
#include "storage/store.hpp"
#include "web/web_counters.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::web {

struct process_usage {
  std::uint64_t rss_bytes = 0;
  double cpu_s = 0.0; ///< User and system since start.
};

/// Of this process; a value that cannot be read stays 0.
process_usage read_process_usage();

std::string prometheus_text(const actors::fleet_view& fleet,
                            const actors::central_counters& central,
                            const storage::store_stats& store,
                            const std::vector<storage::edge_position>& positions,
                            const web_counters& web, const process_usage& process);

} // namespace weir::web
