#include "cli/import_sender.hpp"

#include "cli/answer_fields.hpp"
#include "cli/api_options.hpp"
#include "transport/block_codec.hpp"

#include <nlohmann/json.hpp>

#include <charconv>

namespace weir::cli {

namespace {

std::string hex(std::uint64_t x) {
  char buffer[16];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, x, 16).ptr;
  return {buffer, end};
}

/// The server's own sentence.
std::string refusal(const http_response& answer) {
  auto body = nlohmann::json::parse(answer.body, nullptr, false);
  auto sentence = body.is_object() ? text_of(at(at(body, "error"), "message")) : "";
  return "answered " + std::to_string(answer.status)
         + (sentence.empty() ? "" : ": " + sentence);
}

} // namespace

expected<void, std::string> import_sender::open() {
  auto answer = ask(api_, "GET", "/api/v1/import?epoch=" + hex(config_.epoch));
  if (!answer)
    return unexpected(answer.error());
  const auto& through = at(*answer, "through_seq");
  if (!through.is_number_unsigned())
    return unexpected(
      std::string{"the answer has no through_seq: is this weir-central?"});
  through_seq_ = through.get<std::uint64_t>();
  return {};
}

bool import_sender::give_up(const std::string& why) {
  error_ = api_.config().url + " " + why;
  return false;
}

bool import_sender::send(std::uint64_t first_seq,
                         const analytics::record_block& block) {
  auto last_seq = first_seq + block.summaries.size() - 1;
  stopped_ = stopped_ || stop_.requested();
  if (stopped_)
    return false;
  if (last_seq <= through_seq_) {
    known_ += block.summaries.size();
    return true;
  }
  auto target = "/api/v1/import?epoch=" + hex(config_.epoch)
                + "&seq=" + std::to_string(first_seq);
  auto body = transport::encode_block(block);
  std::string why;
  for (int i = 0; i < config_.tries_max; ++i) {
    auto answer = api_.request("POST", target, body, "application/octet-stream");
    if (answer && answer->status == 200) {
      through_seq_ = last_seq;
      sent_ += block.summaries.size();
      return true;
    }
    if (answer && answer->status != 503)
      return give_up(refusal(*answer));
    why = answer ? refusal(*answer) : "did not answer: " + answer.error();
    stopped_ = stop_.wait_for(config_.retry_interval);
    if (stopped_)
      return false;
  }
  return give_up(why);
}

} // namespace weir::cli
