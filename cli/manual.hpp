// Help in the order of a manual page: NAME, SYNOPSIS, DESCRIPTION, the options,
// and the footer with examples. A command's description is its name line, an
// empty line and the rest; lists of commands show the name line only.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace weir::cli {

class manual : public CLI::Formatter {
public:
  manual() {
    column_width(30);
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_subcommand(const CLI::App* sub) const override;
};

/// The manual page of a command that was not complete, in two lines.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error);

} // namespace weir::cli
