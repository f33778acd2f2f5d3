// weir-edge: reads the config, builds the node, runs until a signal, stops in order.
#include "actors/edge_node.hpp"
#include "actors/log.hpp"
#include "actors/program.hpp"
#include "configs/edge_config.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>

namespace {

constexpr const char* description
  = "weir-edge - ingests events from MQTT, ZeroMQ and this machine, cuts windows\n"
    "in event time, finds anomalies, raises alerts and forwards summaries.\n\n"
    "It works while the centre and the broker are away and ends in order on\n"
    "SIGTERM and SIGINT: everything in flight is saved first.";

constexpr const char* footer
  = "EXIT STATUS\n"
    "  0  stopped in order\n"
    "  1  could not start, or could not save everything\n"
    "  2  the command line or the config is wrong\n\n"
    "FILES\n"
    "  configs/edge.toml   every setting with its default, unit and reason\n\n"
    "EXAMPLES\n"
    "  weir-edge --config /etc/weir/edge.toml\n"
    "  weir-edge --config edge.toml --check-config";

int run(weir::configs::edge_config config) {
  using namespace weir::actors;
  signal_wait signals; // Before any thread starts, so that all inherit the mask.
  config.node.version = WEIR_VERSION;
  auto name = config.node.name;
  auto node = edge_node::start(std::move(config.node));
  if (!node) {
    log_error("weir-edge cannot start: {}", node.error());
    return 1;
  }
  log_info("weir-edge {} runs as {}", WEIR_VERSION, name);
  auto signal = signals.wait();
  log_info("weir-edge stops on {}", signal);
  auto problem = (*node)->stop(std::chrono::milliseconds{4000});
  if (!problem.empty()) {
    log_error("not everything could be saved: {}", problem);
    return 1;
  }
  log_info("weir-edge has stopped; everything in flight is saved");
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{description};
  std::string config_file;
  bool check_only = false;
  app.add_option("-c,--config", config_file, "The config file (TOML)")
    ->required();
  app.add_flag("--check-config", check_only,
               "Read and check the config, print what is wrong, and exit");
  app.set_version_flag("--version", "weir-edge " WEIR_VERSION);
  app.footer(footer);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  auto config = weir::configs::load_edge_config(config_file);
  if (!config) {
    for (const auto& line : config.error())
      std::fprintf(stderr, "%s\n", line.c_str());
    return 2;
  }
  if (check_only) {
    std::printf("%s: good\n", config_file.c_str());
    return 0;
  }
  weir::actors::set_up_log("weir-edge", config->log_level);
  weir::actors::tune_memory();
  auto status = run(std::move(*config));
  weir::actors::flush_log();
  return status;
}
