// The answers are those of Prometheus: a table of expressions with what it gives for
// them, and, where promtool is installed, the table asked anew.
#include "promtool_fixture.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

using namespace weir::analytics::query;

namespace {

/// Expressions on which this language differs on purpose; docs/query.md says why.
bool is_known_difference(const std::string& expression) {
  return expression == "ratio atan2 ratio";
}

bool are_equal(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b))
    return a == b;
  return std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b));
}

std::string text_of(std::vector<known_sample> samples) {
  std::sort(samples.begin(), samples.end(),
            [](const auto& a, const auto& b) { return a.labels < b.labels; });
  std::ostringstream out;
  out.precision(17);
  for (const auto& x : samples)
    out << to_string(x.labels) << " " << x.value << "\n";
  return out.str();
}

struct own_answer {
  std::string error;
  std::vector<known_sample> samples;
};

own_answer ask(const known_answer& about, series_source& source) {
  auto tree = parse(about.expression);
  if (!tree)
    return {tree.error().message, {}};
  auto found = evaluate_at(*tree, duration_ms(about.time), source, {});
  if (!found)
    return {found.error().message, {}};
  own_answer result;
  if (found->type == value_type::matrix || found->type == value_type::text)
    result.error = "promtool takes no such results";
  for (auto& x : found->series)
    result.samples.push_back({std::move(x.labels), x.values.back()});
  return result;
}

/// Whether the answer is the known one; says so if not.
bool agrees(const known_answer& known, series_source& source) {
  auto own = ask(known, source);
  auto right = own.error.empty() != known.is_error
               && own.samples.size() * (known.is_error ? 0 : 1) == known.samples.size();
  auto expected_samples = known.samples;
  for (auto* side : {&own.samples, &expected_samples})
    std::sort(side->begin(), side->end(),
              [](const auto& a, const auto& b) { return a.labels < b.labels; });
  for (std::size_t i = 0; right && i < expected_samples.size(); ++i)
    right = own.samples[i].labels == expected_samples[i].labels
            && are_equal(own.samples[i].value, expected_samples[i].value);
  if (!right)
    WARN("at " << known.time << " " << known.expression << "\nPrometheus:\n"
               << (known.is_error ? "error" : text_of(known.samples))
               << "here: " << own.error << "\n"
               << text_of(own.samples));
  return right;
}

std::string yaml_text(const std::string& x) {
  std::string result = "'";
  for (char c : x)
    result += c == '\'' ? "''" : std::string{c};
  return result + "'";
}

/// Every query gets an expectation that cannot hold, so that promtool shows its answer.
std::string make_rule_test(const answer_table& table) {
  std::ostringstream out;
  out << "evaluation_interval: 1m\ntests:\n  - interval: " << table.interval
      << "\n    input_series:\n";
  for (const auto& [name, values] : table.series)
    out << "      - series: " << yaml_text(name)
        << "\n        values: " << yaml_text(values) << "\n";
  out << "    promql_expr_test:\n";
  for (const auto& x : table.answers)
    out << "      - expr: " << yaml_text(x.expression)
        << "\n        eval_time: " << x.time
        << "\n        exp_samples:\n          - labels: '{no=\"such\"}'\n"
        << "            value: 77\n";
  return out.str();
}

std::string run(const std::string& command) {
  std::string result;
  auto pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (auto size = std::fread(buffer.data(), 1, buffer.size(), pipe))
    result.append(buffer.data(), size);
  ::pclose(pipe);
  return result;
}

/// Puts promtool's answers into the table; false if its output is not understood.
bool read_answers(const std::string& output, answer_table& table) {
  std::istringstream lines{output};
  std::size_t next = 0;
  for (std::string line; std::getline(lines, line);) {
    auto is_result = line.find("  got: ") != std::string::npos;
    auto is_error = line.find("    expr: ") == 0 && line.find(", err: ") != line.npos;
    if (!is_result && !is_error)
      continue;
    if (next == table.answers.size())
      return false;
    auto& answer = table.answers[next++];
    answer.is_error = is_error;
    answer.samples.clear();
    auto got = is_result ? line.substr(line.find("got: ") + 5) : "nil";
    if (got != "nil")
      answer.samples = read_samples(got);
  }
  return next == table.answers.size();
}

