// Any bytes as a query: no crash; an error has a place in the text and a sentence; a
// tree prints as a text that parses to the same tree; and what parses can be evaluated
// within its limits. The same bytes as a pattern: both ways through the machine agree.
#include "analytics/query/evaluator.hpp"
#include "analytics/query/parser.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace weir::analytics::query;

void demand(bool x) {
  if (!x)
    std::abort();
}

struct two_series : series_source {
  result<std::vector<series_columns>> select(const selection& what) override {
    demand(what.from_ms <= what.until_ms);
    std::vector<series_columns> found(2);
    found[0].labels.set(metric_label, "a");
    found[0].labels.set("x", "1");
    found[1].labels.set("x", "2");
    for (int i = 0; i < 20; ++i)
      for (auto& x : found) {
        auto time_ms = std::int64_t{30'000} * i;
        if (time_ms < what.from_ms || time_ms > what.until_ms)
          continue;
        x.times_ms.push_back(time_ms);
        x.values.push_back(i % 7 == 0 ? stale_value() : i * 1.5);
      }
    return found;
  }
};

void evaluate(const node& tree) {
  two_series source;
  evaluation_options options;
  options.points_max = 20'000;
  options.samples_max = 2'000;
  auto at = evaluate_at(tree, 300'000, source, options);
  demand(at || !at.error().message.empty());
  auto range = evaluate_range(tree, {0, 600'000, 45'000}, source, options);
  demand(range || !range.error().message.empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  auto tree = parse(text);
  if (!tree) {
    demand(tree.error().column >= 1 && tree.error().column <= size + 1);
    demand(!tree.error().message.empty() && tree.error().message.size() < 600);
  } else {
    auto again = parse(to_string(*tree));
    // Printed, it may be longer than a query is allowed to be.
    demand(again || to_string(*tree).size() > query_bytes_max);
    demand(!again || *again == *tree);
    evaluate(*tree);
  }
  if (size < 200)
    if (auto compiled = pattern::compile(text))
      demand(compiled->matches(text) == compiled->groups(text).has_value());
  return 0;
}
