// How fast and how long a copy may run, and that Ctrl-C ends it in order.
#pragma once

#include "cli/stop_signal.hpp"
#include "storage/backup.hpp"

#include <cstdint>
#include <string>

namespace weir::cli {

struct copy_limits {
  double megabytes_per_s = 0.0; ///< 0: as fast as it goes.
  double seconds_max = 3600.0;  ///< 0: as long as it takes.
};

/// Of one program run; make it before any thread is started.
class copy_control {
public:
  explicit copy_control(const copy_limits& limits);

  /// Waits as the rate wants it; false when the copy is to end.
  storage::copy_pace pace();

  /// Empty: it was not this that ended the copy.
  const std::string& why_ended() const {
    return why_ended_;
  }

private:
  bool go_on(std::uint64_t done_bytes);

  const copy_limits limits_;
  const std::int64_t start_ns_;
  stop_signal stop_;
  std::string why_ended_;
};

} // namespace weir::cli
