// weir keys new | store | show
#include "cli/commands.hpp"

#include "storage/key_ring_master.hpp"
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

int make_store_key(const std::string& file) {
  auto key = storage::master_key::random();
  if (auto written = storage::write_master_key(file, key); !written)
    return fail(written.error().message.c_str());
  std::printf("%s\n", key.fingerprint().c_str());
  return exit_ok;
}

int show_store_key(const std::string& file) {
  auto key = storage::read_master_key(file);
  if (!key)
    return fail(key.error().message.c_str());
  std::printf("%s\n", key->fingerprint().c_str());
  return exit_ok;
}

int show_key(const std::string& file) {
  if (storage::is_master_key_file(file))
    return show_store_key(file);
  auto keys = transport::read_secret_key(file);
  if (!keys)
    return fail(keys.error().message.c_str());
  std::printf("%s\n", keys->public_key.c_str());
  return exit_ok;
}

} // namespace

void add_keys_command(CLI::App& parent, chosen_action& chosen) {
  auto* keys = parent.add_subcommand(
    "keys", "make and show keys\n\n"
            "Edges, centre and ZeroMQ clients know each other by CURVE keys: public "
            "ones of 40\n"
            "characters, and secret ones that stay in their file (mode 0600) on the "
            "machine\n"
            "they were made on. A store is encrypted for a master key.");
  keys->require_subcommand(1);
  auto file = std::make_shared<std::string>();

  auto* make = keys->add_subcommand(
    "new", "make a CURVE key pair\n\nWrites the secret key and prints the public key.");
  make->footer("EXAMPLES\n  weir keys new --out /etc/weir/edge.key");
  make->add_option("--out", *file, "The new secret key file.")
    ->required()
    ->type_name("FILE");
  make->callback([file, &chosen] { chosen = [file] { return make_keys(*file); }; });

  auto* store = keys->add_subcommand(
    "store",
    "make the master key of an encrypted store\n\n"
    "Writes the key (mode 0600, never over another file) and prints its "
    "fingerprint. Keep\n"
    "a copy away from the store and its backups: without the key nobody can read "
    "them.");
  store->footer("EXAMPLES\n  weir keys store /etc/weir/store.key");
  store->add_option("FILE", *file, "The new master key file.")->required();
  store->callback(
    [file, &chosen] { chosen = [file] { return make_store_key(*file); }; });

  auto* show = keys->add_subcommand(
    "show", "print what may be known of a key file\n\n"
            "The public key of a CURVE key, the fingerprint of a store's master key.");
  show->footer("EXAMPLES\n  weir keys show /etc/weir/edge.key\n"
               "  weir keys show /etc/weir/store.key");
  show->add_option("FILE", *file, "The key file.")->required();
  show->callback([file, &chosen] { chosen = [file] { return show_key(*file); }; });
}

} // namespace weir::cli
