#include "cli/manual.hpp"

#include <sstream>

namespace weir::cli {

namespace {

std::string name_line(const std::string& description) {
  return description.substr(0, description.find('\n'));
}

std::string rest_of(const std::string& description) {
  auto end = description.find("\n\n");
  return end == std::string::npos ? "" : description.substr(end + 2);
}

std::string full_name(const CLI::App* app) {
  auto parent = app->get_parent();
  auto name = app->get_name().empty() ? "weir" : app->get_name();
  return parent == nullptr ? name : full_name(parent) + " " + name;
}

void indent(std::ostream& out, const std::string& text) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    out << (line.empty() ? "" : "  ") << line << '\n';
}

/// CLI11 leaves two empty lines between groups.
std::string without_gaps(std::string text) {
  for (auto at = text.find("\n\n\n"); at != std::string::npos;
       at = text.find("\n\n\n", at))
    text.erase(at, 1);
  return text;
}

void write_synopsis(std::ostream& out, const CLI::App* app) {
  out << "SYNOPSIS\n  " << full_name(app);
  for (const auto* option :
       app->get_options([](const CLI::Option* x) { return x->get_positional(); })) {
    auto name = option->get_name(true);
    out << ' ' << (option->get_required() ? name : "[" + name + "]");
  }
  if (!app->get_subcommands({}).empty())
    out << " COMMAND";
  out << " [OPTION...]\n";
}

} // namespace

std::string manual::make_help(const CLI::App* app, std::string name,
                              CLI::AppFormatMode mode) const {
  if (mode == CLI::AppFormatMode::Sub)
    return make_expanded(app);
  std::ostringstream out;
  out << "NAME\n  " << full_name(app) << " - " << name_line(app->get_description())
      << "\n\n";
  write_synopsis(out, app);
  if (auto rest = rest_of(app->get_description()); !rest.empty()) {
    out << "\nDESCRIPTION\n";
    indent(out, rest);
  }
  out << without_gaps(make_positionals(app) + make_groups(app, mode)
                      + make_subcommands(app, mode));
  if (!app->get_footer().empty())
    out << '\n' << app->get_footer() << '\n';
  out << "\nEXIT STATUS\n  0 done, 1 it did not work (standard error says why), "
         "2 the command line is wrong\n";
  static_cast<void>(name);
  return out.str();
}

std::string manual::make_subcommand(const CLI::App* sub) const {
  std::ostringstream out;
  CLI::detail::format_help(out, sub->get_name(), name_line(sub->get_description()),
                           get_column_width());
  return out.str();
}

std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const auto* deepest = &app;
  while (!deepest->get_subcommands().empty())
    deepest = deepest->get_subcommands().front();
  return "weir: " + std::string{error.what()} + "\nTry: " + full_name(deepest)
         + " --help\n";
}

} // namespace weir::cli
