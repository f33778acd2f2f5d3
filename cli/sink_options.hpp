// The options that say where events go, common to `simulate` and `replay`.
#pragma once

#include "cli/event_batcher.hpp"
#include "cli/message_sink.hpp"

#include <cstddef>
#include <string>

namespace CLI {
class App;
}

namespace weir::cli {

struct sink_options {
  std::string mqtt_uri;
  std::string topic; ///< Set to the default before add_sink_options().
  int qos = 1;
  std::string user;
  std::string password_file;
  std::string ca_file;
  std::string zmq_endpoint;
  std::string curve_server; ///< Z85 public key, or a file with it.
  std::string curve_key;    ///< Secret key file.
  bool to_stdout = false;
  std::size_t batch_max = 1;
};

void add_sink_options(CLI::App& command, sink_options& options);

/// Exactly one of --mqtt, --zmq and --stdout must be given.
expected<void, std::string> check_sink(const sink_options& options);

/// Connects. @pre check_sink(options) The error is a sentence for the user.
expected<sink_ptr, std::string> open_sink(const sink_options& options,
                                          stop_signal& stop);

/// The topic to give to the batcher: everything is one stream where there are
/// none.
std::string batch_topic(const sink_options& options);

/// Waits up to 10 s for what is not acknowledged, tells the totals in one line;
/// returns the exit code of the program.
int finish_sending(event_batcher& batcher, message_sink& sink, send_result last,
                   std::string_view where);

std::string describe(const sink_options& options);

} // namespace weir::cli
