#include "actors/event_port.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace weir::actors {

using analytics::reject_reason;

namespace {

constexpr std::size_t part_events_max = 4096;

/// Of the id that a sender gave to an event; never 0.
std::uint64_t key_of(std::string_view id) {
  return id.empty() ? 0 : std::max<std::uint64_t>(analytics::stable_hash(id), 1);
}

} // namespace

event_port::event_port(event_port_config config, ingest_context context)
  : config_(std::move(config)), context_(std::move(context)), decoder_(config_.limits),
    resolver_(*context_.series),
    source_number_(context_.gate->add_source(config_.source)),
    staged_(context_.series->shards()), clock_(config_.clock) {
}

void event_port::begin(std::string_view origin) {
  origin_ = origin;
  arrival_ns_ = context_.now_ns();
  reading_ = clock_.observe(arrival_ns_,
                            context_.steady_ns ? context_.steady_ns() : arrival_ns_);
  if (reading_.jump_ns != 0)
    counters_.clock_jumps.fetch_add(1, std::memory_order_relaxed);
  counters_.payloads.fetch_add(1, std::memory_order_relaxed);
  staged_.clock = reading_;
  if (!std::exchange(is_begun_, true)) {
    all_taken_ = true;
    resolver_.enter();
  }
}

void event_port::gather(std::string_view origin, std::string_view payload,
                        const transport::decode_context& context) {
  begin(origin);
  counters_.bytes.fetch_add(payload.size(), std::memory_order_relaxed);
  decoder_.decode(payload, context, *this);
}

bool event_port::take(std::string_view origin, std::string_view payload,
                      const transport::decode_context& context) {
  gather(origin, payload, context);
  return flush();
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
  return flush();
}

void event_port::reject(std::string_view origin, reject_reason reason,
                        std::string_view detail, std::string_view bytes) {
  begin(origin);
  on_reject(reason, detail, bytes);
  flush();
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
  ++payload_events_;
  if (event.time_ns || reading_.trusted)
    stage(result, event);
  else if (context_.gate->can_hold(staged_.held.size()))
    staged_.held.push_back({result, reading_.steady_ns, key_of(event.id)});
  else
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

void event_port::stage(const analytics::event& x, const transport::raw_event& event) {
  auto& part = staged_.parts[context_.series->shard_of(x.series)];
  if (event.sequence)
    part.sequences.push_back(
      {static_cast<std::uint32_t>(part.events.size()), *event.sequence});
  part.events.push_back(x);
  part.keys.push_back(key_of(event.id));
  // A large payload goes in by parts, each of them a record of the journal.
  if (++staged_events_ >= part_events_max)
    pass_on();
}

bool event_port::pass_on() {
  staged_events_ = 0;
  all_taken_
    = context_.gate->take(source_number_, staged_, config_.sheds) && all_taken_;
  return all_taken_;
}

void event_port::on_reject(reject_reason reason, std::string_view detail,
                           std::string_view bytes) {
  ++staged_.rejected[static_cast<std::size_t>(reason)];
  context_.rejected->add(config_.source, origin_, reason, detail, bytes, arrival_ns_);
}

bool event_port::flush() {
  if (!is_begun_)
    return true;
  counters_.events.fetch_add(std::exchange(payload_events_, 0),
                             std::memory_order_relaxed);
  auto taken = pass_on();
  is_begun_ = false;
  resolver_.leave();
  return taken;
}

} // namespace weir::actors
