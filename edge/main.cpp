// weir-edge: reads the config, builds the node, runs until a signal, stops in order.
#include "actors/edge_node.hpp"
#include "actors/log.hpp"
#include "actors/program.hpp"
#include "configs/command_line.hpp"
#include "configs/edge_config.hpp"
#include "storage/failpoint.hpp"

#include <cstdio>
#include <string>

namespace {

constexpr const char* description
  = "weir-edge - ingests events from MQTT, ZeroMQ and this machine, cuts windows\n"
    "in event time, finds anomalies, raises alerts and forwards summaries.\n\n"
    "It works while the centre and the broker are away and ends in order on\n"
    "SIGTERM and SIGINT: everything in flight is saved first. SIGHUP makes it read\n"
    "its windows, filters, derivations and rules again without a pause; device\n"
    "tables are followed by themselves.";

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

/// Takes over what has changed in the device tables and, after a SIGHUP, in the stream
/// tables of the config file.
void follow_files(weir::actors::edge_node& node, weir::configs::stream_reload& reload,
                  bool hung_up) {
  using namespace weir::actors;
  if (hung_up)
    log_info("SIGHUP: reading the config file again");
  auto news = reload.poll(hung_up);
  for (const auto& x : news.errors)
    log_error("{}; what stood there before holds", x);
  for (const auto& x : news.notes)
    log_warn("{}", x);
  if (!news.config) {
    if (hung_up && news.errors.empty())
      log_info("windows, filters, rules and tables are as they were");
    return;
  }
  auto report = node.change_stream(std::move(*news.config));
  if (!report) {
    log_error("the new configuration was not taken: {}", report.error());
    return;
  }
  for (const auto& x : report->kept)
    log_info("{} go on", x);
  for (const auto& x : report->closed)
    log_warn("{} have another shape now: what was open has been sent as it was", x);
}

int run(weir::configs::edge_config config) {
  using namespace weir::actors;
  signal_wait signals; // Before any thread starts, so that all inherit the mask.
  config.node.version = WEIR_VERSION;
  auto name = config.node.name;
  auto reload = config.reload;
  auto node = edge_node::start(std::move(config.node));
  if (!node) {
    log_error("weir-edge cannot start: {}", node.error());
    return 1;
  }
  log_info("weir-edge {} runs as {}", WEIR_VERSION, name);
  auto signal
    = signals.wait([&](bool hung_up) { follow_files(**node, *reload, hung_up); });
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
  using namespace weir;
  auto command = configs::read_command_line(
    argc, argv,
    {"weir-edge", WEIR_VERSION, description, footer, storage::all_failpoints()});
  if (!command)
    return command.error();
  auto config = configs::load_edge_config(command->config_file);
  if (!config) {
    configs::print_errors(config.error());
    return configs::exit_usage;
  }
  if (command->check_only) {
    std::printf("%s: good\n", command->config_file.c_str());
    return configs::exit_ok;
  }
  actors::set_up_log("weir-edge", config->log_level);
  actors::tune_memory();
  auto status = run(std::move(*config));
  actors::flush_log();
  return status;
}
