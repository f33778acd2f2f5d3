#pragma once
#include "analytics/expected.hpp"
#include <cstdint>
#include <string>
#include <string_view>
namespace weir::analytics {
struct sequence_totals { std::uint64_t missing = 0, recovered = 0, restarts = 0; };
class sequence_tracker { public:
  void observe(std::string_view, std::uint64_t) {}
  sequence_totals totals() const { return {}; }
  void snapshot(std::string&) const {}
  expected<void, std::string> restore(std::string_view) { return {}; }
};
}
