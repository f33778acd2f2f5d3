// The only file that includes toml++: TOML text to config_value.
#include "configs/config_tree.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace weir::configs {

namespace {

config_value convert(const toml::node& node);

config_value convert_table(const toml::table& table) {
  auto members = std::make_shared<config_members>();
  for (const auto& [key, value] : table)
    members->emplace(std::string{key.str()}, convert(value));
  config_value result;
  result.data = std::move(members);
  return result;
}

config_value convert_array(const toml::array& array) {
  auto items = std::make_shared<config_items>();
  for (const auto& value : array)
    items->push_back(convert(value));
  config_value result;
  result.data = std::move(items);
  return result;
}

config_value convert(const toml::node& node) {
  config_value result;
  if (const auto* table = node.as_table())
    result = convert_table(*table);
  else if (const auto* array = node.as_array())
    result = convert_array(*array);
  else if (const auto* text = node.as_string())
    result.data = text->get();
  else if (const auto* integer = node.as_integer())
    result.data = integer->get();
  else if (const auto* number = node.as_floating_point())
    result.data = number->get();
  else if (const auto* boolean = node.as_boolean())
    result.data = boolean->get();
  // Dates and times stay monostate: no setting takes them.
  result.line = static_cast<int>(node.source().begin.line);
  return result;
}

} // namespace

expected<config_value, std::string> parse_toml(std::string_view text,
                                               const std::string& name) {
  auto parsed = toml::parse(text, name);
  if (!parsed) {
    const auto& error = parsed.error();
    return unexpected(name + ":" + std::to_string(error.source().begin.line) + ":"
                      + std::to_string(error.source().begin.column) + ": "
                      + std::string{error.description()});
  }
  return convert_table(parsed.table());
}

expected<config_value, std::string> parse_toml(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::error_code ignored;
  if (!in || std::filesystem::is_directory(file, ignored))
    return unexpected(file.string()
                      + ": cannot be read: is the path right, and may this "
                        "user read it?");
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  return parse_toml(text, file.string());
}

} // namespace weir::configs
