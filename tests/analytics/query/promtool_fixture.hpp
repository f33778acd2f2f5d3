// Reads and writes the table of expressions whose answers come from Prometheus itself
// (fixtures/promql/answers.txt).
#pragma once

#include "memory_source.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics::query {

struct known_sample {
  label_set labels;
  double value = 0.0;
};

struct known_answer {
  std::string time; ///< As promtool writes it: 10m, 12m15s.
  std::string expression;
  bool is_error = false;
  std::vector<known_sample> samples;
};

struct answer_table {
  std::string interval;
  std::vector<std::pair<std::string, std::string>> series; ///< Name and values.
  std::vector<known_answer> answers;
  std::vector<std::string> comments; ///< At the top.
};

inline std::int64_t duration_ms(const std::string& text) {
  auto tree = parse("x[" + text + "]");
  return std::get<selector>(tree->form).range_ms;
}

/// Reads `{a="b"} 1.5E+00, {} NaN`.
inline std::vector<known_sample> read_samples(std::string_view text) {
  std::vector<known_sample> result;
  while (!text.empty()) {
    std::size_t end = 0;
    char quote = 0;
    for (; end < text.size() && (quote != 0 || text[end] != '}'); ++end) {
      if (quote != 0 && text[end] == '\\')
        ++end;
      else if (text[end] == '"')
        quote = quote != 0 ? 0 : '"';
    }
    ++end;
    known_sample sample;
    auto labels = std::string{text.substr(0, end)};
    if (labels != "{}") {
      auto selected = parse_selector(labels).value();
      for (const auto& m : selected.matchers)
        sample.labels.set(m.name(), m.value());
    }
    auto value = text.substr(end + 1);
    value = value.substr(0, value.find(", "));
    sample.value = std::stod(std::string{value});
    result.push_back(std::move(sample));
    text.remove_prefix(end + 1 + value.size());
    text.remove_prefix(std::min<std::size_t>(text.size(), 2));
  }
  return result;
}

inline std::filesystem::path answer_table_path() {
  return std::filesystem::path{WEIR_SOURCE_DIR}
         / "tests/analytics/fixtures/promql/answers.txt";
}

inline answer_table read_answer_table() {
  answer_table result;
  std::ifstream in{answer_table_path()};
  for (std::string line; std::getline(in, line);) {
    auto rest_of
      = [&line](std::string_view word) { return line.substr(word.size() + 1); };
    if (line.starts_with("# "))
      result.comments.push_back(line);
    else if (line.starts_with("interval "))
      result.interval = rest_of("interval");
    else if (line.starts_with("series ")) {
      auto rest = rest_of("series");
      auto split = rest.find("} ");
      result.series.emplace_back(rest.substr(0, split + 1), rest.substr(split + 2));
    } else if (line.starts_with("at ")) {
      auto rest = rest_of("at");
      auto split = rest.find(' ');
      result.answers.push_back({rest.substr(0, split), rest.substr(split + 1)});
    } else if (line == "  error")
      result.answers.back().is_error = true;
    else if (line.starts_with("  "))
      result.answers.back().samples.push_back(read_samples(line.substr(2)).at(0));
  }
  return result;
}

inline memory_source make_source(const answer_table& table) {
  memory_source result;
  for (const auto& [name, values] : table.series)
    result.add(name, values, duration_ms(table.interval));
  return result;
}

} // namespace weir::analytics::query
