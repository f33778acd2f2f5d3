// Puts events into messages: by topic, up to N events each, in order of time.
#pragma once

#include "analytics/expected.hpp"
#include "cli/event_encoder.hpp"
#include "cli/message_sink.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::cli {

/// "plant/{source}/{metric}" with the names of a series filled in; {KEY} is a
/// dimension. Characters with a meaning in topics (/ + #) become _. The error
/// names what the series does not have.
expected<std::string, std::string> render_topic(std::string_view topic,
                                                const outgoing_series& series);

class event_batcher {
public:
  /// `sink` must outlive the batcher. @pre batch_max > 0
  event_batcher(message_sink& sink, std::string topic, std::size_t batch_max);

  /// Makes a series known and gives its number, counted from 0.
  expected<std::size_t, std::string> add_series(outgoing_series series);

  /// @pre `series` came from add_series()
  send_result add(std::size_t series, const outgoing_event& event);

  /// After all events of one time. With several topics it sends what is there,
  /// since a topic that waits for more would come behind the others' later
  /// events; with one topic the next step may go into the same message.
  send_result end_step();

  /// Sends what is there.
  send_result flush();

  std::uint64_t events() const {
    return events_;
  }
  std::uint64_t messages() const {
    return messages_;
  }

private:
  struct open_message {
    std::string topic;
    std::string events; // Encoded, with commas between JSON ones.
    std::size_t count = 0;
  };
  struct known_series {
    outgoing_series series;
    std::size_t message = 0; // Index into open_.
  };

  send_result send(open_message& x);

  message_sink& sink_;
  std::string topic_;
  std::size_t batch_max_;
  std::vector<known_series> series_;
  std::vector<open_message> open_;
  std::unordered_map<std::string, std::size_t> message_of_topic_;
  std::vector<std::size_t> touched_; // Messages with events, in order of arrival.
  std::string payload_;
  std::uint64_t events_ = 0;
  std::uint64_t messages_ = 0;
};

} // namespace weir::cli
