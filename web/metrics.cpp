#include "web/metrics.hpp"

#include "web/ledger_views.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace weir::web {

namespace {

std::string escape_label(std::string_view text) {
  std::string result;
  for (char x : text) {
    if (x == '\\' || x == '"')
      result += '\\';
    if (x == '\n')
      result += "\\n";
    else
      result += x;
  }
  return result;
}

/// Writes families one after another: all samples of a name stand together.
class writer {
public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    out_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }

  void sample(double value) {
    out_.append(name_);
    finish(value);
  }

  void sample(std::string_view label, std::string_view label_value, double value) {
    out_.append(name_).append("{").append(label).append("=\"");
    out_.append(escape_label(label_value)).append("\"}");
    finish(value);
  }

  void sample(std::string_view edge, std::string_view label,
              std::string_view label_value, double value) {
    out_.append(name_).append("{edge=\"").append(escape_label(edge));
    out_.append("\",").append(label).append("=\"");
    out_.append(escape_label(label_value)).append("\"}");
    finish(value);
  }

  std::string take() {
    return std::move(out_);
  }

private:
  void finish(double value) {
    out_ += ' ';
    if (std::isnan(value)) {
      out_ += "NaN";
    } else if (std::isinf(value)) {
      out_ += value > 0 ? "+Inf" : "-Inf";
    } else {
      char buffer[32];
      auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
      out_.append(buffer, end);
    }
    out_ += '\n';
  }

  std::string out_;
  std::string name_;
};

double number(std::uint64_t x) {
  return static_cast<double>(x);
}

void write_central(writer& out, const actors::central_counters& x) {
  const std::pair<const char*, const std::atomic<std::uint64_t>*> counters[] = {
    {"weir_commits_total", &x.commits},
    {"weir_commit_errors_total", &x.commit_errors},
    {"weir_blocks_stored_total", &x.blocks_stored},
    {"weir_blocks_duplicate_total", &x.blocks_duplicate},
    {"weir_blocks_gap_total", &x.blocks_gap},
    {"weir_blocks_malformed_total", &x.blocks_malformed},
    {"weir_blocks_refused_total", &x.blocks_refused},
    {"weir_records_stored_total", &x.records_stored},
    {"weir_ledger_violations_total", &x.ledger_violations},
    {"weir_uplink_errors_total", &x.uplink_errors},
    {"weir_alerts_published_total", &x.alerts_published},
    {"weir_alerts_publish_failed_total", &x.alerts_publish_failed},
  };
  for (auto [name, value] : counters) {
    out.family(name, "counter", "Since the centre's start.");
    out.sample(number(value->load()));
  }
  out.family("weir_queue_blocks", "gauge", "Blocks that wait for the writer.");
  out.sample(number(x.queue_blocks.load()));
  out.family("weir_queue_bytes", "gauge", "Of these, decoded.");
  out.sample(number(x.queue_bytes.load()));
  out.family("weir_last_commit_timestamp_seconds", "gauge",
             "When the store last committed; 0: never.");
  out.sample(static_cast<double>(x.last_commit_ns.load()) / 1e9);
  out.family("weir_oldest_waiting_timestamp_seconds", "gauge",
             "When the oldest waiting block came; 0: none waits.");
  out.sample(static_cast<double>(x.oldest_waiting_ns.load()) / 1e9);
}

template <class Get>
void per_edge(writer& out, const actors::fleet_view& fleet, const char* name,
              const char* type, const char* help, Get get) {
  out.family(name, type, help);
  for (const auto& x : fleet.edges)
    out.sample("edge", x.name, get(x));
}

