#include "tests/transport/recording_sink.hpp"
#include "transport/decoders.hpp"

#include <catch2/catch.hpp>

using namespace std::string_view_literals;
using namespace weir::transport;
using weir::analytics::reject_reason;
using weir::transport::testing::recording_sink;

namespace {

recording_sink decode(std::string_view payload) {
  recording_sink sink;
  payload_decoder decoder;
  decoder.decode(payload, {.metric = "m"}, sink);
  return sink;
}

} // namespace

TEST_CASE("JSON and msgpack are told apart by the first byte") {
  for (auto payload :
       {R"({"value":5})"sv, " \r\n[{\"value\":5}]"sv, "\xef\xbb\xbf{\"value\":5}"sv,
        "5"sv, "\x81\xa5value\x05"sv, "\x91\x81\xa5value\x05"sv}) {
    auto sink = decode(payload);
    CHECK(sink.rejects.empty());
    REQUIRE(sink.events.size() == 1);
    CHECK(sink.events[0].value == 5.0);
  }
}

TEST_CASE("a digit alone is text, not a msgpack number") {
  CHECK(decode("7").events.at(0).value == 7.0);
}

TEST_CASE("neither JSON nor msgpack is malformed") {
  CHECK(decode("").rejects.at(0).reason == reject_reason::malformed);
  CHECK(decode("hello").rejects.at(0).reason == reject_reason::malformed);
  CHECK(decode("\xc1").rejects.at(0).reason == reject_reason::malformed);
}
