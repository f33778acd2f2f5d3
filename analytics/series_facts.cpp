#include "analytics/series_facts.hpp"

namespace weir::analytics {

namespace {

constexpr std::string_view dimension_prefix = "dim.";

const table_join* find_table(const std::vector<table_join>& tables,
                             std::string_view name, std::string_view& column) {
  auto dot = name.find('.');
  if (dot == std::string_view::npos)
    return nullptr;
  column = name.substr(dot + 1);
  for (const auto& x : tables)
    if (x.name == name.substr(0, dot))
      return &x;
  return nullptr;
}

} // namespace

constant_value series_facts::find_dimension(std::string_view key) const {
  for (const auto& [name, value] : series_->dimensions)
    if (name == key)
      return std::string_view{value};
  return std::monostate{};
}

constant_value series_facts::find(std::string_view name) const {
  if (name == "metric")
    return std::string_view{series_->metric};
  if (name == "source")
    return std::string_view{series_->source};
  if (name.substr(0, dimension_prefix.size()) == dimension_prefix)
    return find_dimension(name.substr(dimension_prefix.size()));
  std::string_view column;
  if (const auto* join = find_table(*tables_, name, column)) {
    auto row = join->table->find(text(join->key));
    auto position = join->table->find_column(column);
    return row && position ? join->table->cell(*row, *position) : constant_value{};
  }
  return find_dimension(name);
}

std::string_view series_facts::text(std::string_view name) const {
  std::string_view column;
  if (const auto* join = find_table(*tables_, name, column);
      join != nullptr && name.substr(0, dimension_prefix.size()) != dimension_prefix) {
    auto row = join->table->find(text(join->key));
    auto position = join->table->find_column(column);
    return row && position ? join->table->text(*row, *position) : std::string_view{};
  }
  auto found = find(name);
  auto* result = std::get_if<std::string_view>(&found);
  return result == nullptr ? std::string_view{} : *result;
}

std::optional<value_type> fact_type(std::string_view name,
                                    const std::vector<table_join>& tables) {
  if (name.substr(0, dimension_prefix.size()) == dimension_prefix)
    return value_type::text;
  std::string_view column;
  if (const auto* join = find_table(tables, name, column)) {
    auto position = join->table->find_column(column);
    if (!position)
      return std::nullopt;
    return join->table->columns()[*position].type == column_type::number
             ? value_type::number
             : value_type::text;
  }
  return value_type::text;
}

} // namespace weir::analytics
