#include "configs/command_line.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace weir::configs {

expected<command_line, int> read_command_line(int argc, char** argv,
                                              const program_texts& texts) {
  CLI::App app{texts.description, texts.name};
  command_line result;
  app.add_option("-c,--config", result.config_file, "The config file (TOML)")
    ->required();
  app.add_flag("--check-config", result.check_only,
               "Read and check the config, print what is wrong, and exit");
  app.add_flag_callback(
    "--failpoints",
    [&texts] {
      for (const auto& x : texts.failpoints)
        std::printf("%s\n", x.c_str());
      throw CLI::Success{};
    },
    "Print the names of moments at which WEIR_FAILPOINT=NAME:PASS ends the program as "
    "kill -9 would (for tests), and exit");
  app.set_version_flag("--version", texts.name + " " + texts.version);
  app.footer(texts.footer);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return unexpected(app.exit(e) == 0 ? exit_ok : exit_usage);
  }
  return result;
}

void print_errors(const config_errors& errors) {
  for (const auto& line : errors)
    std::fprintf(stderr, "%s\n", line.c_str());
}

} // namespace weir::configs
