// weir verify | store stats
#include "cli/commands.hpp"

#include "cli/backup_folder.hpp"
#include "cli/database_tables.hpp"
#include "storage/backup.hpp"
#include "storage/verify.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace weir::cli {

namespace {

using nlohmann::json;
using storage::verify_depth;

struct look_options {
  std::string folder;
  bool json = false;
  bool quick = false;
};

/// What a look at a backup's manifest and checksum said.
struct backup_verdict {
  std::optional<storage::backup_manifest> manifest;
  std::string problem; ///< Empty: good.
};

int print_json(const json& x) {
  std::printf("%s\n", x.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  return std::fflush(stdout) == 0 ? exit_ok : exit_failed;
}

backup_verdict look_at_backup(const std::filesystem::path& folder) {
  auto checked = storage::check_backup(folder);
  if (checked)
    return {std::move(*checked), {}};
  return {std::nullopt, checked.error().message};
}

void print_verdict(const storage::database_state& state, const std::string& problem) {
  for (const auto& x : state.damaged)
    std::printf("DAMAGED  %s\n", damage_text(x).c_str());
  if (state.damaged_places > state.damaged.size())
    std::printf(
      "DAMAGED  and %llu places more\n",
      static_cast<unsigned long long>(state.damaged_places - state.damaged.size()));
  if (!problem.empty())
    std::printf("DAMAGED  %s\n", problem.c_str());
  std::uint64_t entries = 0;
  for (const auto& x : state.tables)
    entries += x.entries;
  std::printf("%s: %llu entries of %zu tables can be read\n",
              state.is_sound() && problem.empty() ? "sound" : "DAMAGED",
              static_cast<unsigned long long>(entries), state.tables.size());
}

int verify(const look_options& options) {
  auto folder = store_folder(options.folder);
  auto state = storage::look_at_database(folder, verify_depth::values);
  if (!state)
    return fail(state.error().message.c_str());
  auto backup = storage::is_backup(folder) ? look_at_backup(folder) : backup_verdict{};
  if (options.json) {
    auto answer = to_json(*state);
    answer["folder"] = folder.string();
    answer["sound"] = state->is_sound() && backup.problem.empty();
    answer["problem"] = backup.problem;
    if (backup.manifest)
      answer["manifest"] = to_json(*backup.manifest);
    if (print_json(answer) != exit_ok)
      return exit_failed;
  } else {
    std::printf("%s: %s\n", folder.c_str(),
                backup.manifest ? ("backup, " + manifest_text(*backup.manifest)
                                   + ", its checksum is right")
                                    .c_str()
                : backup.problem.empty() ? "a database"
                                         : "a backup that is not what it was");
    print_verdict(*state, backup.problem);
  }
  return state->is_sound() && backup.problem.empty() ? exit_ok : exit_failed;
}

int stats(const look_options& options) {
  auto depth = options.quick ? verify_depth::totals : verify_depth::entries;
  auto state = storage::look_at_database(store_folder(options.folder), depth);
  if (!state)
    return fail(state.error().message.c_str());
  auto status = exit_ok;
  if (options.json)
    status = static_cast<exit_code>(print_json(to_json(*state)));
  else
    std::fputs(stats_text(*state).c_str(), stdout);
  if (state->is_sound())
    return status;
  return fail("parts of it are damaged: `weir verify` says which");
}

void add_stats_command(CLI::App& parent, chosen_action& chosen) {
  auto* store = parent.add_subcommand("store", "look at a store's files");
  store->require_subcommand(1);
  auto* command = store->add_subcommand(
    "stats", "say what takes the space in a store\n\n"
             "Entries, pages and bytes of each table, oldest and newest data, free "
             "pages, and the\n"
             "numberings (epochs) of edges. The store may be in use, stopped, or a "
             "backup. OF DATA is\n"
             "bytes of key and value; the rest of BYTES/ENTRY is room in pages.");
  command->footer("EXAMPLES\n  weir store stats /var/lib/weir/central\n"
                  "  weir store stats /var/lib/weir/central --quick --json");
  auto options = std::make_shared<look_options>();
  command
    ->add_option("DIR", options->folder,
                 "The data_dir of weir-central, the store in it, or a backup.")
    ->required();
  command->add_flag("--quick", options->quick,
                    "At once, without reading all: no bytes, no oldest and newest.");
  command->add_flag("--json", options->json, "Print JSON.");
  command->callback(
    [options, &chosen] { chosen = [options] { return stats(*options); }; });
}

} // namespace

void add_verify_commands(CLI::App& parent, chosen_action& chosen) {
  auto* command = parent.add_subcommand(
    "verify", "check a store or a backup, and say what is damaged\n\n"
              "Reads every page, decodes every value, compares the tables with each "
              "other, and a\n"
              "backup with its checksum. Damage is told by table and, where that can "
              "be, by series\n"
              "and span; everything else can be read. A store may be in use meanwhile. "
              "Exit status 1\n"
              "if anything is damaged.");
  command->footer("EXAMPLES\n  weir verify /backup/weir-20261122T150000Z\n"
                  "  weir verify /var/lib/weir/central");
  auto options = std::make_shared<look_options>();
  command
    ->add_option("DIR", options->folder,
                 "A backup, the data_dir of weir-central, or the store in it.")
    ->required();
  command->add_flag("--json", options->json, "Print JSON.");
  command->callback(
    [options, &chosen] { chosen = [options] { return verify(*options); }; });
  add_stats_command(parent, chosen);
}

} // namespace weir::cli
