// weir export SELECTOR
#include "analytics/query/parser.hpp"
#include "analytics/query/series_labels.hpp"
#include "cli/answer_fields.hpp"
#include "cli/api_options.hpp"
#include "cli/commands.hpp"
#include "cli/export_format.hpp"
#include "cli/query_text.hpp"
#include "cli/time_text.hpp"
#include "cli/window_columns.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <memory>
#include <set>

namespace weir::cli {

namespace {

using nlohmann::json;

constexpr auto manual_text
  = "print stored windows as CSV, JSON lines or line protocol\n\n"
    "SELECTOR chooses series as in the query language: a metric, matchers in braces, "
    "or\n"
    "both. Windows that begin from --from up to --to are printed by series, oldest "
    "first,\n"
    "as `weir import` reads them. Windows that are still open are left out. See\n"
    "docs/import.md.";

constexpr auto examples
  = "EXAMPLES\n"
    "  weir export 'temperature{line=\"3\"}' --from -7d --data /var/lib/weir/central\n"
    "  weir export 'motor.temp' --format ndjson --from 2026-11-01 --columns mean,max\n"
    "  weir export '{edge=\"edge-1\",__name__=~\".+\"}' --format influx --output "
    "edge-1.lp";

struct export_command_options {
  std::string selector;
  std::string from = "-24h";
  std::string to = "now";
  std::string columns;
  std::string output;
  export_options how;
};

struct found_series {
  std::uint64_t id = 0;
  std::string edge;
  std::string text;
};

struct span {
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
};

std::string word(const json& object, const char* name) {
  const auto& value = at(object, name);
  return value.is_string() ? value.get<std::string>() : std::string{};
}

/// The series that pass, by name; two edges with one name would become one on import.
expected<std::vector<found_series>, std::string>
find_series(http_client& api, const analytics::query::series_selector& selector) {
  auto answer = ask(api, "GET",
                    "/api/v1/series?limit=10000&edge=" + url_encoded(selector.edge())
                      + "&search=" + url_encoded(selector.part()));
  if (!answer)
    return unexpected(answer.error());
  if (at(*answer, "truncated") == true)
    return unexpected(
      std::string{"more than 10,000 series have such names: choose fewer, "
                  "by a metric or an edge"});
  std::vector<found_series> result;
  for (const auto& x : list_at(*answer, "series")) {
    found_series found{x.value("id", std::uint64_t{0}), word(x, "edge"),
                       word(x, "text")};
    auto name = analytics::parse_series(found.text);
    if (!name || !selector.passes_metric(name->metric)
        || !selector.passes(analytics::query::labels_of(found.edge, *name), found.text))
      continue;
    result.push_back(std::move(found));
  }
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.text < b.text; });
  auto twin
    = std::adjacent_find(result.begin(), result.end(),
                         [](const auto& a, const auto& b) { return a.text == b.text; });
  if (twin != result.end())
    return unexpected("the edges " + twin->edge + " and " + (twin + 1)->edge
                      + " both have the series " + twin->text
                      + ", and lines do not tell edges: choose one, such as {edge=\""
                      + twin->edge + "\"}");
  return result;
}

/// Numbers of the answer; the server's columns are those of a window_row.
std::optional<analytics::summary> window_of(const json& columns, const json& row) {
  window_row result;
  for (std::size_t i = 0; i < columns.size() && i < row.size(); ++i) {
    auto name = columns[i].get<std::string>();
    if (name == "early" && row[i] == true)
      return std::nullopt;
    if (name == "start_ns")
      name = "start";
    if (row[i].is_number_float())
      result.set(name, row[i].get<double>());
    else if (row[i].is_number())
      result.set(name, row[i].get<std::int64_t>());
  }
  auto window = result.window();
  return window ? std::optional{std::move(*window)} : std::nullopt;
}

class exporter {
public:
  exporter(http_client& api, export_options how, std::FILE* out)
    : api_(api), format_(std::move(how)), out_(out) {
  }

  expected<void, std::string> write(const std::vector<found_series>& all, span when) {
    text_.clear();
    format_.append_header(text_);
    for (const auto& x : all) {
      if (auto begun = format_.begin(x.text); !begun)
        return begun;
      if (auto written = write(x, when); !written)
        return written;
    }
    return flush();
  }

  std::uint64_t windows() const {
    return windows_;
  }
  std::uint64_t open_windows() const {
    return open_;
  }

private:
  expected<void, std::string> write(const found_series& series, span when) {
    while (when.from_ns < when.to_ns) {
      auto page = ask(api_, "GET",
                      "/api/v1/export?series=" + std::to_string(series.id)
                        + "&from_ns=" + std::to_string(when.from_ns)
                        + "&to_ns=" + std::to_string(when.to_ns));
      if (!page)
        return unexpected(page.error());
      const auto& columns = list_at(*page, "columns");
      for (const auto& row : list_at(*page, "rows"))
        append(columns, row);
      if (auto flushed = flush(); !flushed)
        return flushed;
      const auto& next = at(*page, "next_ns");
      if (!next.is_number_integer() || next.get<std::int64_t>() <= when.from_ns)
        break;
      when.from_ns = next.get<std::int64_t>();
    }
    return {};
  }

