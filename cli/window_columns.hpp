// The columns of an exported window, for writing and for reading them back:
//   count sum min max mean m2 variance stddev first last first_ns last_ns late
// and, always, `start` and `width_ns`. Pure.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/records.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::cli {

using column_value = std::variant<std::int64_t, double>;

/// All that can be asked for.
std::vector<std::string> window_column_names();

/// Those from which a window can be stored again as it was.
std::vector<std::string> whole_window_columns();

/// @pre `name` is one of window_column_names().
column_value column_of(const analytics::summary& x, std::string_view name);

/// Shortest text that reads back as the same value.
std::string to_text(const column_value& x);

/// A window from columns in any order.
class window_row {
public:
  /// False: no column of a window is called so; it is ignored. The value may be a
  /// number of the other kind if it is the same number.
  bool set(std::string_view name, column_value value);
  /// The same from text; the error says what would be right.
  expected<bool, std::string> set_text(std::string_view name, std::string_view text);

  /// Fills what is missing: a count of 1, a mean of sum / count, all other values equal
  /// to the mean, no variance. Without mean and sum, or start and width, an error.
  expected<analytics::summary, std::string> window() const;

  void clear() {
    *this = {};
  }

private:
  std::optional<std::int64_t> start_ns_, width_ns_, count_, first_ns_, last_ns_, late_;
  std::optional<double> sum_, min_, max_, mean_, m2_, variance_, stddev_, first_, last_;

  std::optional<std::int64_t>* integer_named(std::string_view name);
  std::optional<double>* real_named(std::string_view name);
};

} // namespace weir::cli