void write_fleet(writer& out, const actors::fleet_view& fleet) {
  using view = actors::edge_view;
  out.family("weir_edges", "gauge", "Edges by state.");
  out.sample("state", "up", number(fleet.totals.up));
  out.sample("state", "late", number(fleet.totals.late));
  out.sample("state", "down", number(fleet.totals.down));
  out.family("weir_lag_p99_seconds", "gauge",
             "End of a window to its commit, 99th percentile of the newest.");
  out.sample(fleet.totals.lag_p99_ms / 1e3);
  per_edge(out, fleet, "weir_edge_up", "gauge", "1: heard within 2 s.",
           [](const view& x) { return x.state == actors::edge_state::up; });
  per_edge(out, fleet, "weir_edge_last_seen_timestamp_seconds", "gauge",
           "The centre's clock; 0: never.",
           [](const view& x) { return static_cast<double>(x.last_seen_ns) / 1e9; });
  per_edge(out, fleet, "weir_edge_lag_seconds", "gauge",
           "End of the newest window to its commit.",
           [](const view& x) { return x.lag_ms / 1e3; });
  per_edge(out, fleet, "weir_edge_clock_offset_seconds", "gauge",
           "The edge's clock minus the centre's.",
           [](const view& x) { return x.clock_offset_ms / 1e3; });
  per_edge(out, fleet, "weir_edge_events_total", "counter",
           "Events that the edge accepted since its start.",
           [](const view& x) { return number(x.status.events_total); });
  per_edge(out, fleet, "weir_edge_late_total", "counter", "Events too late.",
           [](const view& x) { return number(x.status.late_total); });
  per_edge(out, fleet, "weir_edge_shed_total", "counter", "Events shed.",
           [](const view& x) { return number(x.status.shed_total); });
  per_edge(out, fleet, "weir_edge_expired_total", "counter",
           "Records that fell out of the outbox.",
           [](const view& x) { return number(x.status.expired_total); });
  per_edge(out, fleet, "weir_edge_series_open", "gauge", "Series with an open window.",
           [](const view& x) { return number(x.status.series_open); });
  per_edge(out, fleet, "weir_edge_outbox_records", "gauge", "Not yet stored.",
           [](const view& x) { return number(x.status.outbox_records); });
  per_edge(out, fleet, "weir_edge_outbox_bytes", "gauge", "On the edge's disk.",
           [](const view& x) { return number(x.status.outbox_bytes); });
  per_edge(out, fleet, "weir_edge_resident_bytes", "gauge", "Memory.",
           [](const view& x) { return number(x.status.rss_bytes); });
  per_edge(out, fleet, "weir_edge_revisions_total", "counter",
           "Corrections of windows because of late events.",
           [](const view& x) { return number(x.status.revisions_total); });
  per_edge(out, fleet, "weir_edge_filtered_total", "counter",
           "Events that a filter, sample or conversion let go.",
           [](const view& x) { return number(x.status.filtered_total); });
  per_edge(out, fleet, "weir_edge_derived_total", "counter",
           "Events made of other events.",
           [](const view& x) { return number(x.status.derived_total); });
  per_edge(out, fleet, "weir_edge_evicted_total", "counter",
           "Series that gave way to new ones.",
           [](const view& x) { return number(x.status.evicted_total); });
  per_edge(out, fleet, "weir_edge_series_known", "gauge",
           "Series with or without an open window.",
           [](const view& x) { return number(x.status.series_known); });
  per_edge(out, fleet, "weir_edge_state_bytes", "gauge",
           "Memory of windows, detectors and source clocks.",
           [](const view& x) { return number(x.status.state_bytes); });
  per_edge(out, fleet, "weir_edge_restamped_total", "counter",
           "Events that got the time of their arrival.",
           [](const view& x) { return number(x.status.restamped_total); });
  per_edge(out, fleet, "weir_edge_held_events", "gauge",
           "Events that wait for the edge's clock to be believed.",
           [](const view& x) { return number(x.status.held_events); });
  per_edge(out, fleet, "weir_edge_clock_jumps_total", "counter",
           "Jumps of the edge's clock.",
           [](const view& x) { return number(x.status.clock_jumps_total); });
  out.family("weir_edge_rejected_total", "counter", "Events by reject reason.");
  for (const auto& x : fleet.edges)
    for (std::size_t i = 0;
         i < x.status.rejected_by_reason.size() && i < analytics::reject_reason_count;
         ++i)
      out.sample(x.name, "reason",
                 analytics::to_string(static_cast<analytics::reject_reason>(i)),
                 number(x.status.rejected_by_reason[i]));
}

void write_store(writer& out, const storage::store_stats& x) {
  out.family("weir_store_records", "gauge", "Records in the store by kind.");
  out.sample("kind", "series", number(x.series));
  out.sample("kind", "summary", number(x.summaries));
  out.sample("kind", "anomaly", number(x.anomalies));
  out.sample("kind", "alert", number(x.alerts));
  out.sample("kind", "rejection", number(x.rejections));
  out.family("weir_store_size_bytes", "gauge", "Used pages of the store.");
  out.sample(number(x.size_bytes));
}

