// weir backup | restore
#include "cli/commands.hpp"

#include "cli/backup_folder.hpp"
#include "cli/copy_control.hpp"
#include "cli/database_tables.hpp"
#include "cli/time_text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace weir::cli {

namespace {

namespace fs = std::filesystem;

struct backup_options {
  std::string from;
  std::string to;
  std::string into;
  std::size_t keep = 0;
  bool json = false;
  copy_limits limits;
};

struct restore_options {
  std::string from;
  std::string to;
  copy_limits limits;
};

int copy_failed(const char* what, const copy_control& control,
                const storage::error& error) {
  auto why = control.why_ended().empty() ? error.message : control.why_ended();
  return fail((std::string{what} + ": " + why).c_str());
}

/// Only after the new one is whole.
int remove_old(const backup_options& options) {
  if (options.keep == 0)
    return exit_ok;
  auto status = exit_ok;
  for (const auto& x : surplus_backups(options.into, options.keep)) {
    if (!remove_backup(x))
      status = static_cast<exit_code>(
        fail(("the old backup " + x.string() + " cannot be removed").c_str()));
    else if (!options.json)
      std::printf("removed %s\n", x.c_str());
  }
  return status;
}

int make_backup(const backup_options& options) {
  copy_control control{options.limits};
  auto now_ns = wall_clock_ns();
  auto to = options.to.empty() ? fs::path{options.into} / backup_name(now_ns)
                               : fs::path{options.to};
  auto made = storage::make_backup(
    {store_folder(options.from), to, "weir " WEIR_VERSION, control.pace()}, now_ns);
  if (!made)
    return copy_failed("no backup was made", control, made.error());
  if (options.json) {
    auto answer = to_json(*made);
    answer["backup"] = to.string();
    std::printf(
      "%s\n",
      answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    std::printf("%s: %s\n", to.c_str(), manifest_text(*made).c_str());
  }
  return remove_old(options);
}

int restore_backup(const restore_options& options) {
  copy_control control{options.limits};
  auto restored = storage::restore_backup({options.from, options.to, control.pace()});
  if (!restored)
    return copy_failed("nothing was restored", control, restored.error());
  std::printf("%s: restored, %s\n"
              "What edges had sent since then and let go is missing; "
              "`weir ledger` will show it as expired.\n",
              options.to.c_str(), manifest_text(*restored).c_str());
  return exit_ok;
}

void add_limits(CLI::App& command, copy_limits& limits) {
  command
    .add_option("--rate-mb-per-s", limits.megabytes_per_s,
                "At most so many megabytes a second; 0: no limit.")
    ->check(CLI::Range(0.0, 1e6))
    ->type_name("N")
    ->capture_default_str();
  command
    .add_option("--seconds-max", limits.seconds_max,
                "Give up if it takes longer; 0: no limit.")
    ->check(CLI::Range(0.0, 1e6))
    ->type_name("N")
    ->capture_default_str();
}

void add_restore_command(CLI::App& parent, chosen_action& chosen) {
  auto* command = parent.add_subcommand(
    "restore", "make a store from a backup\n\n"
               "Checks the backup, copies it, and checks the copy. The new folder "
               "appears when all\n"
               "of it is on disk. Stop weir-central first, move its `store` away, and "
               "restore to\n"
               "`store` in its data_dir. See docs/backup.md for what edges do then.");
  command->footer("EXAMPLES\n"
                  "  weir restore --from /backup/weir-20261122T150000Z \\\n"
                  "      --to /var/lib/weir/central/store");
  auto options = std::make_shared<restore_options>();
  command->add_option("--from", options->from, "The backup.")
    ->required()
    ->type_name("BACKUP");
  command
    ->add_option("--to", options->to,
                 "The store's new folder: not there yet, or empty. As root it is given "
                 "to the owner of the empty folder, or of its parent.")
    ->required()
    ->type_name("DIR");
  add_limits(*command, options->limits);
  command->callback(
    [options, &chosen] { chosen = [options] { return restore_backup(*options); }; });
}

} // namespace

void add_backup_commands(CLI::App& parent, chosen_action& chosen) {
  auto* command = parent.add_subcommand(
    "backup",
    "copy the centre's store while it runs\n\n"
    "Makes a compacted copy of the state of one commit, and a manifest with "
    "its checksum.\n"
    "weir-central may run and write meanwhile, or be stopped; run this as its "
    "user, on its\n"
    "machine. What is not ended leaves nothing. While it runs, the store's "
    "file grows by\n"
    "what is written, so it gives up after --seconds-max.");
  command->footer(
    "EXAMPLES\n"
    "  weir backup --from /var/lib/weir/central --to /backup/monday\n"
    "  weir backup --from /var/lib/weir/central --into /backup --keep 14");
  auto options = std::make_shared<backup_options>();
  command
    ->add_option("--from", options->from,
                 "The data_dir of weir-central, or the store in it.")
    ->required()
    ->type_name("DIR");
  auto* to = command->add_option("--to", options->to,
                                 "The new backup; must not be there yet.");
  to->type_name("DIR");
  auto* into = command->add_option("--into", options->into,
                                   "Make it in this folder, named by the time (UTC).");
  into->type_name("DIR")->excludes(to);
  command
    ->add_option("--keep", options->keep,
                 "Then remove all but the newest N of such backups.")
    ->check(CLI::Range(1, 100'000))
    ->type_name("N")
    ->needs(into);
  command->add_flag("--json", options->json, "Print the manifest as JSON.");
  add_limits(*command, options->limits);
  command->callback([options, &chosen] {
    if (options->to.empty() && options->into.empty())
      throw CLI::RequiredError("--to or --into");
    chosen = [options] { return make_backup(*options); };
  });
  add_restore_command(parent, chosen);
}

} // namespace weir::cli
