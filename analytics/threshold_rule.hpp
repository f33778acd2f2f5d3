// Rules that raise alerts, and the state machine of one rule for one series:
//
//   inactive -> pending -> firing -> recovering -> resolved (= inactive)
//                  |          ^          |
//                  v          +----------+
//               inactive
//
// The condition holds beyond `limit` and ends on the other side of `clear_limit`
// (hysteresis). It must hold for `hold_ns` before the alert fires and be over for
// `recover_ns` before it is resolved. All times are event time.
#pragma once

#include "analytics/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::analytics {

enum class rule_condition : std::uint8_t {
  above,   ///< value > limit
  below,   ///< value < limit
  anomaly, ///< The detector is in an excursion of at least `anomaly_min`.
};

struct rule_config {
  std::string name;         ///< [A-Za-z0-9._-]{1,64}, unique in a node.
  std::string metric = "*"; ///< With * and ? as wild cards.
  std::string source = "*";
  rule_condition condition = rule_condition::above;
  double limit = 0.0;
  std::optional<double> clear_limit{}; ///< Default: `limit`.
  std::int64_t hold_ns = 0;
  std::int64_t recover_ns = 0;
  analytics::severity severity = severity::medium;
  analytics::severity anomaly_min = severity::high;
};

/// A node has at most this many rules: each is a bit in a series' mask.
inline constexpr std::size_t rules_max = 64;

bool matches_glob(std::string_view pattern, std::string_view text);

/// What the rule sees of one event.
struct rule_input {
  std::int64_t time_ns = 0;
  double value = 0.0;
  double expected = 0.0; ///< For anomaly rules.
  bool in_excursion = false;
  analytics::severity severity = severity::low;
};

/// One rule's state for one series. A default-constructed one is inactive.
struct rule_state {
  alert_state state = alert_state::inactive;
  std::int64_t start_ns = 0; ///< Since when the condition holds.
  std::int64_t since_ns = 0; ///< Since when it recovers.
  double worst = 0.0;        ///< The most extreme value while firing.

  /// Takes one event; returns true if the state changed in a way that others
  /// should know. After `resolved`, or `inactive` (pending that never fired), the
  /// owner drops the state.
  bool step(const rule_config& rule, const rule_input& input);
};

/// Whether the condition begins with this event (the cheap test for series on which
/// the rule is inactive).
bool begins(const rule_config& rule, const rule_input& input);

/// The alert that tells of a transition.
alert make_alert(const rule_config& rule, const rule_state& state, series_id series,
                 std::string_view series_text, const rule_input& input);

} // namespace weir::analytics
