// What every long-running program of the project does around its node.
#pragma once

#include <functional>
#include <string>

namespace weir::actors {

/// Blocks SIGTERM, SIGINT and SIGHUP for this thread and all it starts, ignores
/// SIGPIPE, and waits for one of them. Make it before any thread starts.
class signal_wait {
public:
  signal_wait();

  /// Returns the name of the signal that asks for the end; calls `upkeep` about once a
  /// second until then, with true after a SIGHUP.
  std::string wait(const std::function<void(bool hung_up)>& upkeep = {});
};

/// Keeps glibc from making one heap for each thread: a node has a dozen, and its
/// resident memory is a promise.
void tune_memory();

} // namespace weir::actors
