// What a dry run prints: a line for each window, late event, anomaly, alert and
// rejection, as a table for people, as NDJSON or as CSV.
#pragma once

#include "analytics/shard.hpp"
#include "analytics/stream_config.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::cli {

enum class report_format : std::uint8_t { table, ndjson, csv };

enum class report_kind : std::uint8_t { window, late, anomaly, alert, rejected };
inline constexpr std::size_t report_kinds = 5;

struct report_options {
  report_format format = report_format::table;
  std::array<bool, report_kinds> shown{true, true, true, true, true};
  std::uint64_t lines_max = ~std::uint64_t{0}; ///< Of each kind; all are counted.
};

struct report_counts {
  std::uint64_t windows = 0;     ///< Sent for the first time and on time.
  std::uint64_t corrections = 0; ///< Of windows that were sent.
  std::uint64_t early = 0;
};

class dry_run_report {
public:
  /// All must outlive the object. `file` is not closed.
  dry_run_report(std::FILE* file, report_options options,
                 const analytics::stream_config& config,
                 const analytics::series_table& series);

  void add(const analytics::shard_output& out);
  void reject(analytics::reject_reason reason, std::string_view detail,
              std::string_view bytes);

  /// Writes what is still buffered. False: something could not be written.
  bool finish();

  const report_counts& counts() const {
    return counts_;
  }

private:
  struct series_facts {
    std::string text;
    const analytics::view_config* view = nullptr; ///< Null: there are no windows.
  };

  bool begin(report_kind kind);
  void end();
  const series_facts& facts_of(analytics::series_id id);
  const std::string& name_of(analytics::series_id id) {
    return facts_of(id).text;
  }
  void add_window(const analytics::summary& x);
  void add_late(const analytics::late_events& x);
  void add_anomaly(const analytics::anomaly& x);
  void add_alert(const analytics::alert& x);

  std::FILE* file_;
  const report_options options_;
  const analytics::stream_config& config_;
  const analytics::series_table& series_;
  std::array<std::uint64_t, report_kinds> lines_{};
  std::unordered_map<analytics::series_id, series_facts> facts_;
  std::string buffer_;
  bool has_title_ = false;
  bool is_broken_ = false;
  report_counts counts_;
};

} // namespace weir::cli
