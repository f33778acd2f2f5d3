// A stream configuration, compiled: checked, with its expressions ready to be
// specialised for a series. Immutable; all shards of a node share one.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/expression.hpp"
#include "analytics/stream_config.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::analytics {

/// Bounds of one configuration.
inline constexpr std::size_t views_max = 64;
inline constexpr std::size_t steps_max = 256; ///< Of each of convert, filter, ...
inline constexpr std::size_t derive_inputs_max = 16;
inline constexpr std::int64_t panes_max = 1024; ///< Of one hopping window.

class stream_program {
public:
  /// Slots of the expressions of converts, filters and views.
  enum event_slot : std::uint32_t { slot_value = 0, slot_time_s = 1, event_slots = 2 };

  /// All errors at once, each a line: what, where, what would be right.
  static expected<std::shared_ptr<const stream_program>, std::vector<std::string>>
  compile(stream_config config);

  struct condition {
    std::optional<expression> code; ///< Nothing: always true.
  };
  struct view {
    condition where;
    condition open_when;
    condition close_when;
    condition trigger_when;
  };
  struct derive {
    std::optional<expression> code;   ///< Always there after compile().
    std::vector<std::string> metrics; ///< Slot event_slots + i holds metrics[i].
  };

  const stream_config& config() const {
    return config_;
  }
  const std::vector<expression>& converts() const {
    return converts_;
  }
  const std::vector<expression>& filters() const {
    return filters_;
  }
  /// As config().views.
  const std::vector<view>& views() const {
    return views_;
  }
  const std::vector<derive>& derives() const {
    return derives_;
  }

private:
  friend class stream_compiler;
  stream_config config_;
  std::vector<expression> converts_;
  std::vector<expression> filters_;
  std::vector<view> views_;
  std::vector<derive> derives_;
};

} // namespace weir::analytics