  void append(const json& columns, const json& row) {
    auto window = window_of(columns, row);
    if (window)
      format_.append(text_, *window);
    ++(window ? windows_ : open_);
  }

  expected<void, std::string> flush() {
    auto done = std::fwrite(text_.data(), 1, text_.size(), out_);
    bool is_written = done == text_.size() && std::fflush(out_) == 0;
    text_.clear();
    if (!is_written)
      return unexpected(std::string{"the output cannot be written: is the disk full?"});
    return {};
  }

  http_client& api_;
  export_format format_;
  std::FILE* out_;
  std::string text_;
  std::uint64_t windows_ = 0;
  std::uint64_t open_ = 0;
};

expected<std::vector<std::string>, std::string> columns_of(const std::string& text) {
  if (text.empty())
    return whole_window_columns();
  auto known = window_column_names();
  std::vector<std::string> result;
  for (const auto& x : CLI::detail::split(text, ',')) {
    if (std::find(known.begin(), known.end(), x) == known.end())
      return unexpected("--columns: there is no " + x + "; there are "
                        + CLI::detail::join(known, ", "));
    if (std::find(result.begin(), result.end(), x) != result.end())
      return unexpected("--columns: " + x + " is there twice");
    result.push_back(x);
  }
  return result;
}

expected<span, std::string> span_of(const export_command_options& what) {
  auto now_ns = wall_clock_ns();
  auto from_ns = parse_time_ns(what.from, now_ns);
  auto to_ns = parse_time_ns(what.to, now_ns);
  if (!from_ns)
    return unexpected("--from: " + from_ns.error());
  if (!to_ns)
    return unexpected("--to: " + to_ns.error());
  if (*from_ns >= *to_ns)
    return unexpected(std::string{"--from must be before --to"});
  return span{*from_ns, *to_ns};
}

int write_all(http_client& api, const std::vector<found_series>& series,
              const export_command_options& what, span when) {
  bool to_file = !what.output.empty() && what.output != "-";
  auto* out = to_file ? std::fopen(what.output.c_str(), "wbx") : stdout;
  if (out == nullptr)
    return fail(("cannot make " + what.output + ": is it there already?").c_str());
  exporter uut{api, what.how, out};
  auto written = uut.write(series, when);
  bool is_closed = !to_file || std::fclose(out) == 0;
  if (!written)
    return fail(written.error().c_str());
  if (!is_closed)
    return fail(("cannot write " + what.output).c_str());
  std::fprintf(stderr, "weir: %" PRIu64 " windows of %zu series", uut.windows(),
               series.size());
  if (uut.open_windows() > 0)
    std::fprintf(stderr, "; %" PRIu64 " that are still open were left out",
                 uut.open_windows());
  std::fputs("\n", stderr);
  return exit_ok;
}

int run_export(const api_options& options, export_command_options what) {
  auto parsed = analytics::query::parse_selector(what.selector);
  if (!parsed)
    return fail(
      marked_error(what.selector, parsed.error().column, parsed.error().message)
        .c_str(),
      exit_usage);
  auto columns = columns_of(what.columns);
  if (!columns)
    return fail(columns.error().c_str(), exit_usage);
  what.how.columns = std::move(*columns);
  auto when = span_of(what);
  if (!when)
    return fail(when.error().c_str(), exit_usage);
  auto api = open_api(options);
  if (!api)
    return fail(api.error().c_str());
  auto series = find_series(*api, analytics::query::series_selector{parsed->matchers});
  if (!series)
    return fail(series.error().c_str());
  if (series->empty())
    return fail("no series passes the selector; `weir series` lists them");
  return write_all(*api, *series, what, *when);
}

} // namespace

void add_export_command(CLI::App& parent, chosen_action& chosen) {
  auto options = std::make_shared<api_options>();
  auto what = std::make_shared<export_command_options>();
  auto* command = parent.add_subcommand("export", manual_text);
  command->footer(examples);
  command->add_option("SELECTOR", what->selector, "Which series.")->required();
  const std::map<std::string, file_format> formats{{"csv", file_format::csv},
                                                   {"ndjson", file_format::ndjson},
                                                   {"influx", file_format::influx}};
  command->add_option("--format", what->how.format, "csv (default), ndjson or influx.")
    ->transform(CLI::CheckedTransformer(formats).description(""))
    ->type_name("FORMAT");
  command->add_option("--from", what->from, "Start.")
    ->type_name("TIME")
    ->capture_default_str();
  command->add_option("--to", what->to, "End.")
    ->type_name("TIME")
    ->capture_default_str();
  command
    ->add_option("--columns", what->columns,
                 "Values of a window; default: all that an import needs.")
    ->type_name("A,B,...");
  command->add_flag("--unix-ns", what->how.unix_times,
                    "Times as Unix nanoseconds instead of RFC 3339.");
  command
    ->add_option("--source-tag", what->how.source_tag, "influx: tag of the source.")
    ->type_name("TAG")
    ->capture_default_str();
  command->add_option("--output", what->output, "New file; default: standard output.")
    ->type_name("FILE");
  add_api_options(*command, *options, false);
  command->callback(
    [=, &chosen] { chosen = [=] { return run_export(*options, *what); }; });
}

} // namespace weir::cli