void write(const answer_table& table) {
  std::ofstream out{answer_table_path()};
  out.precision(17);
  for (const auto& x : table.comments)
    out << x << "\n";
  out << "interval " << table.interval << "\n";
  for (const auto& [name, values] : table.series)
    out << "series " << name << " " << values << "\n";
  for (const auto& x : table.answers) {
    out << "at " << x.time << " " << x.expression << "\n";
    if (x.is_error)
      out << "  error\n";
    for (const auto& sample : x.samples) {
      std::string labels;
      for (const auto& label : sample.labels.all())
        labels
          += (labels.empty() ? "" : ", ") + label.name + "=" + quoted_text(label.value);
      out << "  {" << labels << "} " << sample.value << "\n";
    }
  }
}

} // namespace

TEST_CASE("answers are those that Prometheus gave", "[query]") {
  auto table = read_answer_table();
  REQUIRE(table.answers.size() > 400);
  auto source = make_source(table);
  std::size_t wrong = 0;
  for (const auto& known : table.answers)
    if (!is_known_difference(known.expression))
      wrong += agrees(known, source) ? 0 : 1;
  CHECK(wrong == 0);
}

TEST_CASE("a range has at each step what a query at that time has", "[query]") {
  auto table = read_answer_table();
  auto source = make_source(table);
  constexpr std::int64_t step_ms = 50'000;
  for (const auto& known : table.answers) {
    auto tree = parse(known.expression);
    if (known.time != "20m" || !tree || tree->type > value_type::vector
        || known.expression.find("start()") != std::string::npos
        || known.expression.find("end()") != std::string::npos)
      continue;
    CAPTURE(known.expression);
    auto range
      = evaluate_range(*tree, {-100'000, 31 * step_ms - 100'000, step_ms}, source, {});
    bool has_failed = false;
    for (std::int64_t time_ms = -100'000; time_ms <= 31 * step_ms - 100'000;
         time_ms += step_ms) {
      auto at = evaluate_at(*tree, time_ms, source, {});
      has_failed = has_failed || !at;
      if (!at || !range)
        continue;
      std::vector<known_sample> expected_samples;
      std::vector<known_sample> found;
      for (const auto& x : at->series)
        expected_samples.push_back({x.labels, x.values.at(0)});
      for (const auto& x : range->series) {
        auto place = std::find(x.times_ms.begin(), x.times_ms.end(), time_ms);
        if (place != x.times_ms.end())
          found.push_back(
            {x.labels, x.values[static_cast<std::size_t>(place - x.times_ms.begin())]});
      }
      CAPTURE(time_ms);
      REQUIRE(found.size() == expected_samples.size());
      auto by_labels = [](const auto& a, const auto& b) { return a.labels < b.labels; };
      std::sort(found.begin(), found.end(), by_labels);
      std::sort(expected_samples.begin(), expected_samples.end(), by_labels);
      for (std::size_t i = 0; i < found.size(); ++i) {
        REQUIRE(found[i].labels == expected_samples[i].labels);
        if (!are_equal(found[i].value, expected_samples[i].value))
          REQUIRE(found[i].value == expected_samples[i].value);
      }
    }
    CHECK(has_failed == !range.has_value());
  }
}

TEST_CASE("the table of answers is what promtool says", "[query][promtool]") {
  if (run("promtool --version 2>&1").find("version 2.42") == std::string::npos) {
    WARN("skipped: no promtool 2.42");
    return;
  }
  auto table = read_answer_table();
  auto path = std::filesystem::temp_directory_path()
              / ("weir_promtool_" + std::to_string(::getpid()) + ".yml");
  std::ofstream{path} << make_rule_test(table);
  auto output = run("promtool test rules " + path.string() + " 2>&1");
  std::filesystem::remove(path);
  CAPTURE(output.substr(0, 2000));
  REQUIRE(read_answers(output, table));
  if (std::getenv("WEIR_PROMTOOL_UPDATE"))
    write(table);
  auto source = make_source(table);
  std::size_t wrong = 0;
  for (const auto& known : table.answers)
    if (!is_known_difference(known.expression))
      wrong += agrees(known, source) ? 0 : 1;
  CHECK(wrong == 0);
}
