// What a window keeps beside the plain fields of its summary: quantiles, rate, time-
// weighted mean, distinct counts and most frequent values, as an aggregate_plan asks.
// Encoded it is `summary::extended`; bytes: analytics/SKETCHES.md.
//
// Merging neighbours gives what all their events would have given: sketches exactly
// (top within its bounds), rate and time-weighted mean up to rounding.
#pragma once

#include "analytics/aggregates.hpp"
#include "analytics/distinct_sketch.hpp"
#include "analytics/expected.hpp"
#include "analytics/quantile_sketch.hpp"
#include "analytics/top_values.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics {

/// encode() never makes more, decode() takes no more.
inline constexpr std::size_t extended_bytes_max = 64 << 10;

/// Move-only; 24 bytes and no allocation where the plan is plain.
class extended_aggregates {
public:
  extended_aggregates() = default;
  explicit extended_aggregates(const aggregate_plan& plan);

  /// Takes one event. `distinct_hashes` are the stable_hash()es of the event's values
  /// of plan.distinct, `top_texts` its values of plan.top, both in the plan's order;
  /// 0 and the empty text say that the event has no such dimension.
  ///
  /// Rate and time-weighted mean want events in order of time. Of late ones, one
  /// before the first extends the front exactly; one in between changes neither.
  void add(std::int64_t time_ns, double value,
           std::span<const std::uint64_t> distinct_hashes = {},
           std::span<const std::string_view> top_texts = {}) {
    if (quantiles_)
      quantiles_->add(value);
    if (flow_)
      flow_->add(time_ns, value);
    if (texts_)
      add_texts(distinct_hashes, top_texts);
  }

  /// Takes the neighbour's events too; of two at the same time `other`'s is later.
  /// Rate and mean are exact unless the spans overlap; then the span that begins first
  /// counts whole, of the other the share of its time behind it. A part that only one
  /// side has is kept as it is, up to four names each for distinct and top.
  void merge(const extended_aggregates& other);

  /// This is what `plan` asks for, part by part: events may be added to it.
  bool fits(const aggregate_plan& plan) const;

  /// Nothing was asked for, so nothing is kept.
  bool is_plain() const {
    return !quantiles_ && !flow_ && !texts_;
  }

  const quantile_sketch* quantiles() const { ///< Null where it was not asked for.
    return quantiles_.get();
  }
  const distinct_sketch* distinct(std::string_view name) const; ///< Or null.
  const top_values* top(std::string_view name) const;           ///< Or null.
  std::vector<std::string_view> distinct_names() const;
  std::vector<std::string_view> top_names() const;

  /// Increase per second from the first to the last event; NaN where it was not asked
  /// for or no time has passed.
  double rate() const;
  /// From the first to the last event, each value held until the next; the last value
  /// if no time has passed, NaN where it was not asked for or there is no event.
  double time_weighted_mean() const;

  /// Memory, with the object itself.
  std::size_t size_bytes() const;

  /// Appends; nothing where is_plain(). At most extended_bytes_max: lists of top
  /// values share 32 KiB, their lightest texts are left out (see top_values).
  void encode(std::string& out) const;
  /// Takes exactly what encode() wrote; the error says what is wrong.
  static expected<extended_aggregates, std::string> decode(std::string_view bytes);

private:
  /// Rate and time-weighted mean.
  struct flow {
    bool wants_rate = false;
    bool wants_mean = false;
    bool has_events = false;
    double first = 0.0;
    double last = 0.0;
    std::int64_t first_ns = 0;
    std::int64_t last_ns = 0;
    double increase = 0.0; // A fall is a restart at 0.
    double integral = 0.0; // Value times seconds.

    void add(std::int64_t time_ns, double value);
    void merge(const flow& other);
    void append(const flow& later, double share);
    double seconds() const;
  };

  struct named_distinct {
    std::string name;
    distinct_sketch sketch;
  };
  struct named_top {
    std::string name;
    top_values values;
  };
  struct text_parts {
    std::vector<named_distinct> distinct;
    std::vector<named_top> top;
  };

  void add_texts(std::span<const std::uint64_t> hashes,
                 std::span<const std::string_view> texts);
  void merge_texts(const text_parts& other);
  void encode_flow(std::string& out) const;
  bool decode_flow(std::string_view bytes);
  std::string decode_part(std::uint8_t tag, std::string_view bytes);

  std::unique_ptr<quantile_sketch> quantiles_;
  std::unique_ptr<flow> flow_;
  std::unique_ptr<text_parts> texts_;
};

static_assert(sizeof(extended_aggregates) <= 64);

} // namespace weir::analytics
