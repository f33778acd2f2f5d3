// Series in memory as the source of a query, written as promtool writes them.
#pragma once

#include "analytics/query/evaluator.hpp"
#include "analytics/query/parser.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace weir::analytics::query {

class memory_source : public series_source {
public:
  /// `values` are `1 2.5 _ stale`, `1+2x3` (1 3 5 7), `5x3` (four times 5), `_x3`.
  void add(const std::string& series, const std::string& values,
           std::int64_t interval_ms) {
    series_columns made;
    auto selected = parse_selector(series).value();
    for (const auto& m : selected.matchers)
      made.labels.set(m.name(), m.value());
    std::int64_t time_ms = 0;
    auto add_sample = [&](double x) {
      made.times_ms.push_back(time_ms);
      made.values.push_back(x);
      time_ms += interval_ms;
    };
    std::istringstream words{values};
    for (std::string word; words >> word;) {
      auto x = word.find('x');
      auto count = x == std::string::npos ? 0 : std::stoi(word.substr(x + 1));
      if (word[0] == '_') {
        time_ms += interval_ms * (x == std::string::npos ? 1 : count);
      } else if (word == "stale") {
        add_sample(stale_value());
      } else {
        auto begin = word.substr(0, x);
        auto sign = begin.find_first_of("+-", 1);
        while (sign != std::string::npos && begin[sign - 1] == 'e')
          sign = begin.find_first_of("+-", sign + 1);
        auto value = std::stod(begin.substr(0, sign));
        auto step = sign == std::string::npos ? 0.0 : std::stod(begin.substr(sign));
        for (int i = 0; i <= count; ++i, value += step)
          add_sample(value);
      }
    }
    series_.push_back(std::move(made));
  }

  result<std::vector<series_columns>> select(const selection& what) override {
    std::vector<series_columns> found;
    for (const auto& x : series_) {
      if (!matches(what.matchers, x.labels))
        continue;
      auto first = std::lower_bound(x.times_ms.begin(), x.times_ms.end(), what.from_ms);
      auto last = std::upper_bound(first, x.times_ms.end(), what.until_ms);
      if (first == last)
        continue;
      series_columns part{.labels = x.labels, .times_ms = {first, last}};
      part.values.assign(x.values.begin() + (first - x.times_ms.begin()),
                         x.values.begin() + (last - x.times_ms.begin()));
      found.push_back(std::move(part));
    }
    ++selections;
    return found;
  }

  int selections = 0;

private:
  std::vector<series_columns> series_;
};

} // namespace weir::analytics::query
