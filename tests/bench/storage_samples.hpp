// Samples for the benches of the store and of queries: made ones, those of CSV files and
// those of a file in OpenMetrics' text format; and the files that other databases read.
// A sample of a time is a window that ends then: what the store says of it is its mean.
#pragma once

#include "analytics/records.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace weir::bench {

inline constexpr std::int64_t second_ns = 1'000'000'000;

/// The edge that all samples come from; other databases have it as a label.
inline constexpr const char* sample_edge = "bench";

/// Series with samples at the same times.
struct sample_group {
  std::int64_t width_ns = second_ns;
  std::vector<std::int64_t> ends_ns;       ///< Ascending; when the windows end.
  std::vector<std::string> series;         ///< Canonical texts.
  std::vector<std::vector<double>> values; ///< By series, then time; NaN: none.

  std::size_t samples() const {
    return series.size() * ends_ns.size();
  }
};
using sample_set = std::vector<sample_group>;

std::size_t count_samples(const sample_set& set);

/// `series` sensors named METRIC{source="m-0"}...: a level that wanders, in steps of
/// 0.01, one sample each `width_ns`, the last one at `end_ns`.
sample_group made_samples(const std::string& metric, std::size_t series,
                          std::size_t count, std::int64_t width_ns,
                          std::int64_t end_ns);

/// A column of a CSV file that has a time in its first one.
struct csv_column {
  std::vector<std::int64_t> time_ns;
  std::vector<double> value;
};
std::vector<csv_column> read_csv(const std::filesystem::path& file);

/// All CSV files in a folder, or this one file; a group for each column. Samples that do
/// not go forward in time are left out.
sample_set csv_samples(const std::filesystem::path& path);

/// `NAME{LABELS} VALUE SECONDS` a line, series by series; their windows are as wide as
/// the shortest step between two samples.
sample_set read_open_metrics(const std::filesystem::path& file);

enum class sample_format { influx, open_metrics };
/// In the order of time, as a database is fed while it runs; OpenMetrics series by series.
/// Returns how many bytes it has written; 0: it failed.
std::uint64_t write_samples(const sample_set& set, sample_format format,
                            const std::filesystem::path& file);

/// As the edge sends it: a window with this one value.
analytics::summary plain_summary(std::int64_t end_ns, std::int64_t width_ns,
                                 double value);

/// A window of ten events around `level`, in steps of 0.01; `is_fat`: with all their
/// bits, which no code makes small.
analytics::summary full_summary(std::int64_t end_ns, std::int64_t width_ns,
                                double level, std::uint32_t seed, bool is_fat = false);

} // namespace weir::bench
