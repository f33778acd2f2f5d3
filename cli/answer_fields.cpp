#include "cli/answer_fields.hpp"

#include "cli/time_text.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>

namespace weir::cli {

using nlohmann::json;

const json& at(const json& object, const char* name) {
  static const json nothing;
  if (!object.is_object())
    return nothing;
  auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

const json& list_at(const json& object, const char* name) {
  static const json nothing = json::array();
  const auto& found = at(object, name);
  return found.is_array() ? found : nothing;
}

std::string number_text(double value) {
  char text[40];
  auto whole = std::abs(value) < 1e15 && value == std::floor(value);
  std::snprintf(text, sizeof text, whole ? "%.0f" : "%.6g", value);
  return text;
}

/// Any scalar as text; of a list [[TEXT, WEIGHT]...] its parts.
std::string text_of(const json& value) {
  if (value.is_array()) {
    std::string result;
    for (const auto& x : value)
      if (x.is_array() && x.size() == 2 && x[0].is_string() && x[1].is_number())
        result += (result.empty() ? "" : ", ") + x[0].get<std::string>() + ": "
                  + number_text(x[1].get<double>());
    return result;
  }
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_boolean())
    return value.get<bool>() ? "yes" : "no";
  return value.is_number() ? number_text(value.get<double>()) : "";
}

std::string time_of(const json& value) {
  if (!value.is_number())
    return "";
  auto ms = value.get<double>();
  if (!(std::abs(ms) < 9.0e12))
    return text_of(value);
  return iso_ms(static_cast<std::int64_t>(ms) * 1'000'000);
}

std::string bytes_of(const json& value) {
  if (!value.is_number())
    return "";
  auto size = value.get<double>();
  const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; size >= 1000.0 && unit < 4; ++unit)
    size /= 1000.0;
  char text[40];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", size,
                units[unit]);
  return text;
}

std::string none(const char* what) {
  return std::string{"no "} + what + "\n";
}

} // namespace weir::cli
