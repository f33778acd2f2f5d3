#include "actors/event_port.hpp"

#include <string>

namespace weir::actors {

using analytics::reject_reason;

event_port::event_port(event_port_config config, ingest_context context)
  : config_(std::move(config)), context_(std::move(context)), decoder_(config_.limits),
    resolver_(*context_.series), staged_(context_.inboxes.size()),
    clock_(config_.clock), held_(config_.held_events_max) {
}

void event_port::begin(std::string_view origin) {
  origin_ = origin;
  arrival_ns_ = context_.now_ns();
  reading_ = clock_.observe(arrival_ns_,
                            context_.steady_ns ? context_.steady_ns() : arrival_ns_);
  if (reading_.jump_ns != 0)
    counters_.clock_jumps.fetch_add(1, std::memory_order_relaxed);
  counters_.payloads.fetch_add(1, std::memory_order_relaxed);
  // While events are held, so are their ids: the port stays a reader.
  if (held_.size() == 0)
    resolver_.enter();
  else
    release_held();
}

bool event_port::take(std::string_view origin, std::string_view payload,
                      const transport::decode_context& context) {
  begin(origin);
  counters_.bytes.fetch_add(payload.size(), std::memory_order_relaxed);
  decoder_.decode(payload, context, *this);
  return hand_over();
}

bool event_port::take_topic(std::string_view topic, std::string_view payload,
                            const transport::topic_template* pattern) {
  transport::decode_context context;
  context.unit = config_.unit;
  if (pattern != nullptr) {
    if (!pattern->match(topic, fields_)) {
      reject(topic, reject_reason::unknown_topic,
             "the topic does not fit the source's template", payload);
      return true;
    }
    context.metric = fields_.metric;
    context.source = fields_.source;
    context.dimensions = fields_.dimensions;
  }
  return take(topic, payload, context);
}

bool event_port::take_event(const transport::raw_event& event) {
  begin({});
  on_event(event);
  return hand_over();
}

void event_port::reject(std::string_view origin, reject_reason reason,
                        std::string_view detail, std::string_view bytes) {
  origin_ = origin;
  arrival_ns_ = context_.now_ns();
  counters_.payloads.fetch_add(1, std::memory_order_relaxed);
  on_reject(reason, detail, bytes);
}

void event_port::on_event(const transport::raw_event& event) {
  analytics::event result;
  result.value = event.value;
  result.time_ns = event.time_ns.value_or(arrival_ns_);
  if (event.time_ns) {
    if (!check_time(result, event))
      return;
  } else {
    result.flags |= analytics::stamped_on_arrival;
  }
  auto id = resolver_.resolve(event.series);
  if (!id) {
    on_reject(reject_reason::series_limit,
              "the node already has ingest.series_max series", event.series.metric);
    return;
  }
  result.series = *id;
  if (event.time_ns || reading_.trusted)
    stage(result);
  else if (!held_.hold(result, reading_.steady_ns))
    on_reject(
      reject_reason::bad_time,
      "the event has no time, the node's clock has not been set since its start, "
      "and clock.held_events_max events wait for it already",
      event.series.metric);
}

/// Judges a time that came with an event. False: rejected.
bool event_port::check_time(analytics::event& x, const transport::raw_event& event) {
  if (x.time_ns < config_.time_min_ns) {
    on_reject(reject_reason::bad_time,
              "the time lies before the earliest accepted one "
              "(ingest.time_min): is the sender's clock set?",
              event.series.metric);
    return false;
  }
  // A node whose own clock is not set cannot call another one fast.
  if (!reading_.trusted || x.time_ns <= arrival_ns_ + config_.future_tolerance_ns)
    return true;
  if (!config_.restamp_future) {
    on_reject(reject_reason::bad_time,
              "the time lies further in the future than "
              "ingest.future_tolerance allows",
              event.series.metric);
    return false;
  }
  x.time_ns = arrival_ns_;
  x.flags |= analytics::stamped_on_arrival;
  counters_.restamped.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void event_port::stage(analytics::event x) {
  staged_[context_.series->shard_of(x.series)].push_back(x);
}

/// Once the clock is set, what came before gets the time that it had.
void event_port::release_held() {
  if (!reading_.trusted)
    return;
  for (const auto& x : held_.release(reading_)) {
    counters_.restamped.fetch_add(1, std::memory_order_relaxed);
    stage(x);
  }
}

void event_port::on_reject(reject_reason reason, std::string_view detail,
                           std::string_view bytes) {
  context_.rejected->add(config_.source, origin_, reason, detail, bytes, arrival_ns_);
}

bool event_port::hand_over() {
  bool all_taken = true;
  for (std::size_t i = 0; i < staged_.size(); ++i) {
    auto& events = staged_[i];
    if (events.empty())
      continue;
    counters_.events.fetch_add(events.size(), std::memory_order_relaxed);
    all_taken = context_.inboxes[i]->push(events) && all_taken;
    events.clear();
  }
  counters_.held.store(held_.size(), std::memory_order_relaxed);
  if (held_.size() == 0)
    resolver_.leave();
  return all_taken;
}

} // namespace weir::actors
