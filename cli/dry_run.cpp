#include "cli/dry_run.hpp"

#include "analytics/pane_windows.hpp"
#include "cli/time_text.hpp"

#include <algorithm>
#include <string>

namespace weir::cli {

namespace {

using analytics::reject_reason;

constexpr std::size_t batch_events = 512; // As large as the edge's usual ones.
constexpr std::int64_t second_ns = 1'000'000'000;

/// An edge's clock bounds event time; a file has no such bound, and times near the end
/// of int64 leave no room for a window behind them.
constexpr std::int64_t time_max_ns = 7'258'118'400'000'000'000; // 2200-01-01

/// How long a source may be silent until all that silence does is done.
std::int64_t quiet_span_ns(const analytics::stream_config& config) {
  const auto& time = config.event_time;
  auto most_ns = time.idle_timeout_ns + time.allowed_lateness_ns;
  auto consider = [&](const analytics::view_config& view) {
    auto lateness_ns = view.allowed_lateness_ns.value_or(0);
    most_ns
      = std::max({most_ns, time.idle_timeout_ns + lateness_ns,
                  view.kind == analytics::window_kind::session ? view.gap_ns : 0});
  };
  if (config.window)
    consider(*config.window);
  for (const auto& view : config.views)
    consider(view);
  constexpr auto seconds_over = 3;
  return most_ns + seconds_over * second_ns;
}

/// What a person finds the event by.
std::string shown(const transport::raw_event& event) {
  std::string result;
  if (event.time_ns)
    result = iso_ms(*event.time_ns) + " ";
  append_canonical(result, event.series);
  return result;
}

} // namespace

dry_run::dry_run(const configs::recorded_stream_settings& settings,
                 output_functions& functions)
  : settings_(settings), functions_(functions), table_(settings.ingest.series_max),
    resolver_(table_), shard_(settings.stream.program, table_),
    quiet_ns_(quiet_span_ns(settings.stream.config)) {
  batch_.reserve(batch_events);
}

void dry_run::take(const transport::raw_event& event,
                   std::optional<std::int64_t> arrival_ns) {
  auto time_ns = time_of(event, arrival_ns);
  if (!time_ns)
    return;
  advance_clock(arrival_ns.value_or(*time_ns));
  if (arrival_ns)
    wall_ns_ = wall_ns_ == analytics::time_forever ? *arrival_ns
                                                   : std::max(wall_ns_, *arrival_ns);
  if (batch_.empty())
    resolver_.enter();
  auto id = resolver_.resolve(event.series);
  if (!id) {
    if (batch_.empty())
      resolver_.leave();
    on_reject(reject_reason::series_limit, "there are ingest.series_max series already",
              event.series.metric);
    return;
  }
  ++counts_.events;
  batch_.push_back({*time_ns, event.value, *id, 0});
  if (batch_.size() == batch_events)
    process_batch();
}

std::optional<std::int64_t> dry_run::time_of(const transport::raw_event& event,
                                             std::optional<std::int64_t> arrival_ns) {
  auto reject = [&](std::string_view detail) {
    on_reject(reject_reason::bad_time, detail, shown(event));
    return std::nullopt;
  };
  const auto& ingest = settings_.ingest;
  auto time_ns = event.time_ns ? event.time_ns : arrival_ns;
  if (!time_ns)
    return reject("the event has no time, and the file does not say when it came");
  if (*time_ns < ingest.time_min_ns)
    return reject("the time lies before the earliest accepted one (ingest.time_min): "
                  "was the sender's clock set?");
  if (*time_ns > time_max_ns || arrival_ns.value_or(0) > time_max_ns)
    return reject("the time lies after the year 2199");
  if (!arrival_ns || *time_ns - *arrival_ns <= ingest.future_tolerance_ns)
    return time_ns;
  if (!ingest.restamp_future)
    return reject("the time lies further in the future than "
                  "ingest.future_tolerance_ms allows");
  ++counts_.restamped;
  return arrival_ns;
}

void dry_run::on_reject(reject_reason reason, std::string_view detail,
                        std::string_view bytes) {
  ++counts_.events;
  ++counts_.rejected;
  functions_.on_reject(reason, detail, bytes);
}

/// Whatever the clock passes on its way is done before the event that moves it.
void dry_run::advance_clock(std::int64_t time_ns) {
  if (!has_clock_) {
    has_clock_ = true;
    clock_ns_ = counts_.first_ns = counts_.last_ns = time_ns;
    tick_due_ns_ = analytics::floor_to_multiple(time_ns, second_ns) + second_ns;
    return;
  }
  if (time_ns <= clock_ns_)
    return;
  if (time_ns >= tick_due_ns_) {
    process_batch();
    auto quiet_from_ns = clock_ns_ + quiet_ns_;
    while (tick_due_ns_ <= time_ns && tick_due_ns_ <= quiet_from_ns)
      tick(tick_due_ns_);
    if (tick_due_ns_ <= time_ns)
      tick(analytics::floor_to_multiple(time_ns, second_ns));
  }
  clock_ns_ = counts_.last_ns = time_ns;
}

void dry_run::tick(std::int64_t time_ns) {
  clock_ns_ = time_ns;
  if (wall_ns_ != analytics::time_forever)
    wall_ns_ = std::max(wall_ns_, time_ns);
  shard_.tick(now(), true, output_);
  hand_out();
  tick_due_ns_ = time_ns + second_ns;
}

void dry_run::process_batch() {
  if (batch_.empty())
    return;
  shard_.process(batch_, now(), output_);
  batch_.clear();
  resolver_.leave();
  hand_out();
}

void dry_run::hand_out() {
  if (output_.has_records() || !output_.late.empty())
    functions_.on_output(output_);
  output_.clear();
}

void dry_run::finish() {
  process_batch();
  shard_.flush(output_);
  hand_out();
}

} // namespace weir::cli
