// What every long-running program of the project does around its node.
#pragma once

#include <string>

namespace weir::actors {

/// Blocks SIGTERM and SIGINT for this thread and all it starts, ignores SIGPIPE, and
/// waits for one of them. Make it before any thread starts.
class signal_wait {
public:
  signal_wait();

  /// Returns the signal's name.
  std::string wait();
};

/// Keeps glibc from making one heap for each thread: a node has a dozen, and its
/// resident memory is a promise.
void tune_memory();

} // namespace weir::actors
