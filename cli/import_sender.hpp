// Brings blocks of windows to weir-central, in order, and goes on where an import of
// the same file ended before.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/records.hpp"
#include "cli/http_client.hpp"
#include "cli/stop_signal.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::cli {

struct import_sender_config {
  std::uint64_t epoch = 0; ///< The number of the file.
  /// A centre that does not answer, or cannot store now, is asked again.
  int tries_max = 30;
  std::chrono::milliseconds retry_interval{1000};
};

class import_sender {
public:
  /// Both must outlive it.
  import_sender(http_client& api, stop_signal& stop, import_sender_config config)
    : api_(api), stop_(stop), config_(config) {
  }

  /// Asks how far this file has come; the error is the server's sentence, with a hint.
  expected<void, std::string> open();

  /// False: it failed or was asked to stop; see error() and stopped().
  bool send(std::uint64_t first_seq, const analytics::record_block& block);

  std::uint64_t sent() const { ///< Windows that this run brought.
    return sent_;
  }
  std::uint64_t known() const { ///< Windows that the centre had before.
    return known_;
  }
  bool stopped() const {
    return stopped_;
  }
  const std::string& error() const {
    return error_;
  }

private:
  bool give_up(const std::string& why);

  http_client& api_;
  stop_signal& stop_;
  import_sender_config config_;
  std::uint64_t through_seq_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t known_ = 0;
  bool stopped_ = false;
  std::string error_;
};

} // namespace weir::cli
