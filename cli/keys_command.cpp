// weir keys new | show
#include "cli/commands.hpp"

#include "transport/curve.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace weir::cli {

namespace {

int make_keys(const std::string& file) {
  // An overwritten key locks an edge out; nobody does that by mistake here.
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored))
    return fail((file
                 + " exists already: remove it first if that key is no "
                   "longer in use")
                  .c_str());
  auto keys = transport::make_curve_keys();
  if (auto written = transport::write_secret_key(file, keys); !written)
    return fail(written.error().message.c_str());
  std::printf("%s\n", keys.public_key.c_str());
  return exit_ok;
}

int show_key(const std::string& file) {
  auto keys = transport::read_secret_key(file);
  if (!keys)
    return fail(keys.error().message.c_str());
  std::printf("%s\n", keys->public_key.c_str());
  return exit_ok;
}

} // namespace

void add_keys_command(CLI::App& parent, chosen_action& chosen) {
  auto* keys = parent.add_subcommand(
    "keys", "make and show CURVE keys\n\n"
            "Edges, centre and ZeroMQ clients know each other by public keys of 40\n"
            "characters. The secret key stays in its file (mode 0600) on the machine "
            "that it\n"
            "was made on.");
  keys->require_subcommand(1);
  auto file = std::make_shared<std::string>();

  auto* make = keys->add_subcommand(
    "new", "make a key pair\n\nWrites the secret key and prints the public key.");
  make->footer("EXAMPLES\n  weir keys new --out /etc/weir/edge.key");
  make->add_option("--out", *file, "The new secret key file.")
    ->required()
    ->type_name("FILE");
  make->callback([file, &chosen] { chosen = [file] { return make_keys(*file); }; });

  auto* show
    = keys->add_subcommand("show", "print the public key of a secret key file");
  show->footer("EXAMPLES\n  weir keys show /etc/weir/edge.key");
  show->add_option("FILE", *file, "The secret key file.")->required();
  show->callback([file, &chosen] { chosen = [file] { return show_key(*file); }; });
}

} // namespace weir::cli
