// What a running edge takes over without a restart: the stream tables of its config
// file (windows, filters, rules, ...) and the device tables that they name.
//
//   config file --(asked to, e.g. on SIGHUP)--+
//   device tables --(when a file changed)-----+--> poll() -> a new stream_config
//
// The other tables ([uplink], [source], ...) take effect at the next start; poll() says
// so where they differ. Pure but for reading files: the caller hands the config on.
#pragma once

#include "configs/stream_settings.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace weir::configs {

struct stream_news {
  /// To go on with, checked: stream_program::compile() takes it.
  std::optional<analytics::stream_config> config;

  std::vector<std::string> notes; ///< For the log, a line each.

  /// What is wrong with a file, a line each; what stood there before holds.
  std::vector<std::string> errors;

  bool is_nothing() const {
    return !config && notes.empty() && errors.empty();
  }
};

/// Not thread-safe: one owner.
class stream_reload {
public:
  /// `tree` and `settings` are what `file` gave at the start.
  stream_reload(std::filesystem::path file, config_value tree,
                stream_settings settings);

  /// To be called about once a second; costs one look at the status of each device
  /// table when nothing changed. `reread_config`: read the config file, too, changed or
  /// not. A device table that is wrong is told once for each state of its file.
  stream_news poll(bool reread_config);

private:
  void reread(stream_news& news);
  void follow_tables(stream_news& news);
  void compare_others(const config_value& tree, stream_news& news) const;

  std::filesystem::path file_;
  config_value start_tree_;
  stream_settings settings_;
};

} // namespace weir::configs
