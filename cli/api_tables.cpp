#include "cli/api_tables.hpp"

#include "cli/answer_fields.hpp"
#include "cli/text_table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace weir::cli {

namespace {

using nlohmann::json;

std::string totals_line(const json& totals) {
  auto x = [&](const char* name) { return text_of(at(totals, name)); };
  return x("edges") + " edges (" + x("up") + " up, " + x("late") + " late, " + x("down")
         + " down), " + x("series") + " series, " + x("events_per_s")
         + " events/s, lag p99 " + x("lag_p99_ms") + " ms, " + x("alerts_open")
         + " open alerts, " + x("rejected_total") + " rejected, " + x("late_total")
         + " late\n";
}

/// What a series costs in memory, where the edge tells it.
std::string bytes_per_series(const json& edge) {
  const auto& state = at(edge, "state_bytes");
  const auto& series = at(edge, "series_known");
  if (!state.is_number() || !series.is_number() || series.get<double>() <= 0.0)
    return "";
  return bytes_of(json(std::round(state.get<double>() / series.get<double>())));
}

struct counter_column {
  const char* title;
  const char* field;
};

/// Shown only while an edge has something to tell there: the table is wide as it is.
std::vector<counter_column> telling_columns(const json& edges) {
  constexpr counter_column all[]
    = {{">REVISIONS", "revisions_total"},    {">FILTERED", "filtered_total"},
       {">DERIVED", "derived_total"},        {">EVICTED", "evicted_total"},
       {">RESTAMPED", "restamped_total"},    {">HELD", "held_events"},
       {">CLOCK JUMPS", "clock_jumps_total"}};
  std::vector<counter_column> result;
  for (const auto& column : all)
    if (std::any_of(edges.begin(), edges.end(), [&](const json& edge) {
          const auto& value = at(edge, column.field);
          return value.is_number() && value.get<double>() != 0.0;
        }))
      result.push_back(column);
  return result;
}

} // namespace

std::string overview_table(const json& answer) {
  auto result = totals_line(at(answer, "totals"));
  const auto& edges = list_at(answer, "edges");
  auto more = telling_columns(edges);
  std::vector<std::string> titles{"EDGE",      "STATE",   "LAST SEEN", ">EVENTS/S",
                                  ">EVENTS",   ">LAG MS", ">SERIES",   ">OUTBOX",
                                  ">REJECTED", ">LATE",   ">SHED",     ">EXPIRED",
                                  ">ALERTS",   ">MEMORY", ">STATE",    ">/SERIES"};
  for (const auto& column : more)
    titles.emplace_back(column.title);
  titles.emplace_back("VERSION");
  text_table table{titles};
  for (const auto& x : edges) {
    std::vector<std::string> cells{
      text_of(at(x, "name")),           text_of(at(x, "state")),
      time_of(at(x, "last_seen_ms")),   text_of(at(x, "events_per_s")),
      text_of(at(x, "events_total")),   text_of(at(x, "lag_ms")),
      text_of(at(x, "series_open")),    bytes_of(at(x, "outbox_bytes")),
      text_of(at(x, "rejected_total")), text_of(at(x, "late_total")),
      text_of(at(x, "shed_total")),     text_of(at(x, "expired_total")),
      text_of(at(x, "alerts_firing")),  bytes_of(at(x, "rss_bytes")),
      bytes_of(at(x, "state_bytes")),   bytes_per_series(x)};
    for (const auto& column : more)
      cells.push_back(text_of(at(x, column.field)));
    cells.push_back(text_of(at(x, "version")));
    table.add(std::move(cells));
  }
  return table.rows() == 0 ? result + none("edge has connected yet")
                           : result + table.text();
}

std::string series_table(const json& answer) {
  text_table table{{">ID", "EDGE", "SERIES", ">WIDTH MS", "LAST"}};
  for (const auto& x : list_at(answer, "series"))
    table.add({text_of(at(x, "id")), text_of(at(x, "edge")), text_of(at(x, "text")),
               text_of(at(x, "width_ms")), time_of(at(x, "last_ms"))});
  if (table.rows() == 0)
    return none("such series");
  auto more = at(answer, "truncated") == json(true);
  return table.text() + (more ? "... and more: narrow the search\n" : "");
}

std::string query_table(const json& answer) {
  const auto& series = at(answer, "series");
  auto result = text_of(at(series, "text"));
  if (auto edge = text_of(at(series, "edge")); !edge.empty())
    result += " of " + edge;
  result += "\n";
  std::vector<std::string> titles;
  for (const auto& name : list_at(answer, "columns"))
    titles.push_back(">" + text_of(name));
  text_table table{titles};
  for (const auto& row : list_at(answer, "rows")) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; row.is_array() && i < row.size(); ++i)
      cells.push_back(i < titles.size() && titles[i] == ">start_ms" ? time_of(row[i])
                                                                    : text_of(row[i]));
    table.add(std::move(cells));
  }
  return result + (table.rows() == 0 ? none("data in this span") : table.text());
}

std::string alerts_table(const json& answer) {
  text_table table{{"STARTED", "STATE", "SEVERITY", "RULE", "EDGE", "SERIES", ">VALUE",
                    ">LIMIT", "MESSAGE"}};
  for (const auto& x : list_at(answer, "alerts"))
    table.add({time_of(at(x, "start_ms")), text_of(at(x, "state")),
               text_of(at(x, "severity")), text_of(at(x, "rule")),
               text_of(at(x, "edge")), text_of(at(x, "text")), text_of(at(x, "value")),
               text_of(at(x, "limit")), text_of(at(x, "message"))});
  return table.rows() == 0 ? none("alerts") : table.text();
}

std::string quarantine_table(const json& answer) {
  text_table table{{"TIME", "EDGE", "SOURCE", "REASON", "DETAIL"}};
  for (const auto& x : list_at(answer, "rejections"))
    table.add({time_of(at(x, "time_ms")), text_of(at(x, "edge")),
               text_of(at(x, "source")), text_of(at(x, "reason")),
               text_of(at(x, "detail"))});
  return table.rows() == 0 ? none("rejected events") : table.text();
}

} // namespace weir::cli
