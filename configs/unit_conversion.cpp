#include "configs/unit_conversion.hpp"

#include <array>
#include <charconv>
#include <vector>

namespace weir::configs {

namespace {

/// In the kind's base unit it is (value + shift) * factor / divisor. Both are numbers
/// that a double holds exactly or that are defined so, so that a conversion there and
/// back differs in the last bit at most.
struct unit {
  std::string_view kind;
  std::string_view name;
  double factor = 1.0;
  double divisor = 1.0;
  double shift = 0.0;
};

constexpr std::array units{
  unit{"temperature", "degC"},
  unit{"temperature", "degF", 1, 1.8, -32},
  unit{"temperature", "K", 1, 1, -273.15},
  unit{"pressure", "Pa"},
  unit{"pressure", "hPa", 100},
  unit{"pressure", "kPa", 1000},
  unit{"pressure", "MPa", 1'000'000},
  unit{"pressure", "mbar", 100},
  unit{"pressure", "bar", 100'000},
  unit{"pressure", "psi", 6894.757293168},
  unit{"pressure", "atm", 101'325},
  unit{"pressure", "mmHg", 133.322387415},
  unit{"pressure", "inHg", 3386.388640341},
  unit{"length", "m"},
  unit{"length", "um", 1, 1'000'000},
  unit{"length", "mm", 1, 1000},
  unit{"length", "cm", 1, 100},
  unit{"length", "km", 1000},
  unit{"length", "in", 0.0254},
  unit{"length", "ft", 0.3048},
  unit{"length", "yd", 0.9144},
  unit{"length", "mi", 1609.344},
  unit{"mass", "kg"},
  unit{"mass", "mg", 1, 1'000'000},
  unit{"mass", "g", 1, 1000},
  unit{"mass", "t", 1000},
  unit{"mass", "oz", 0.028349523125},
  unit{"mass", "lb", 0.45359237},
  unit{"speed", "m/s"},
  unit{"speed", "mm/s", 1, 1000},
  unit{"speed", "km/h", 1, 3.6},
  unit{"speed", "in/s", 0.0254},
  unit{"speed", "ft/s", 0.3048},
  unit{"speed", "mph", 0.44704},
  unit{"speed", "kn", 1852, 3600},
  unit{"volume", "m3"},
  unit{"volume", "mL", 1, 1'000'000},
  unit{"volume", "L", 1, 1000},
  unit{"volume", "ft3", 0.028316846592},
  unit{"volume", "gal", 0.003785411784},
  unit{"flow", "m3/h"},
  unit{"flow", "L/s", 3.6},
  unit{"flow", "L/min", 0.06},
  unit{"flow", "gal/min", 0.22712470704},
  unit{"energy", "J"},
  unit{"energy", "kJ", 1000},
  unit{"energy", "MJ", 1'000'000},
  unit{"energy", "Wh", 3600},
  unit{"energy", "kWh", 3'600'000},
  unit{"energy", "MWh", 3'600'000'000},
  unit{"energy", "cal", 4.184},
  unit{"energy", "kcal", 4184},
  unit{"energy", "BTU", 1055.05585262},
  unit{"power", "W"},
  unit{"power", "mW", 1, 1000},
  unit{"power", "kW", 1000},
  unit{"power", "MW", 1'000'000},
  unit{"power", "hp", 745.6998715822702},
  unit{"ratio", "ratio"},
  unit{"ratio", "percent", 1, 100},
  unit{"ratio", "ppm", 1, 1'000'000},
  unit{"time", "s"},
  unit{"time", "us", 1, 1'000'000},
  unit{"time", "ms", 1, 1000},
  unit{"time", "min", 60},
  unit{"time", "h", 3600},
  unit{"time", "d", 86'400},
  unit{"frequency", "Hz"},
  unit{"frequency", "kHz", 1000},
  unit{"frequency", "rpm", 1, 60},
  unit{"voltage", "V"},
  unit{"voltage", "mV", 1, 1000},
  unit{"voltage", "kV", 1000},
  unit{"current", "A"},
  unit{"current", "mA", 1, 1000},
  unit{"current", "kA", 1000},
  unit{"angle", "rad"},
  unit{"angle", "deg", 3.141592653589793, 180},
  unit{"data", "B"},
  unit{"data", "kB", 1000},
  unit{"data", "MB", 1'000'000},
  unit{"data", "GB", 1'000'000'000},
  unit{"data", "KiB", 1024},
  unit{"data", "MiB", 1'048'576},
  unit{"data", "GiB", 1'073'741'824},
};

const unit* find(std::string_view name) {
  for (const auto& x : units)
    if (x.name == name)
      return &x;
  return nullptr;
}

/// Names of one kind, or of all by kind: "temperature: degC, degF, K; pressure: ...".
std::string names_of(std::string_view kind) {
  std::string result;
  std::string_view before;
  for (const auto& x : units) {
    if (!kind.empty() && x.kind != kind)
      continue;
    if (x.kind == before)
      result += ", ";
    else if (kind.empty())
      result += (before.empty() ? "" : "; ") + std::string{x.kind} + ": ";
    result += x.name;
    before = x.kind;
  }
  return result;
}

/// Without an exponent.
std::string shown(double x) {
  std::array<char, 64> text{};
  auto end
    = std::to_chars(text.data(), text.data() + text.size(), x, std::chars_format::fixed)
        .ptr;
  return {text.data(), end};
}

std::string shifted(std::string text, double by) {
  if (by == 0.0)
    return text;
  return text + (by < 0.0 ? " - " : " + ") + shown(by < 0.0 ? -by : by);
}

} // namespace

bool is_unit(std::string_view name) {
  return find(name) != nullptr;
}

expected<std::string, std::string> unit_conversion(std::string_view from,
                                                   std::string_view to) {
  const auto* a = find(from);
  const auto* b = find(to);
  if (a == nullptr || b == nullptr)
    return unexpected("found \"" + std::string{(a == nullptr ? from : to).substr(0, 64)}
                      + "\", accepted: " + names_of({}));
  if (a->kind != b->kind)
    return unexpected("found \"" + std::string{to} + "\", which is no "
                      + std::string{a->kind} + " as \"" + std::string{from}
                      + "\" is, accepted: " + names_of(a->kind));
  auto result = shifted("value", a->shift);
  auto factor = a->factor * b->divisor;
  auto divisor = a->divisor * b->factor;
  if (factor != divisor) {
    if (a->shift != 0.0)
      result = "(" + result + ")";
    if (factor != 1.0)
      result += " * " + shown(factor);
    if (divisor != 1.0)
      result += " / " + shown(divisor);
  }
  return shifted(std::move(result), -b->shift);
}

} // namespace weir::configs
