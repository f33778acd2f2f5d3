// weir query: the query language on the command line.
#include "analytics/query/parser.hpp"
#include "cli/api_options.hpp"
#include "cli/commands.hpp"
#include "cli/query_text.hpp"
#include "cli/time_text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

namespace weir::cli {

namespace {

using nlohmann::json;

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::int64_t rows_wanted = 100;

struct query_options {
  std::string text;
  std::string at = "now";
  std::string from;
  std::string to = "now";
  std::string step;
};

/// Seconds with milliseconds, as the API takes them.
std::string seconds_text(std::int64_t ns) {
  auto ms = ns / ms_ns;
  auto digits = std::to_string(std::abs(ms % 1000));
  return (ms < 0 ? "-" : "") + std::to_string(std::abs(ms / 1000)) + "."
         + std::string(3 - digits.size(), '0') + digits;
}

/// Some hundred rows, in whole seconds.
std::int64_t default_step_ns(std::int64_t span_ns) {
  constexpr std::int64_t second_ns = 1'000 * ms_ns;
  return std::max<std::int64_t>(span_ns / rows_wanted / second_ns, 1) * second_ns;
}

/// Path and form of the request; the error names the option.
struct question {
  std::string path;
  std::string form;
};

expected<question, std::string> make_question(const query_options& what,
                                              double timeout_s) {
  auto now_ns = wall_clock_ns();
  question result;
  result.form = "query=" + url_encoded(what.text)
                + "&timeout=" + std::to_string(std::max(timeout_s, 0.1));
  if (what.from.empty()) {
    auto at_ns = parse_time_ns(what.at, now_ns);
    if (!at_ns)
      return unexpected("--at: " + at_ns.error());
    result.path = "/api/v1/query";
    result.form += "&time=" + seconds_text(*at_ns);
    return result;
  }
  auto from_ns = parse_time_ns(what.from, now_ns);
  auto to_ns = parse_time_ns(what.to, now_ns);
  if (!from_ns)
    return unexpected("--from: " + from_ns.error());
  if (!to_ns)
    return unexpected("--to: " + to_ns.error());
  auto step_ns
    = what.step.empty()
        ? expected<std::int64_t, std::string>{default_step_ns(*to_ns - *from_ns)}
        : parse_span_ns(what.step);
  if (!step_ns)
    return unexpected("--step: " + step_ns.error());
  result.path = "/api/v1/query_range";
  result.form += "&start=" + seconds_text(*from_ns) + "&end=" + seconds_text(*to_ns)
                 + "&step=" + seconds_text(*step_ns);
  return result;
}

int query(const api_options& options, const query_options& what) {
  if (auto tree = analytics::query::parse(what.text); !tree)
    return fail(
      marked_error(what.text, tree.error().column, tree.error().message).c_str(),
      exit_usage);
  auto question = make_question(what, options.timeout_s);
  if (!question)
    return fail(question.error().c_str(), exit_usage);
  auto api = open_api(options);
  if (!api)
    return fail(api.error().c_str());
  auto answer = api->request("POST", question->path, question->form,
                             "application/x-www-form-urlencoded");
  if (!answer)
    return fail(answer.error().c_str());
  auto body = json::parse(answer->body, nullptr, false);
  if (answer->status != 200 || !body.is_object())
    return fail(query_refusal(api->config().url, answer->status, body).c_str());
  auto text = options.json ? answer->body + "\n" : query_result_table(body);
  std::fputs(text.c_str(), stdout);
  for (const auto& warning : body.value("warnings", json::array()))
    std::fprintf(stderr, "weir: %s\n", warning.dump().c_str());
  return std::fflush(stdout) == 0 ? exit_ok : exit_failed;
}

} // namespace

void add_query_command(CLI::App& parent, chosen_action& chosen) {
  auto options = std::make_shared<api_options>();
  auto what = std::make_shared<query_options>();
  auto* command = parent.add_subcommand(
    "query", "ask for stored series in the query language\n\n"
             "EXPRESSION is PromQL (docs/query.md). Without --from it is evaluated at "
             "one time,\nwith --from at each step up to --to.");
  command->footer(
    "EXAMPLES\n"
    "  weir query 'temperature{source=\"m-01\"}'\n"
    "  weir query 'avg by (line) (temperature)' --from -1h --step 1m\n"
    "  weir query 'topk(5, max_over_time(vibration{stat=\"max\"}[10m]))' --json\n"
    "  weir query 'temperature - temperature offset 1d' --at 2026-11-22T15:00:00Z");
  add_api_options(*command, *options, true);
  command->add_option("EXPRESSION", what->text, "What to evaluate.")->required();
  auto* from = command->add_option("--from", what->from, "Start, such as -1h.");
  from->type_name("TIME");
  command->add_option("--at", what->at, "When to evaluate it.")
    ->type_name("TIME")
    ->capture_default_str()
    ->excludes(from);
  command->add_option("--to", what->to, "End.")
    ->type_name("TIME")
    ->capture_default_str()
    ->needs(from);
  command
    ->add_option("--step", what->step,
                 "From one time to the next; default: a hundredth of the span.")
    ->type_name("SPAN")
    ->needs(from);
  command->callback([=, &chosen] { chosen = [=] { return query(*options, *what); }; });
}

} // namespace weir::cli
