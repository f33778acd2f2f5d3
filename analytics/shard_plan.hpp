// PRIVATE to shard*.cpp: what a shard has decided once for a series.
#pragma once

#include "analytics/shard.hpp"

namespace weir::analytics {

struct shard::series_plan {
  /// State of one [[sample]] for one series.
  struct sampler {
    std::uint32_t step = 0;  // In config().samples.
    std::uint32_t count = 0; // Events since the last one taken.
    std::int64_t taken_ns = time_never;
    double taken = 0.0;
  };

  /// The series' part in one view.
  struct member {
    std::uint32_t view = 0;
    std::uint32_t slot = stream_view::no_slot; // no_slot: another shard's.
    series_id key = 0;
    bool grouped = false;
    bool has_where = false;
    bool has_marks = false;
    bool triggers_always = false;
    specialised_expression where;
    specialised_expression open_when;
    specialised_expression close_when;
    specialised_expression trigger_when;
  };

  /// The series' part in one derivation.
  struct input {
    std::uint32_t state = 0;
    std::uint32_t slot = 0; // Of the expression.
    bool triggers = true;
  };

  std::vector<specialised_expression> converts;
  std::vector<specialised_expression> filters;
  std::vector<sampler> samplers;
  std::vector<member> members;
  std::vector<input> inputs;
  std::uint64_t source_hash = 0; // Of the source's name.

  bool is_trivial() const {
    return converts.empty() && filters.empty() && samplers.empty() && members.empty()
           && inputs.empty();
  }
};

/// The last values that one derivation has of one source.
struct shard::derive_state {
  std::string key; // As in derive_ids_; empty: free.
  std::uint32_t rule = 0;
  std::uint32_t source = 0;
  std::vector<double> slots;          // Of the expression; missing where nothing came.
  std::vector<std::int64_t> times_ns; // Of slots[event_slots + i].
  specialised_expression code;
  series_id result = 0;
  bool has_result = false; // Not while the table is full or `result` was given up.
};

} // namespace weir::analytics
