// One line of a dry run's report in each of its formats. Private to dry_run_report.
#pragma once

#include "analytics/extended_aggregates.hpp"
#include "analytics/records.hpp"
#include "analytics/shard.hpp"
#include "analytics/stream_config.hpp"

#include <string>
#include <string_view>

namespace weir::cli {

/// Milliseconds, or nanoseconds where those are not enough.
std::string report_time(std::int64_t time_ns);

/// "10s", "15m", "1d2h", "2.5s".
std::string report_span(std::int64_t span_ns);

/// What the table and CSV formats have in common; an empty text is an empty cell.
struct report_row {
  std::string_view kind;
  std::string time;
  std::string width;
  std::string count;
  std::string mean;
  std::string min;
  std::string max;
  std::string last;
  std::string_view series;
  std::string more; ///< Aggregates, or what else is to say.
};

void append_table_title(std::string& out);
void append_table_row(std::string& out, const report_row& row);
void append_csv_title(std::string& out);
void append_csv_row(std::string& out, const report_row& row);

/// `exact`: as many digits as it takes to read the same number back.
report_row window_row(const analytics::summary& x, std::string_view series,
                      const analytics::view_config* view, bool exact);
report_row late_row(const analytics::late_events& x, std::string_view series,
                    bool exact);
report_row anomaly_row(const analytics::anomaly& x, std::string_view series,
                       bool exact);
report_row alert_row(const analytics::alert& x, std::string_view series, bool exact);
report_row rejected_row(analytics::reject_reason reason, std::string_view detail,
                        std::string_view bytes);

void append_window_json(std::string& out, const analytics::summary& x,
                        std::string_view series, const analytics::view_config* view);
void append_late_json(std::string& out, const analytics::late_events& x,
                      std::string_view series);
void append_anomaly_json(std::string& out, const analytics::anomaly& x,
                         std::string_view series);
void append_alert_json(std::string& out, const analytics::alert& x,
                       std::string_view series);
void append_rejected_json(std::string& out, analytics::reject_reason reason,
                          std::string_view detail, std::string_view bytes);

} // namespace weir::cli
