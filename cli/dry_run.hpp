// Recorded events through a draft config, in virtual time and by the code that the edge
// runs: one series table, one shard. Same file, same output, on every machine.
//
//   event -> [time check, series id] -> batch -> shard -> on_output
//                 virtual clock -> tick once a second ->/
//
// The virtual clock is the largest event time so far, or the arrival where the file
// tells it. It stands for the edge's steady clock (silence, early results).
#pragma once

#include "analytics/series.hpp"
#include "analytics/shard.hpp"
#include "configs/stream_settings.hpp"
#include "transport/raw_event.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::cli {

struct dry_run_counts {
  std::uint64_t events = 0;   ///< In the file, the rejected ones among them.
  std::uint64_t rejected = 0; ///< Events, or whole payloads that could not be read.
  std::uint64_t restamped = 0;
  std::int64_t first_ns = 0; ///< Virtual clock.
  std::int64_t last_ns = 0;
};

class dry_run final : public transport::event_sink {
public:
  struct output_functions {
    /// After every step that made something; `out` is emptied then.
    std::function<void(const analytics::shard_output&)> on_output;
    std::function<void(analytics::reject_reason, std::string_view detail,
                       std::string_view bytes)>
      on_reject;
  };

  /// Both must outlive the object. @pre `settings.stream.program` is not null.
  dry_run(const configs::recorded_stream_settings& settings,
          output_functions& functions);

  /// Takes one event, at the wall time of its arrival if that is known.
  void take(const transport::raw_event& event, std::optional<std::int64_t> arrival_ns);

  void on_event(const transport::raw_event& event) override {
    take(event, std::nullopt);
  }
  void on_reject(analytics::reject_reason reason, std::string_view detail,
                 std::string_view bytes) override;

  /// Closes all windows. Nothing can be taken after it.
  void finish();

  const dry_run_counts& counts() const {
    return counts_;
  }
  const analytics::shard_status& status() const {
    return shard_.status();
  }
  /// Those with the most late events, and how many.
  std::vector<std::pair<std::string, std::uint64_t>> late_sources() const {
    constexpr std::size_t shown = 5;
    return shard_.late_sources(shown);
  }
  const analytics::series_table& series() const {
    return table_;
  }

private:
  /// Nothing: it was rejected.
  std::optional<std::int64_t> time_of(const transport::raw_event& event,
                                      std::optional<std::int64_t> arrival_ns);
  void advance_clock(std::int64_t time_ns);
  void tick(std::int64_t time_ns);
  void process_batch();
  void hand_out();
  analytics::batch_time now() const {
    return {clock_ns_, wall_ns_};
  }

  const configs::recorded_stream_settings& settings_;
  output_functions& functions_;
  analytics::series_table table_;
  analytics::series_resolver resolver_;
  analytics::shard shard_;
  analytics::shard_output output_;
  std::vector<analytics::event> batch_;
  bool has_clock_ = false;
  std::int64_t clock_ns_ = 0;
  std::int64_t tick_due_ns_ = 0;
  std::int64_t wall_ns_ = analytics::time_forever;
  std::int64_t quiet_ns_; // After so much silence a tick changes nothing any more.
  dry_run_counts counts_;
};

} // namespace weir::cli
