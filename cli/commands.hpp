// The commands of `weir`. Each adds its options to the command line and, when
// it is the one that was asked for, puts its work into `chosen`; main() runs
// it.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace weir::cli {

/// What the program returns; stated in each manual page.
enum exit_code : int {
  exit_ok = 0,
  exit_failed = 1, ///< It was understood but did not work; standard error says why.
  exit_usage = 2,  ///< The command line is wrong.
};

using chosen_action = std::function<int()>;

void add_simulate_command(CLI::App& parent, chosen_action& chosen);
void add_replay_command(CLI::App& parent, chosen_action& chosen);
void add_import_command(CLI::App& parent, chosen_action& chosen);
void add_export_command(CLI::App& parent, chosen_action& chosen);
void add_dry_run_command(CLI::App& parent, chosen_action& chosen);
void add_keys_command(CLI::App& parent, chosen_action& chosen);

/// link, status, series, windows, alerts, quarantine, ledger.
void add_api_commands(CLI::App& parent, chosen_action& chosen);
void add_query_command(CLI::App& parent, chosen_action& chosen);
void add_check_command(CLI::App& parent, chosen_action& chosen);

/// backup, restore.
void add_backup_commands(CLI::App& parent, chosen_action& chosen);
/// verify, store stats.
void add_verify_commands(CLI::App& parent, chosen_action& chosen);

/// Prints "weir: <message>" on standard error; returns `code`.
int fail(const char* message, int code = exit_failed);

} // namespace weir::cli
