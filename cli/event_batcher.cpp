#include "cli/event_batcher.hpp"

#include <cassert>
#include <utility>

namespace weir::cli {

namespace {

const std::string* field_of(const outgoing_series& series, std::string_view name) {
  if (name == "source")
    return &series.source;
  if (name == "metric")
    return &series.metric;
  for (const auto& [key, value] : series.dimensions)
    if (key == name)
      return &value;
  return nullptr;
}

} // namespace

expected<std::string, std::string> render_topic(std::string_view topic,
                                                const outgoing_series& series) {
  std::string result;
  for (std::size_t i = 0; i < topic.size(); ++i) {
    if (topic[i] != '{') {
      result.push_back(topic[i]);
      continue;
    }
    auto end = topic.find('}', i);
    if (end == std::string_view::npos)
      return unexpected("the topic \"" + std::string{topic} + "\" has a { without }");
    auto name = topic.substr(i + 1, end - i - 1);
    const auto* value = field_of(series, name);
    if (value == nullptr)
      return unexpected("the topic \"" + std::string{topic} + "\" asks for {"
                        + std::string{name} + "}, but the series " + series.metric
                        + " of " + series.source
                        + " has only {source}, {metric} and its dimensions");
    for (auto c : *value)
      result.push_back(c == '/' || c == '+' || c == '#' || c == '\0' ? '_' : c);
    i = end;
  }
  return result;
}

event_batcher::event_batcher(message_sink& sink, std::string topic,
                             std::size_t batch_max)
  : sink_(sink), topic_(std::move(topic)), batch_max_(batch_max) {
  assert(batch_max > 0);
}

expected<std::size_t, std::string> event_batcher::add_series(outgoing_series series) {
  auto topic = render_topic(topic_, series);
  if (!topic)
    return unexpected(topic.error());
  auto [found, is_new] = message_of_topic_.try_emplace(*topic, open_.size());
  if (is_new)
    open_.push_back({*topic, {}, 0});
  series_.push_back({std::move(series), found->second});
  return series_.size() - 1;
}

send_result event_batcher::add(std::size_t series, const outgoing_event& event) {
  const auto& known = series_[series];
  auto& message = open_[known.message];
  if (message.count == 0)
    touched_.push_back(known.message);
  if (sink_.form() == payload_form::json) {
    if (message.count > 0)
      message.events.push_back(',');
    append_json(message.events, known.series, event);
  } else {
    append_msgpack(message.events, known.series, event);
  }
  message.count += 1;
  if (message.count < batch_max_)
    return send_result::sent;
  std::erase(touched_, known.message);
  return send(message);
}

send_result event_batcher::send(open_message& x) {
  payload_.clear();
  if (sink_.form() == payload_form::msgpack && x.count > 1)
    append_msgpack_array(payload_, x.count);
  else if (x.count > 1)
    payload_.push_back('[');
  payload_ += x.events;
  if (sink_.form() == payload_form::json && x.count > 1)
    payload_.push_back(']');
  auto result = sink_.send(x.topic, payload_);
  if (result == send_result::sent) {
    events_ += x.count;
    messages_ += 1;
  }
  x.events.clear();
  x.count = 0;
  return result;
}

send_result event_batcher::end_step() {
  return open_.size() > 1 ? flush() : send_result::sent;
}

send_result event_batcher::flush() {
  for (auto index : std::exchange(touched_, {}))
    if (auto result = send(open_[index]); result != send_result::sent)
      return result;
  return send_result::sent;
}

} // namespace weir::cli
