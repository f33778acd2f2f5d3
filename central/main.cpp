// weir-central: reads the config, builds the node and the web server above it, runs
// until a signal, stops in order.
#include "actors/central_node.hpp"
#include "actors/log.hpp"
#include "actors/process_info.hpp"
#include "actors/program.hpp"
#include "configs/central_config.hpp"
#include "configs/command_line.hpp"
#include "storage/failpoint.hpp"
#include "web/server.hpp"

#include <cstdio>
#include <string>

namespace {

constexpr const char* description
  = "weir-central - stores what the edges send, publishes alerts and serves live\n"
    "dashboards.\n\n"
    "It ends in order on SIGTERM and SIGINT. A browser gets in by a one-time link:\n"
    "run `weir link --data DIR` on this machine.";

constexpr const char* footer
  = "EXIT STATUS\n"
    "  0  stopped in order\n"
    "  1  could not start, or could not store everything\n"
    "  2  the command line or the config is wrong\n\n"
    "FILES\n"
    "  configs/central.toml   every setting with its default, unit and reason\n"
    "  DATA_DIR/api.key       the admin's key (mode 0600), made at first start\n\n"
    "EXAMPLES\n"
    "  weir-central --config /etc/weir/central.toml\n"
    "  weir-central --config central.toml --check-config";

std::vector<weir::web::readiness_check>
check_readiness(const weir::actors::central_node& node) {
  auto [ok, detail] = node.writer_health();
  return {{"store_commit", ok, detail}};
}

int run(weir::configs::central_config config) {
  using namespace weir::actors;
  signal_wait signals; // Before any thread starts, so that all inherit the mask.
  auto node = central_node::start(std::move(config.node));
  if (!node) {
    log_error("weir-central cannot start: {}", node.error());
    return 1;
  }
  config.web.version = WEIR_VERSION;
  auto scheme = config.web.tls_certificate.empty() ? "http" : "https";
  auto bind = config.web.bind;
  weir::web::server web{std::move(config.web),
                        {(*node)->store(), (*node)->fleet(), (*node)->counters(),
                         [&node] { return check_readiness(**node); }, wall_clock_ns,
                         [&node](auto epoch, auto seq, auto bytes, auto done) {
                           (*node)->import_block(epoch, seq, std::move(bytes),
                                                 std::move(done));
                         }}};
  auto port = web.start();
  if (!port) {
    log_error("weir-central cannot start: {}", port.error().message);
    return 1;
  }
  auto endpoint = (*node)->open_uplink(
    [&web](commit_report_ptr report) { web.publish(std::move(report)); });
  if (!endpoint) {
    log_error("weir-central cannot start: {}", endpoint.error());
    return 1;
  }
  log_info("weir-central {} serves {}://{}:{} and takes edges on {}", WEIR_VERSION,
           scheme, bind, *port, *endpoint);
  auto signal = signals.wait();
  log_info("weir-central stops on {}", signal);
  auto problem = (*node)->stop(std::chrono::milliseconds{3000});
  web.stop();
  if (!problem.empty()) {
    log_error("not everything could be stored: {}. The edges still have it.", problem);
    return 1;
  }
  log_info("weir-central has stopped");
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  using namespace weir;
  auto command = configs::read_command_line(
    argc, argv,
    {"weir-central", WEIR_VERSION, description, footer, storage::all_failpoints()});
  if (!command)
    return command.error();
  auto config = configs::load_central_config(command->config_file);
  if (!config) {
    configs::print_errors(config.error());
    return configs::exit_usage;
  }
  if (command->check_only) {
    std::printf("%s: good\n", command->config_file.c_str());
    return configs::exit_ok;
  }
  actors::set_up_log("weir-central", config->log_level);
  actors::tune_memory();
  auto status = run(std::move(*config));
  actors::flush_log();
  return status;
}
