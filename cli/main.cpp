// The command line for people: `weir COMMAND`. Reads the arguments, runs one
// command.
#include "cli/commands.hpp"
#include "cli/manual.hpp"

#include <cstdio>
#include <exception>
#include <memory>

namespace {

constexpr auto description
  = "windows, anomalies and alerts from device and business events\n\n"
    "Talks to a running weir-central, and feeds edges with simulated or "
    "recorded\n"
    "events. `weir COMMAND --help` is the manual page of a command.";

constexpr auto footer
  = "EXAMPLES\n"
    "  weir simulate plant --mqtt mqtt://127.0.0.1:1883\n"
    "  weir status --data /var/lib/weir/central\n"
    "  weir query 'avg by (line) (temperature)' --data /var/lib/weir/central";

int run(int argc, char** argv) {
  CLI::App app{description, "weir"};
  app.formatter(std::make_shared<weir::cli::manual>());
  app.footer(footer);
  app.set_version_flag("--version", "weir " WEIR_VERSION, "Print the version.");
  app.set_help_flag("-h,--help", "Print this manual page.");
  app.require_subcommand(1);
  weir::cli::chosen_action chosen;
  weir::cli::add_api_commands(app, chosen);
  weir::cli::add_query_command(app, chosen);
  weir::cli::add_simulate_command(app, chosen);
  weir::cli::add_replay_command(app, chosen);
  weir::cli::add_import_command(app, chosen);
  weir::cli::add_export_command(app, chosen);
  weir::cli::add_dry_run_command(app, chosen);
  weir::cli::add_keys_command(app, chosen);
  weir::cli::add_check_command(app, chosen);
  weir::cli::add_backup_commands(app, chosen);
  weir::cli::add_verify_commands(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked); // --help or --version.
  } catch (const CLI::ParseError& error) {
    std::fputs(weir::cli::usage_error(app, error).c_str(), stderr);
    return weir::cli::exit_usage;
  }
  return chosen ? chosen() : weir::cli::exit_usage;
}

} // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return weir::cli::fail(error.what());
  }
}
