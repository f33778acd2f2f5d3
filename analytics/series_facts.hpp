// What names mean for one series: `metric`, `source`, a dimension (`site`, or
// `dim.site` where another name would win), a column of a device table
// (`devices.location`).
#pragma once

#include "analytics/expression.hpp"
#include "analytics/series.hpp"
#include "analytics/stream_config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics {

class series_facts {
public:
  /// Borrows both.
  series_facts(const series_name& series, const std::vector<table_join>& tables)
    : series_(&series), tables_(&tables) {
  }

  /// Missing where the series has no such thing. Texts live as long as the parts.
  constant_value find(std::string_view name) const;

  /// The same as a text: numbers as they were written; empty where it is missing.
  std::string_view text(std::string_view name) const;

private:
  constant_value find_dimension(std::string_view key) const;

  const series_name* series_;
  const std::vector<table_join>* tables_;
};

/// The type of a name that is constant for a series; nothing for a table that is not
/// there or has no such column.
std::optional<value_type> fact_type(std::string_view name,
                                    const std::vector<table_join>& tables);

} // namespace weir::analytics
