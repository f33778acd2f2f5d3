#include "analytics/expression/wording.hpp"

namespace weir::analytics::expressions {

std::string with_article(value_type x) {
  return "a " + std::string{to_string(x)};
}

std::string shown(std::string_view name) {
  constexpr std::size_t bytes_max = 60;
  if (name.size() <= bytes_max)
    return "`" + std::string{name} + "`";
  auto end = bytes_max;
  while ((static_cast<unsigned char>(name[end]) & 0xc0) == 0x80)
    --end;
  return "`" + std::string{name.substr(0, end)} + "...`";
}

} // namespace weir::analytics::expressions
