// HOST SOURCE: reads the machine's own metrics once an interval and hands them to the
// shards as events of the source `source`. Spawned detached: reading /proc and /sys
// may block.
#pragma once

#include "actors/event_port.hpp"
#include "actors/interfaces.hpp"
#include "transport/host_metrics.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace weir::actors {

struct host_source_config {
  bool enabled = false;
  std::chrono::milliseconds interval{1000};
  std::string source;               ///< The events' source; the edge's name if empty.
  std::filesystem::path root = "/"; ///< Where proc/ and sys/ stand.
};

struct host_source_state {
  static constexpr const char* name = "host-source";
  host_source_config config;
  std::unique_ptr<transport::host_metrics> metrics;
  std::shared_ptr<event_port> port;
};

host_source_actor::behavior_type
host_source(host_source_actor::stateful_pointer<host_source_state> self,
            host_source_config config, std::shared_ptr<event_port> port);

} // namespace weir::actors
