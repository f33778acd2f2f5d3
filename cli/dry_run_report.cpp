#include "cli/dry_run_report.hpp"

#include "cli/dry_run_lines.hpp"

#include <algorithm>
#include <utility>

namespace weir::cli {

namespace {

constexpr std::size_t buffer_bytes = 1 << 16;

/// The view whose windows a series holds: its key has the view's name.
const analytics::view_config* view_of(const std::string& series,
                                      const analytics::stream_config& config) {
  if (auto name = analytics::parse_series(series))
    for (const auto& [key, value] : name->dimensions)
      if (key == "view")
        for (const auto& view : config.views)
          if (view.name == value)
            return &view;
  return config.window ? &*config.window : nullptr;
}

} // namespace

dry_run_report::dry_run_report(std::FILE* file, report_options options,
                               const analytics::stream_config& config,
                               const analytics::series_table& series)
  : file_(file), options_(options), config_(config), series_(series) {
}

void dry_run_report::add(const analytics::shard_output& out) {
  for (const auto& x : out.summaries)
    add_window(x);
  for (const auto& x : out.late)
    add_late(x);
  for (const auto& x : out.anomalies)
    add_anomaly(x);
  for (const auto& x : out.alerts)
    add_alert(x);
}

/// Whether the line is to be written at all.
bool dry_run_report::begin(report_kind kind) {
  auto number = static_cast<std::size_t>(kind);
  if (!options_.shown[number] || lines_[number]++ >= options_.lines_max)
    return false;
  if (!std::exchange(has_title_, true)) {
    if (options_.format == report_format::table)
      append_table_title(buffer_);
    if (options_.format == report_format::csv)
      append_csv_title(buffer_);
  }
  return true;
}

void dry_run_report::end() {
  if (buffer_.size() < buffer_bytes)
    return;
  is_broken_ |= std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size();
  buffer_.clear();
}

/// Ids of evicted series are used again, so what is remembered is checked.
const dry_run_report::series_facts& dry_run_report::facts_of(analytics::series_id id) {
  const auto& text = series_.text(id);
  auto& result = facts_[id];
  if (result.text != text) {
    result.text = text;
    result.view = view_of(text, config_);
  }
  return result;
}

void dry_run_report::add_window(const analytics::summary& x) {
  counts_.early += x.early ? 1 : 0;
  counts_.corrections += x.correction ? 1 : 0;
  counts_.windows += !x.early && !x.correction ? 1 : 0;
  if (!begin(report_kind::window))
    return;
  const auto& facts = facts_of(x.series);
  if (options_.format == report_format::ndjson)
    append_window_json(buffer_, x, facts.text, facts.view);
  else if (options_.format == report_format::csv)
    append_csv_row(buffer_, window_row(x, facts.text, facts.view, true));
  else
    append_table_row(buffer_, window_row(x, facts.text, facts.view, false));
  end();
}

void dry_run_report::add_late(const analytics::late_events& x) {
  if (!begin(report_kind::late))
    return;
  if (options_.format == report_format::ndjson)
    append_late_json(buffer_, x, name_of(x.series));
  else if (options_.format == report_format::csv)
    append_csv_row(buffer_, late_row(x, name_of(x.series), true));
  else
    append_table_row(buffer_, late_row(x, name_of(x.series), false));
  end();
}

void dry_run_report::add_anomaly(const analytics::anomaly& x) {
  if (!begin(report_kind::anomaly))
    return;
  if (options_.format == report_format::ndjson)
    append_anomaly_json(buffer_, x, name_of(x.series));
  else if (options_.format == report_format::csv)
    append_csv_row(buffer_, anomaly_row(x, name_of(x.series), true));
  else
    append_table_row(buffer_, anomaly_row(x, name_of(x.series), false));
  end();
}

void dry_run_report::add_alert(const analytics::alert& x) {
  if (!begin(report_kind::alert))
    return;
  if (options_.format == report_format::ndjson)
    append_alert_json(buffer_, x, name_of(x.series));
  else if (options_.format == report_format::csv)
    append_csv_row(buffer_, alert_row(x, name_of(x.series), true));
  else
    append_table_row(buffer_, alert_row(x, name_of(x.series), false));
  end();
}

void dry_run_report::reject(analytics::reject_reason reason, std::string_view detail,
                            std::string_view bytes) {
  if (!begin(report_kind::rejected))
    return;
  if (options_.format == report_format::ndjson)
    append_rejected_json(buffer_, reason, detail, bytes);
  else if (options_.format == report_format::csv)
    append_csv_row(buffer_, rejected_row(reason, detail, bytes));
  else
    append_table_row(buffer_, rejected_row(reason, detail, bytes));
  end();
}

bool dry_run_report::finish() {
  is_broken_ |= std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size();
  buffer_.clear();
  is_broken_ |= std::fflush(file_) != 0;
  return !is_broken_;
}

} // namespace weir::cli