/// All epochs of an edge together: each number has one fate.
void write_ledger(writer& out, const std::vector<storage::edge_position>& positions) {
  using position = storage::edge_position;
  constexpr std::pair<const char*, std::uint64_t position::*> fates[]
    = {{"stored", &position::records_stored},
       {"coalesced", &position::records_coalesced},
       {"expired", &position::records_expired},
       {"shed", &position::records_shed},
       {"unreadable", &position::records_unreadable}};
  std::map<std::string_view, std::map<std::string_view, std::uint64_t>> sums;
  std::map<std::string_view, std::uint64_t> violations;
  for (const auto& x : positions) {
    auto& sum = sums[x.edge];
    for (const auto& [name, field] : fates)
      sum[name] += x.*field;
    sum["missing"] += x.missing();
    violations[x.edge] += x.violations;
  }
  out.family("weir_ledger_records", "gauge",
             "Numbers that an edge has given to records, by what became of them.");
  for (const auto& [edge, sum] : sums)
    for (const auto& [fate, count] : sum)
      out.sample(edge, "fate", fate, number(count));
  out.family("weir_ledger_edge_violations", "gauge",
             "Checks of an edge's numbers that did not hold.");
  for (const auto& [edge, count] : violations)
    out.sample("edge", edge, number(count));
}

/// What the edges say themselves, over their restarts.
void write_event_ledger(writer& out, const actors::fleet_view& fleet) {
  out.family("weir_edge_ledger", "gauge", "The terms of an edge's own ledger.");
  for (const auto& x : fleet.edges)
    if (x.ledger_ns != 0)
      for (const auto& field : transport::edge_ledger_fields)
        if (field.name != "mode")
          out.sample(x.name, "term", field.name, number(x.ledger.*field.value));
  out.family("weir_edge_mode", "gauge", "1: what an edge cannot do now.");
  for (const auto& x : fleet.edges) {
    auto now = mode_names(x.ledger.mode);
    for (const auto& name : mode_names(~std::uint64_t{0}))
      out.sample(x.name, "mode", name,
                 std::find(now.begin(), now.end(), name) != now.end() ? 1.0 : 0.0);
  }
}

void write_web(writer& out, const web_counters& x) {
  out.family("weir_web_connections", "gauge", "Open connections.");
  out.sample(number(x.connections_now.load()));
  out.family("weir_web_sockets", "gauge", "Open WebSockets.");
  out.sample(number(x.sockets_now.load()));
  out.family("weir_web_requests_total", "counter", "Requests by status class.");
  const char* classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  for (std::size_t i = 0; i < x.requests_by_class.size(); ++i)
    out.sample("class", classes[i], number(x.requests_by_class[i].load()));
  const std::pair<const char*, const std::atomic<std::uint64_t>*> counters[] = {
    {"weir_web_connections_total", &x.connections_total},
    {"weir_web_connections_refused_total", &x.connections_refused},
    {"weir_web_tls_failed_total", &x.tls_failed},
    {"weir_web_accept_errors_total", &x.accept_errors},
    {"weir_web_queries_refused_total", &x.queries_refused},
    {"weir_web_logins_failed_total", &x.logins_failed},
    {"weir_web_logins_limited_total", &x.logins_limited},
    {"weir_web_frames_sent_total", &x.frames_sent},
    {"weir_web_frames_bytes_total", &x.frames_bytes},
    {"weir_web_ticks_skipped_total", &x.ticks_skipped},
    {"weir_web_points_merged_total", &x.points_merged},
    {"weir_web_sockets_closed_slow_total", &x.sockets_closed_slow},
    {"weir_web_live_points_dropped_total", &x.live_points_dropped},
    {"weir_web_live_events_dropped_total", &x.live_events_dropped},
    {"weir_web_resyncs_total", &x.resyncs},
  };
  for (auto [name, value] : counters) {
    out.family(name, "counter", "Since the centre's start.");
    out.sample(number(value->load()));
  }
}

} // namespace

process_usage read_process_usage() {
  process_usage result;
  std::ifstream file{"/proc/self/statm"};
  std::uint64_t size_pages = 0;
  std::uint64_t resident_pages = 0;
  if (file >> size_pages >> resident_pages)
    result.rss_bytes
      = resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    auto seconds = [](const timeval& x) {
      return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6;
    };
    result.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  return result;
}

std::string prometheus_text(const actors::fleet_view& fleet,
                            const actors::central_counters& central,
                            const storage::store_stats& store,
                            const std::vector<storage::edge_position>& positions,
                            const web_counters& web, const process_usage& process) {
  writer out;
  write_central(out, central);
  write_fleet(out, fleet);
  write_store(out, store);
  write_ledger(out, positions);
  write_event_ledger(out, fleet);
  write_web(out, web);
  out.family("weir_process_resident_bytes", "gauge", "Memory of the centre.");
  out.sample(number(process.rss_bytes));
  out.family("weir_process_cpu_seconds_total", "counter",
             "User and system time of the centre.");
  out.sample(process.cpu_s);
  return out.take();
}

} // namespace weir::web
