// Device tables from files, for people to edit: what is known of each source beside its
// events.
//
// CSV (RFC 4180, UTF-8) has a header line, one column of which is the key:
//
//   source,location,limit
//   pump-1,"Hall 3, east",80
//
// TOML has an array of tables of any name, or a table per device whose name is the key:
//
//   [[device]]                     [pump-1]            or  [devices.pump-1]
//   source = "pump-1"              location = "Hall 3"     location = "Hall 3"
//   location = "Hall 3"
//
// Values are texts, numbers or true and false; what a device does not have is an empty
// cell. CSV is the one for large tables: TOML takes many times the file's size in memory
// while it is read.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/lookup_table.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::configs {

struct device_table_options {
  std::string key_column = "source";
  char separator = ','; ///< Of CSV.
  std::size_t file_bytes_max = std::size_t{64} << 20;
  analytics::lookup_limits limits{};
};

using device_table = std::shared_ptr<const analytics::lookup_table>;

/// By the file's ending, .csv or .toml. The error is one line: file, line, column, what
/// is wrong and what is accepted.
expected<device_table, std::string>
load_device_table(const std::filesystem::path& file,
                  const device_table_options& options = {});

// `name` is the file's, for messages.

expected<device_table, std::string>
parse_device_csv(std::string text, const std::string& name,
                 const device_table_options& options = {});
expected<device_table, std::string>
parse_device_toml(std::string_view text, const std::string& name,
                  const device_table_options& options = {});

/// A device table that follows its file. Not thread-safe; the tables may be shared.
class device_table_file {
public:
  explicit device_table_file(std::filesystem::path file,
                             device_table_options options = {});

  /// For the owner to call about once a second; costs one look at the file's status
  /// when nothing changed. Gives
  /// - the new table after the file changed (the first call loads it at once, a later
  ///   change is taken by the second call that sees it, so that a file that is just
  ///   being written is not read by half),
  /// - null when there is nothing new,
  /// - an error, once for each state of the file, when it is missing or wrong. The
  ///   table before it stays in use.
  expected<device_table, std::string> poll();

  /// The last good one; null before there was any.
  const device_table& table() const {
    return table_;
  }
  const std::filesystem::path& file() const {
    return file_;
  }

private:
  /// What changes when the file does. All 0: there is no file.
  struct stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0; ///< Of the status: somebody may now read it.

    bool operator==(const stamp&) const = default;
  };
  stamp look() const;

  std::filesystem::path file_;
  device_table_options options_;
  device_table table_;
  stamp seen_;                ///< By the call before.
  std::optional<stamp> done_; ///< Loaded, or told to be wrong.
};

} // namespace weir::configs
