// The first detector, "ewma/1": a robust exponentially weighted z-score of a series'
// events. Level and spread follow the series; what lies far outside is an anomaly.
//
// Robust means: a residual is clipped at `clip` standard deviations before it moves
// level or spread (a Huber psi function, Huber 1964; EWMA control charts: Roberts
// 1959), so one spike does not hide the next. The spread is the mean absolute
// deviation times 1.2533, which is the standard deviation for Gaussian noise.
//
// An excursion begins with the first event beyond the threshold and ends after
// `calm_events` events in a row below half of it: one anomaly per excursion, and
// another only when it gets more severe.
#pragma once

#include "analytics/records.hpp"

#include <cstdint>

namespace weir::analytics {

struct ewma_config {
  bool enabled = true;
  std::uint32_t warmup_events = 60; ///< Judges nothing before.
  double memory_events = 100.0;     ///< Weight of a new event: 2 / (memory + 1).
  double threshold = 6.0;           ///< In robust standard deviations.
  double clip = 3.0;                ///< In robust standard deviations.
  std::uint32_t calm_events = 5;

  /// The spread is taken as at least this part of the level, and at least this
  /// much: a nearly constant series must not cry at its last digit.
  double spread_min_relative = 0.001;
  double spread_min = 1e-9;
};

/// State of one series: 32 bytes.
class ewma_detector {
public:
  enum class change : std::uint8_t {
    none,
    began, ///< An excursion begins.
    rose,  ///< The excursion has become more severe.
    ended, ///< The excursion is over.
  };

  struct verdict {
    change what = change::none;
    double expected = 0.0;
    double deviation = 0.0; ///< In robust standard deviations, with sign.
    analytics::severity severity = severity::low;
    bool in_excursion = false;
  };

  verdict add(const ewma_config& config, double value);

  /// 1 - 2^(-|deviation| / threshold): 0.5 at the threshold.
  static double score(const ewma_config& config, double deviation);

  struct image {
    double level;
    double spread;
    std::uint32_t count;
    std::uint8_t calm;
    std::uint8_t in_excursion;
    std::uint8_t worst;
  };
  image save() const;
  static ewma_detector load(const image& from);

private:
  double level_ = 0.0;
  double spread_ = 0.0; // Mean absolute deviation.
  std::uint32_t count_ = 0;
  std::uint8_t calm_ = 0;
  bool in_excursion_ = false;
  severity worst_ = severity::low;
};

} // namespace weir::analytics
