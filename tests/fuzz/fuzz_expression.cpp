// Any bytes as an expression: no crash, an error has a place in the text and a
// sentence, and what compiles gives the same whether its names are constants of the
// series or come with the event.
#include "analytics/expression.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace weir::analytics;

constexpr std::array<std::string_view, 6> names{"x",  "y",        "gone",
                                                "on", "dim.site", "time"};
constexpr std::array<double, 6> slots{7.0, -2.5, missing_value, 1.0, 0.0, 1.7e9};

void demand(bool x) {
  if (!x)
    std::abort();
}

std::optional<symbol> resolve(std::string_view name, bool varies) {
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    if (names[i] != name)
      continue;
    auto type = name == "dim.site" ? value_type::text
                : name == "on"     ? value_type::boolean
                                   : value_type::number;
    return symbol{type, varies && type != value_type::text, i};
  }
  return std::nullopt;
}

constant_value constant(std::uint32_t index) {
  if (names[index] == "dim.site")
    return std::string_view{"North-1"};
  if (is_missing(slots[index]))
    return std::monostate{};
  return slots[index];
}

void check(std::string_view text, value_type wanted) {
  auto fixed = [](std::string_view name) { return resolve(name, false); };
  auto varying = [](std::string_view name) { return resolve(name, true); };
  auto folded = expression::compile(text, wanted, fixed, names);
  auto evaluated = expression::compile(text, wanted, varying, names);
  if (!folded) {
    demand(!evaluated); // A name that varies allows no more than a constant.
    demand(folded.error().column >= 1 && folded.error().column <= text.size() + 1);
    demand(!folded.error().message.empty() && folded.error().message.size() < 400);
    return;
  }
  auto constants = folded->specialise(constant);
  demand(constants.is_constant());
  if (!evaluated)
    return; // It chooses a text by a name that varies.
  auto special = evaluated->specialise(constant);
  auto a = constants.constant();
  auto b = special.evaluate(slots);
  demand(a == b || (is_missing(a) && is_missing(b)));
  demand(constants.constant_text() == special.constant_text());
  demand(is_missing(a) || wanted != value_type::boolean || a == 0.0 || a == 1.0);
  special.evaluate({});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  check(text, value_type::number);
  check(text, value_type::text);
  check(text, value_type::boolean);
  return 0;
}
