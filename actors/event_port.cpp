#include "actors/event_port.hpp"

#include "analytics/shard.hpp"

#include <string>

namespace weir::actors {

using analytics::reject_reason;

event_port::event_port(event_port_config config, ingest_context context)
  : config_(std::move(config)), context_(std::move(context)), decoder_(config_.limits),
    resolver_(*context_.series), staged_(context_.inboxes.size()) {
}

bool event_port::take(std::string_view origin, std::string_view payload,
                      const transport::decode_context& context) {
  origin_ = origin;
  arrival_ns_ = context_.now_ns();
  counters_.payloads.fetch_add(1, std::memory_order_relaxed);
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
  origin_ = {};
  arrival_ns_ = context_.now_ns();
  counters_.payloads.fetch_add(1, std::memory_order_relaxed);
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
  if (!event.time_ns)
    result.flags |= analytics::stamped_on_arrival;
  if (result.time_ns < config_.time_min_ns) {
    on_reject(reject_reason::bad_time,
              "the time lies before the earliest accepted one "
              "(ingest.time_min): is the sender's clock set?",
              event.series.metric);
    return;
  }
  if (result.time_ns > arrival_ns_ + config_.future_tolerance_ns) {
    on_reject(reject_reason::bad_time,
              "the time lies further in the future than "
              "ingest.future_tolerance allows",
              event.series.metric);
    return;
  }
  auto id = resolver_.resolve(event.series);
  if (!id) {
    on_reject(reject_reason::series_limit,
              "the node already has ingest.series_max series", event.series.metric);
    return;
  }
  result.series = *id;
  staged_[analytics::shard_of(*id, staged_.size())].push_back(result);
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
  return all_taken;
}

} // namespace weir::actors
