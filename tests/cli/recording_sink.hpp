// A sink that keeps what it gets, for the tests of this folder.
#pragma once

#include "cli/message_sink.hpp"

#include <string>
#include <utility>
#include <vector>

namespace weir::test {

class recording_sink final : public cli::message_sink {
public:
  explicit recording_sink(cli::payload_form form = cli::payload_form::json)
    : form_(form) {
  }
  cli::payload_form form() const override {
    return form_;
  }
  cli::send_result send(const std::string& topic, const std::string& payload) override {
    if (answer == cli::send_result::sent)
      messages.emplace_back(topic, payload);
    return answer;
  }
  std::uint64_t finish(std::chrono::milliseconds) override {
    return 0;
  }

  std::vector<std::pair<std::string, std::string>> messages;
  cli::send_result answer = cli::send_result::sent;

private:
  cli::payload_form form_;
};

} // namespace weir::test
