// What a shard is to do with events, as a config file says it: [event_time], [window],
// [[view]], [[convert]], [[filter]], [[sample]], [[derive]], [[table]], [detector] and
// [[rule]]. Every key, with its default and unit, stands in configs/edge.toml; what the
// windows mean, in docs/windows.md.
#pragma once

#include "analytics/stream_program.hpp"
#include "configs/config_tree.hpp"
#include "configs/device_table.hpp"
#include "configs/ingest_settings.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::configs {

struct stream_settings {
  analytics::stream_config config;

  /// `config`, checked and compiled; null where there was an error.
  std::shared_ptr<const analytics::stream_program> program;

  /// The files of config.tables, in the same order, loaded once.
  std::vector<device_table_file> table_files;
};

/// Reads the stream tables of `root`, loads the device tables (paths are relative to
/// `base`) and compiles the whole. What is wrong is added to `errors`; `file` is the
/// config's name there.
stream_settings read_stream_settings(table_reader& root,
                                     const std::filesystem::path& base,
                                     const std::string& file, config_errors& errors);

/// The top-level tables that read_stream_settings() reads, and those that an edge's
/// config has beside them.
const std::vector<std::string>& stream_table_names();
const std::vector<std::string>& other_table_names();

/// What is needed to do with recorded events what an edge with this config would do.
/// The edge's other tables ([uplink], [[source]], ...) are passed over.
struct recorded_stream_settings {
  stream_settings stream;
  ingest_settings ingest;
};
expected<recorded_stream_settings, config_errors>
load_stream_settings(const std::filesystem::path& file);

} // namespace weir::configs
