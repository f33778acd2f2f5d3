// Any bytes as each kind of sketch, with a byte before them that chooses: no crash,
// bounded memory, and what decodes has exactly these bytes, answers, and merges into
// something that decodes again.
#include "analytics/aggregates.hpp"
#include "analytics/extended_aggregates.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace weir::analytics;

void demand(bool ok) {
  if (!ok)
    std::abort();
}

template <class Sketch>
std::string encoded(const Sketch& x) {
  std::string bytes;
  x.encode(bytes);
  return bytes;
}

/// `use` asks the sketch whatever it can answer.
template <class Sketch, class Use>
void check(std::string_view bytes, std::size_t size_bytes_max, const Use& use) {
  auto sketch = Sketch::decode(bytes);
  if (!sketch)
    return;
  demand(encoded(*sketch) == bytes);
  demand(sketch->size_bytes() <= size_bytes_max);
  use(*sketch);
  auto again = Sketch::decode(bytes);
  sketch->merge(*again);
  again->merge(*again);
  sketch->merge(*again);
  auto merged = encoded(*sketch);
  auto decoded = Sketch::decode(merged);
  demand(decoded.has_value() && encoded(*decoded) == merged);
}

void use_quantiles(quantile_sketch& x) {
  for (double q : {0.0, 0.5, 1.0})
    demand((x.count() == 0) == !(x.quantile(q) == x.quantile(q)));
  demand(x.rank(1e308 * 10) == x.count());
  x.add(1.0);
  x.add(-1e-300);
}

void use_top(top_values& x) {
  for (const auto& value : x.top(10))
    demand(value.error <= value.weight);
  for (int i = 0; i < 100; ++i)
    x.add(std::to_string(i));
}

void use_extended(extended_aggregates& x) {
  static const auto plan
    = parse_aggregates({"rate", "time_weighted_mean", "median", "distinct(a)"}).value();
  summary window;
  window.count = 1;
  for (const auto& spec : plan.specs)
    static_cast<void>(value_of(window, &x, spec));
  x.add(5, 1.0);
  x.add(-5, 1.0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] % 4) {
  case 0:
    check<quantile_sketch>(bytes, 20'000, use_quantiles);
    break;
  case 1:
    check<distinct_sketch>(bytes, 5'000, [](distinct_sketch& x) {
      demand(x.estimate() >= 0.0);
      x.add(size_t{0});
      x.add(UINT64_MAX);
    });
    break;
  case 2:
    check<top_values>(bytes, 350'000, use_top);
    break;
  default:
    check<extended_aggregates>(bytes, 1'500'000, use_extended);
  }
  return 0;
}
