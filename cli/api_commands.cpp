// weir link | status | series | windows | alerts | quarantine | ledger
#include "cli/commands.hpp"

#include "cli/api_options.hpp"
#include "cli/api_tables.hpp"
#include "cli/time_text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>

namespace weir::cli {

namespace {

using nlohmann::json;
using answer_table = std::function<std::string(const json&)>;

struct window_options {
  std::string series;
  std::string from = "-1h";
  std::string to = "now";
  unsigned points = 1000;
  std::string aggregates;
};

int print(const json& answer, bool as_json, const answer_table& table) {
  auto text = as_json ? answer.dump() + "\n" : table(answer);
  std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 ? exit_ok : exit_failed;
}

int show(const api_options& options, const std::string& target,
         const answer_table& table) {
  auto api = open_api(options);
  if (!api)
    return fail(api.error().c_str());
  auto answer = ask(*api, "GET", target);
  return answer ? print(*answer, options.json, table) : fail(answer.error().c_str());
}

int make_link(const api_options& options) {
  auto api = open_api(options);
  if (!api)
    return fail(api.error().c_str());
  auto answer = ask(*api, "POST", "/api/v1/links");
  if (!answer)
    return fail(answer.error().c_str());
  auto path = answer->is_object() ? answer->value("path", json{}) : json{};
  if (!path.is_string())
    return fail(
      (options.url + " answered without a link: is this weir-central?").c_str());
  auto base = options.url;
  while (base.ends_with('/'))
    base.pop_back();
  std::printf("%s%s\n", base.c_str(), path.get<std::string>().c_str());
  return exit_ok;
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

/// The id itself, or that of the only series that the text finds.
expected<std::string, std::string> find_series(http_client& api,
                                               const std::string& text) {
  if (is_number(text))
    return text;
  auto answer = ask(api, "GET", "/api/v1/series?limit=20&search=" + url_encoded(text));
  if (!answer)
    return unexpected(answer.error());
  auto found
    = answer->is_object() ? answer->value("series", json::array()) : json::array();
  const json* exact = found.size() == 1 ? &found[0] : nullptr;
  for (const auto& x : found)
    if (x.is_object() && x.value("text", json{}) == json(text))
      exact = &x;
  if (exact != nullptr && exact->is_object() && exact->contains("id"))
    return exact->at("id").dump();
  if (found.empty())
    return unexpected("no series has \"" + text + "\" in its name; see weir series");
  return unexpected("\"" + text
                    + "\" is in the names of several series; give an "
                      "ID of these or a longer text:\n"
                    + series_table(*answer));
}

int windows(const api_options& options, const window_options& what) {
  auto now_ns = wall_clock_ns();
  auto from_ns = parse_time_ns(what.from, now_ns);
  auto to_ns = parse_time_ns(what.to, now_ns);
  if (!from_ns)
    return fail(("--from: " + from_ns.error()).c_str(), exit_usage);
  if (!to_ns)
    return fail(("--to: " + to_ns.error()).c_str(), exit_usage);
  auto api = open_api(options);
  if (!api)
    return fail(api.error().c_str());
  auto id = find_series(*api, what.series);
  if (!id)
    return fail(id.error().c_str());
  auto answer = ask(
    *api, "GET",
    "/api/v1/query?series=" + *id + "&from=" + std::to_string(*from_ns / 1'000'000)
      + "&to=" + std::to_string(*to_ns / 1'000'000)
      + "&max_points=" + std::to_string(what.points)
      + (what.aggregates.empty() ? "" : "&aggregates=" + url_encoded(what.aggregates)));
  return answer ? print(*answer, options.json, query_table)
                : fail(answer.error().c_str());
}

using options_ptr = std::shared_ptr<api_options>;

CLI::App* add(CLI::App& parent, const char* name, const char* description,
              const char* examples, const options_ptr& options, bool with_json) {
  auto* command = parent.add_subcommand(name, description);
  command->footer(std::string{"EXAMPLES\n"} + examples);
  add_api_options(*command, *options, with_json);
  return command;
}

void add_limit(CLI::App& command, unsigned& limit) {
  command.add_option("--limit", limit, "Rows at most.")
    ->check(CLI::Range(1u, 10'000u))
    ->type_name("N")
    ->capture_default_str()
    ->group("Output");
}

void add_link(CLI::App& parent, chosen_action& chosen) {
  auto options = std::make_shared<api_options>();
  auto* command
    = add(parent, "link",
          "make a one-time link to the dashboards\n\n"
          "Prints an address for the browser. It works once, for 15 minutes; the "
          "session\n"
          "that it begins ends after 12 hours. Treat it like a password.",
          "  weir link --data /var/lib/weir/central --url http://127.0.0.1:8080",
          options, false);
  command->callback(
    [options, &chosen] { chosen = [options] { return make_link(*options); }; });
}

void add_status(CLI::App& parent, chosen_action& chosen) {
  auto options = std::make_shared<api_options>();
  auto* command = add(parent, "status", "show the edges and their counters",
                      "  weir status --data /var/lib/weir/central", options, true);
  command->callback([options, &chosen] {
    chosen = [options] { return show(*options, "/api/v1/overview", overview_table); };
  });
}

void add_series(CLI::App& parent, chosen_action& chosen) {
  auto options = std::make_shared<api_options>();
  auto search = std::make_shared<std::string>();
  auto edge = std::make_shared<std::string>();
  auto limit = std::make_shared<unsigned>(200);
  auto* command = add(parent, "series", "list the series that the centre stores",
                      "  weir series temperature --edge edge-1", options, true);
  command->add_option("SEARCH", *search, "Text in the name of the series.");
  command->add_option("--edge", *edge, "Only of this edge.")->type_name("NAME");
  add_limit(*command, *limit);
  command->callback([=, &chosen] {
    chosen = [=] {
      return show(*options,
                  "/api/v1/series?search=" + url_encoded(*search) + "&edge="
                    + url_encoded(*edge) + "&limit=" + std::to_string(*limit),
                  series_table);
    };
  });
}

void add_windows(CLI::App& parent, chosen_action& chosen) {
  auto options = std::make_shared<api_options>();
  auto what = std::make_shared<window_options>();
  auto* command
    = add(parent, "windows", "show the windows of one series, with all that they keep",
          "  weir windows 7 --from -1h\n"
          "  weir windows 'temperature{source=\"m-01\",line=\"A\"}' "
          "--from -7d --points 200\n"
          "  weir windows 7 --aggregates 'p50,p99,top(3,user)'",
          options, true);
  command->add_option("SERIES", what->series, "Its ID, or text that only its name has.")
    ->required();
  command->add_option("--from", what->from, "Start, such as -1h.")
    ->type_name("TIME")
    ->capture_default_str();
  command->add_option("--to", what->to, "End.")
    ->type_name("TIME")
    ->capture_default_str();
  command->add_option("--points", what->points, "At most; longer spans are merged.")
    ->check(CLI::Range(1u, 10'000u))
    ->type_name("N")
    ->capture_default_str();
  command
    ->add_option("--aggregates", what->aggregates,
                 "Further columns, with commas: p50, p99.9, rate, stddev, "
                 "distinct(NAME), top(K,NAME), ...; empty where the edge does not "
                 "keep them.")
    ->type_name("LIST");
  command->callback(
    [=, &chosen] { chosen = [=] { return windows(*options, *what); }; });
}

void add_list(CLI::App& parent, chosen_action& chosen, const char* name,
              const char* description, const char* target, const answer_table& table) {
  auto options = std::make_shared<api_options>();
  auto limit = std::make_shared<unsigned>(50);
  auto* command = add(parent, name, description,
                      (std::string{"  weir "} + name).c_str(), options, true);
  add_limit(*command, *limit);
  auto open_only = std::make_shared<bool>(false);
  if (std::string_view{name} == "alerts")
    command->add_flag("--open", *open_only, "Only those that are not resolved.")
      ->group("Output");
  command->callback([=, path = std::string{target}, &chosen] {
    chosen = [=] {
      return show(*options,
                  path + "?limit=" + std::to_string(*limit)
                    + (*open_only ? "&open=1" : ""),
                  table);
    };
  });
}

void add_ledger(CLI::App& parent, chosen_action& chosen) {
  auto options = std::make_shared<api_options>();
  auto edge = std::make_shared<std::string>();
  auto limit = std::make_shared<unsigned>(20);
  auto* command
    = add(parent, "ledger",
          "show what became of everything that the edges have sent\n\n"
          "Without EDGE: per edge and epoch, sent = stored + coalesced + "
          "expired + shed +\n"
          "unreadable + missing. With EDGE: the same term by term with the "
          "ranges of\n"
          "numbers, newest first; the edge's own balance of events; and when "
          "it counted\n"
          "anew. VIOLATED means a fault: the centre raises the alert "
          "weir.ledger then.",
          "  weir ledger\n  weir ledger edge-1", options, true);
  command->add_option("EDGE", *edge, "This edge in detail.");
  add_limit(*command, *limit);
  command->callback([=, &chosen] {
    chosen = [=] {
      if (edge->empty())
        return show(*options, "/api/v1/ledger", ledger_table);
      return show(*options,
                  "/api/v1/ledger/edge?edge=" + url_encoded(*edge)
                    + "&limit=" + std::to_string(*limit),
                  edge_ledger_text);
    };
  });
}

} // namespace

void add_api_commands(CLI::App& parent, chosen_action& chosen) {
  add_status(parent, chosen);
  add_series(parent, chosen);
  add_windows(parent, chosen);
  add_list(parent, chosen, "alerts", "list alerts, newest first", "/api/v1/alerts",
           alerts_table);
  add_list(parent, chosen, "quarantine",
           "list samples of events that were rejected, newest first",
           "/api/v1/quarantine", quarantine_table);
  add_ledger(parent, chosen);
  add_link(parent, chosen);
}

} // namespace weir::cli
