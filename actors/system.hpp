// One CAF actor system for a node, set up as this project wants it. The header keeps
// CAF's out of the way of those who only own one.
#pragma once

#include <cstddef>
#include <memory>

namespace caf {
class actor_system;
} // namespace caf

namespace weir::actors {

class actor_runtime {
public:
  /// `workers` threads for actors that compute; detached actors have their own.
  explicit actor_runtime(std::size_t workers);
  ~actor_runtime(); ///< Waits for all actors to end.

  caf::actor_system& get();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace weir::actors
