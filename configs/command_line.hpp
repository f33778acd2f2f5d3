// The command line that weir-edge and weir-central share: one config file, and what
// to do with it.
#pragma once

#include "configs/config_tree.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::configs {

struct command_line {
  std::filesystem::path config_file;
  bool check_only = false; ///< Read and check the config, and go.
};

struct program_texts {
  std::string name;                    ///< "weir-edge"
  std::string version;                 ///< "0.1.0"
  std::string description;             ///< Before the options in --help.
  std::string footer;                  ///< Behind them.
  std::vector<std::string> failpoints; ///< What --failpoints prints, a line each.
};

/// Exit statuses of the programs.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

/// Reads the arguments; answers --help and --version itself. On error: the exit
/// status, after what was to be said has been printed.
expected<command_line, int> read_command_line(int argc, char** argv,
                                              const program_texts& texts);

/// Prints a config's errors, a line each, to standard error.
void print_errors(const config_errors& errors);

} // namespace weir::configs
