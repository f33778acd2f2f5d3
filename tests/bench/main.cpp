// Load drivers for scripts/bench.sh: each subcommand puts one kind of load on a
// running program and prints one line of JSON.
#include "tests/bench/measure.hpp"

#include <CLI/CLI.hpp>

#include <csignal>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN); // A broker that goes is an error code.
  CLI::App app{"Load drivers: each prints one line of JSON.", "weir-bench"};
  app.require_subcommand(1);
  weir::bench::action chosen;
  weir::bench::add_zmq_batch(app, chosen);
  weir::bench::add_mqtt_publish(app, chosen);
  weir::bench::add_mqtt_count(app, chosen);
  weir::bench::add_alert_latency(app, chosen);
  weir::bench::add_make_backlog(app, chosen);
  weir::bench::add_storm(app, chosen);
  weir::bench::add_storage_acked(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return chosen();
}
