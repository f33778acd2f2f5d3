#include "actors/system.hpp"

#include "actors/messages.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <algorithm>

namespace weir::actors {

struct actor_runtime::impl {
  explicit impl(std::size_t workers) {
    // "sharing" sleeps when there is nothing to do; the default spins (1.35 % of a
    // core idle, against 0.02 %).
    config.set("scheduler.policy", caf::atom("sharing"));
    config.set("scheduler.max-threads", std::max<std::size_t>(workers, 1));
    config.set("logger.file-verbosity", caf::atom("quiet"));
    config.set("logger.console-verbosity", caf::atom("quiet"));
    system = std::make_unique<caf::actor_system>(config);
  }

  caf::actor_system_config config; // Outlives the system.
  std::unique_ptr<caf::actor_system> system;
};

actor_runtime::actor_runtime(std::size_t workers)
  : impl_(std::make_unique<impl>(workers)) {
}

actor_runtime::~actor_runtime() = default;

caf::actor_system& actor_runtime::get() {
  return *impl_->system;
}

} // namespace weir::actors
