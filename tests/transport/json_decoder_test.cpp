#include "tests/transport/recording_sink.hpp"
#include "transport/decoders.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace weir::transport;
using weir::analytics::dimension;
using weir::analytics::reject_reason;
using weir::transport::testing::recording_sink;

namespace {

recording_sink decode(std::string_view payload, const decode_context& context = {},
                      decode_limits limits = {}) {
  recording_sink sink;
  json_decoder decoder{limits};
  decoder.decode(payload, context, sink);
  return sink;
}

/// The one rejection of a payload that holds nothing else.
weir::transport::testing::recorded_reject only_reject(const recording_sink& sink) {
  REQUIRE(sink.events.empty());
  REQUIRE(sink.rejects.size() == 1);
  CHECK(sink.rejects[0].detail.size() <= 200);
  return sink.rejects[0];
}

std::string event_with(const std::string& fields) {
  return R"({"type":"t","value":1,)" + fields + "}";
}

} // namespace

TEST_CASE("a JSON event with all its fields is read") {
  auto sink = decode(R"({"timestamp":"2026-03-01T12:00:00.5Z",
    "device_id":"pump-7","type":"temperature","value":23.5,"id":"e1",
    "dimensions":{"hall":"B","line":4,"hot":true,"ratio":0.5},"extra":[1,{}]})");
  REQUIRE(sink.rejects.empty());
  REQUIRE(sink.events.size() == 1);
  const auto& event = sink.events[0];
  CHECK(event.metric == "temperature");
  CHECK(event.source == "pump-7");
  CHECK(event.value == 23.5);
  CHECK(event.id == "e1");
  CHECK(event.time_ns == 1772366400500000000);
  CHECK(event.dimensions
        == std::map<std::string, std::string>{
          {"hall", "B"}, {"line", "4"}, {"hot", "true"}, {"ratio", "0.5"}});
}

TEST_CASE("an array of JSON events is read in order") {
  auto sink = decode(R"( [ {"type":"a","value":1} , {"type":"b","value":2},
                           {"metric":"c","value":3} ] )");
  REQUIRE(sink.rejects.empty());
  REQUIRE(sink.events.size() == 3);
  CHECK(sink.events[0].metric == "a");
  CHECK(sink.events[2].metric == "c");
  CHECK(sink.events[2].value == 3.0);
}

TEST_CASE("an empty JSON array holds no event and no rejection") {
  auto sink = decode("[ ]");
  CHECK(sink.events.empty());
  CHECK(sink.rejects.empty());
}

TEST_CASE("one JSON event per line is read, and a bad line loses only itself") {
  auto sink = decode("{\"type\":\"a\",\"value\":1}\r\n\n"
                     "{\"type\":\"b\",\"value\":}\n"
                     "garbage\n"
                     "{\"type\":\"c\n"
                     "{\"type\":\"d\",\"value\":4}\n");
  REQUIRE(sink.events.size() == 2);
  CHECK(sink.events[0].metric == "a");
  CHECK(sink.events[1].metric == "d");
  REQUIRE(sink.rejects.size() == 3);
  CHECK(sink.rejects[0].bytes == "{\"type\":\"b\",\"value\":}");
  CHECK(sink.rejects[0].detail.find("line 3: ") == 0);
  CHECK(sink.rejects[1].bytes == "garbage");
  CHECK(sink.rejects[2].bytes == "{\"type\":\"c");
}

TEST_CASE("a first line that is broken does not take the next ones with it") {
  auto sink = decode("{\"type\":\"a\",\"value\":\n{\"type\":\"b\",\"value\":2}");
  REQUIRE(sink.events.size() == 1);
  CHECK(sink.events[0].metric == "b");
  CHECK(sink.rejects.size() == 1);
}

TEST_CASE("one JSON object over several lines is one event") {
  auto sink = decode("{\n  \"type\": \"a\",\n  \"dimensions\": {\n"
                     "\"k\": \"}\"\n},\n  \"value\": 1\n}\n");
  REQUIRE(sink.rejects.empty());
  REQUIRE(sink.events.size() == 1);
  CHECK(sink.events[0].dimensions.at("k") == "}");
}

TEST_CASE("an object over several lines that is cut off is one rejection") {
  auto reject = only_reject(decode("{\n \"type\": \"a\",\n \"value\": 1\n"));
  CHECK(reject.reason == reject_reason::malformed);
}

TEST_CASE("a bare JSON number or boolean is a value for the topic's series") {
  decode_context context{.metric = "temperature", .source = "pump"};
  for (auto [text, value] : {std::pair{"23.5", 23.5},
                             {" -4 ", -4.0},
                             {"1e3\n", 1000.0},
                             {"true", 1.0},
                             {"false", 0.0}}) {
    auto sink = decode(text, context);
    REQUIRE(sink.events.size() == 1);
    CHECK(sink.events[0].value == value);
    CHECK(sink.events[0].metric == "temperature");
    CHECK(sink.events[0].source == "pump");
  }
}

TEST_CASE("bare text that is no JSON number is malformed") {
  decode_context context{.metric = "temperature"};
  for (auto text : {"NaN", "Infinity", "-inf", "+1", "01", "1.", ".5", "1e", "0x10",
                    "12 13", "\"12\"", "on", "tru"})
    CHECK(only_reject(decode(text, context)).reason == reject_reason::malformed);
  CHECK(only_reject(decode("\xff\xfe", context)).reason == reject_reason::not_utf8);
  CHECK(only_reject(decode("null", context)).reason == reject_reason::missing_field);
}

TEST_CASE("source goes before device_id goes before user_id") {
  auto source_of = [](const std::string& fields) {
    auto sink = decode(event_with(fields));
    REQUIRE(sink.events.size() == 1);
    return sink.events[0].source;
  };
  CHECK(source_of(R"("user_id":"u","device_id":"d","source":"s")") == "s");
  CHECK(source_of(R"("user_id":"u","device_id":"d")") == "d");
  CHECK(source_of(R"("source":"s","device_id":"d","user_id":"u")") == "s");
  CHECK(source_of(R"("user_id":42)") == "42");
  CHECK(source_of(R"("user_id":-42)") == "-42");
  CHECK(source_of(R"("user_id":18446744073709551615)") == "18446744073709551615");
  CHECK(source_of(R"("source":null,"user_id":"u")") == "u");
}

TEST_CASE("of equal names the first wins") {
  auto sink = decode(R"({"type":"a","type":"b","value":1,"value":2,
    "dimensions":{"k":"1","k":"2"},"dimensions":{"l":"3"}})");
  REQUIRE(sink.events.size() == 1);
  CHECK(sink.events[0].metric == "a");
  CHECK(sink.events[0].value == 1.0);
  CHECK(sink.events[0].dimensions == std::map<std::string, std::string>{{"k", "1"}});
}

TEST_CASE("the topic fills what the payload lacks and never overrides it") {
  std::array<dimension, 2> from_topic{dimension{"hall", "A"}, {"line", "9"}};
  decode_context context{
    .metric = "topic_metric", .source = "topic_source", .dimensions = from_topic};
  auto sink = decode(R"([{"value":1},
    {"type":"own","source":"mine","value":2,"dimensions":{"hall":"B"}}])",
                     context);
  REQUIRE(sink.events.size() == 2);
  CHECK(sink.events[0].metric == "topic_metric");
  CHECK(sink.events[0].source == "topic_source");
  CHECK(sink.events[0].dimensions.at("hall") == "A");
  CHECK(sink.events[1].metric == "own");
  CHECK(sink.events[1].source == "mine");
  CHECK(sink.events[1].dimensions
        == std::map<std::string, std::string>{{"hall", "B"}, {"line", "9"}});
}

TEST_CASE("escaped keys and values mean what they mean in JSON") {
  auto sink = decode(
    R"({"t\u0079pe":"Gr\u00f6\u00dfe","val\u0075e":1,"dimensions":{"a\"b":"\ud83d\ude00"}})");
  REQUIRE(sink.events.size() == 1);
  CHECK(sink.events[0].metric == "Größe");
  CHECK(sink.events[0].dimensions.at("a\"b") == "😀");
}

TEST_CASE("numbers beyond 2^53 and beyond 64 bits are taken as doubles") {
  auto value_of = [](const std::string& number) {
    auto sink = decode(R"({"type":"t","value":)" + number + "}");
    REQUIRE(sink.events.size() == 1);
    return sink.events[0].value;
  };
  CHECK(value_of("9007199254740993") == 9007199254740992.0);
  CHECK(value_of("18446744073709551615") == 18446744073709551615.0);
  CHECK(value_of("123456789012345678901234567890") == 123456789012345678901234567890.0);
  CHECK(value_of("-99999999999999999999") == -99999999999999999999.0);
  CHECK(value_of("1e-400") == 0.0);
}

TEST_CASE("a JSON value that is no finite number says what was found") {
  auto reject = only_reject(decode(R"({"type":"t","value":"23.5"})"));
  CHECK(reject.reason == reject_reason::wrong_type);
  CHECK(reject.detail == R"("value" must be a number or a boolean, found text "23.5")");
  CHECK(only_reject(decode(R"({"type":"t","value":[1]})")).reason
        == reject_reason::wrong_type);
  CHECK(only_reject(decode(R"({"type":"t","value":1e999})")).reason
        == reject_reason::not_finite);
  CHECK(only_reject(decode(R"({"type":"t","value":-1e999})")).reason
        == reject_reason::not_finite);
  CHECK(only_reject(decode(R"({"type":"t","value":NaN})")).reason
        == reject_reason::malformed);
  CHECK(only_reject(decode(R"({"type":"t","value":Infinity})")).reason
        == reject_reason::malformed);
  CHECK(only_reject(decode(R"({"type":"t","value":1.2.3})")).reason
        == reject_reason::malformed);
  CHECK(only_reject(decode(R"({"type":"t","value":01})")).reason
        == reject_reason::malformed);
}

TEST_CASE("missing fields are named") {
  auto reject = only_reject(decode(R"({"value":1})"));
  CHECK(reject.reason == reject_reason::missing_field);
  CHECK(reject.detail
        == "no \"type\" in the payload and no {metric} in the topic template");
  reject = only_reject(decode(R"({"type":"t"})"));
  CHECK(reject.reason == reject_reason::missing_field);
  CHECK(reject.detail.find("\"value\"") != std::string::npos);
  CHECK(only_reject(decode(R"({"type":"t","value":null})")).reason
        == reject_reason::missing_field);
  CHECK(only_reject(decode(R"({"type":"","value":1})")).reason
        == reject_reason::missing_field);
  CHECK(only_reject(decode("{}")).reason == reject_reason::missing_field);
}

TEST_CASE("a bad event inside an array is named by its index, the rest goes on") {
  auto sink = decode(R"([{"type":"a","value":1}, {"type":"b","value":"x"},
    7, [[{}]], {"type":"c","value":tru}, null, {"type":"d" , "value": 4 } ])");
  REQUIRE(sink.events.size() == 2);
  CHECK(sink.events[1].metric == "d");
  REQUIRE(sink.rejects.size() == 5);
  CHECK(sink.rejects[0].bytes == R"({"type":"b","value":"x"})");
  CHECK(sink.rejects[0].detail.find("event 1: ") == 0);
  CHECK(sink.rejects[1].bytes == "7");
  CHECK(sink.rejects[1].reason == reject_reason::wrong_type);
  CHECK(sink.rejects[2].bytes == "[[{}]]");
  CHECK(sink.rejects[3].bytes == R"({"type":"c","value":tru})");
  CHECK(sink.rejects[3].reason == reject_reason::malformed);
  CHECK(sink.rejects[4].bytes == "null");
  CHECK(sink.rejects[4].detail.find("event 5: ") == 0);
}

TEST_CASE("a document broken in the middle is one rejection for the rest") {
  auto sink = decode(R"([{"type":"a","value":1},{"type":"b" "value":2},{}])");
  REQUIRE(sink.events.size() == 1);
  REQUIRE(sink.rejects.size() == 1);
  CHECK(sink.rejects[0].reason == reject_reason::malformed);
  CHECK(sink.rejects[0].bytes == R"({"type":"b" "value":2},{}])");
}

TEST_CASE("JSON that is cut off or followed by something is malformed") {
  for (auto text : {R"({"type":"t","value":1)", R"({"type":"t","value":1}})",
                    R"({"type":"t","value":1} x)", R"([{"type":"t","value":1})",
                    R"([{"type":"t","value":1}] x)", R"({"type":"t" "value":1})",
                    R"({"type":"t","value":1,})", R"({type:"t","value":1})",
                    R"({"type":"t)", "{", "[", "{]", R"({"type":"\q","value":1})",
                    R"({"type","value":1})", R"({"type":"\ud800","value":1})"}) {
    INFO(text);
    auto reject = only_reject(decode(text));
    CHECK(reject.reason == reject_reason::malformed);
    CHECK(reject.bytes == text);
  }
  auto sink = decode(R"([{"type":"t","value":1}] ])");
  CHECK(sink.events.size() == 1);
  REQUIRE(sink.rejects.size() == 1);
  CHECK(sink.rejects[0].bytes == "]");
}

TEST_CASE("an empty payload is malformed") {
  CHECK(only_reject(decode("")).reason == reject_reason::malformed);
  CHECK(only_reject(decode(" \n")).reason == reject_reason::malformed);
}

TEST_CASE("a byte order mark in front of JSON is passed over") {
  CHECK(decode("\xef\xbb\xbf{\"type\":\"t\",\"value\":1}").events.size() == 1);
}

TEST_CASE("JSON that is not UTF-8 is rejected as such") {
  auto reject = only_reject(decode("{\"type\":\"\xff\",\"value\":1}"));
  CHECK(reject.reason == reject_reason::not_utf8);
  CHECK(reject.bytes == "{\"type\":\"\xff\",\"value\":1}");
}

TEST_CASE("dimensions are flat and within their limits") {
  CHECK(only_reject(decode(event_with(R"("dimensions":{"k":{"l":1}})"))).reason
        == reject_reason::wrong_type);
  CHECK(only_reject(decode(event_with(R"("dimensions":{"k":[1]})"))).reason
        == reject_reason::wrong_type);
  CHECK(only_reject(decode(event_with(R"("dimensions":[1])"))).reason
        == reject_reason::wrong_type);
  CHECK(only_reject(decode(event_with(R"("dimensions":{"":1})"))).reason
        == reject_reason::wrong_type);
  CHECK(decode(event_with(R"("dimensions":{"k":null})")).events.size() == 1);
  CHECK(decode(event_with(R"("dimensions":null)")).events.size() == 1);

  std::string many;
  for (int i = 0; i < 16; ++i)
    many += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  CHECK(decode(event_with("\"dimensions\":{" + many + "}")).events.size() == 1);
  CHECK(
    only_reject(decode(event_with("\"dimensions\":{" + many + ",\"more\":1}"))).reason
    == reject_reason::too_large);
}

TEST_CASE("a source's own count of its events is read") {
  CHECK_FALSE(decode(event_with(R"("id":"a")")).events.at(0).sequence);
  CHECK_FALSE(decode(event_with(R"("seq":null)")).events.at(0).sequence);
  CHECK(decode(event_with(R"("seq":0)")).events.at(0).sequence == 0u);
  CHECK(decode(event_with(R"("seq":41,"seq":42)")).events.at(0).sequence == 41u);
  CHECK(decode(event_with(R"("seq":18446744073709551615)")).events.at(0).sequence
        == 18446744073709551615u);
  for (auto wrong : {"-1", "1.5", "18446744073709551616", "1e3", "\"7\"", "true", "[1]",
                     "{\"a\":1}"}) {
    CAPTURE(wrong);
    auto reject = only_reject(decode(event_with("\"seq\":" + std::string{wrong})));
    CHECK(reject.reason == reject_reason::wrong_type);
    CHECK(reject.detail.find("\"seq\" must be a whole number from 0") == 0);
  }
  CHECK(only_reject(decode(event_with(R"("seq":-1)"))).detail
        == "\"seq\" must be a whole number from 0 to 2^64 - 1, found a negative one");
}

TEST_CASE("texts beyond the limit are too large and say so") {
  std::string fits(256, 'x');
  std::string long_text(257, 'x');
  CHECK(decode(event_with("\"id\":\"" + fits + "\"")).events.size() == 1);
  for (auto field : {"id", "source", "device_id"})
    CHECK(only_reject(
            decode(event_with("\"" + std::string{field} + "\":\"" + long_text + "\"")))
            .reason
          == reject_reason::too_large);
  for (const auto& pair : {"\"k\":\"" + long_text + "\"", "\"" + long_text + "\":1"})
    CHECK(only_reject(decode(event_with("\"dimensions\":{" + pair + "}"))).reason
          == reject_reason::too_large);
  decode_context context{.metric = long_text};
  CHECK(only_reject(decode("1", context)).reason == reject_reason::too_large);
}

TEST_CASE("payloads, events and nesting have limits") {
  decode_limits limits;
  limits.payload_bytes_max = 64;
  std::string payload(65, ' ');
  auto reject = only_reject(decode(payload, {}, limits));
  CHECK(reject.reason == reject_reason::too_large);
  CHECK(reject.bytes == payload);

  limits = {};
  limits.events_max = 2;
  for (auto text :
       {R"([{"type":"a","value":1},{"type":"b","value":1},{"type":"c","value":1}])",
        "{\"type\":\"a\",\"value\":1}\n{\"type\":\"b\",\"value\":1}\n"
        "{\"type\":\"c\",\"value\":1}"}) {
    auto sink = decode(text, {}, limits);
    CHECK(sink.events.size() == 2);
    REQUIRE(sink.rejects.size() == 1);
    CHECK(sink.rejects[0].reason == reject_reason::too_large);
    CHECK(sink.rejects[0].bytes.find("{\"type\":\"c\"") == 0);
  }

  CHECK(decode(event_with(R"("x":[[[[[[[[1]]]]]]]])")).events.size() == 1);
  CHECK(only_reject(decode(event_with(R"("x":[[[[[[[[["]"]]]]]]]]])"))).reason
        == reject_reason::too_large);
  std::string deep(200'000, '[');
  CHECK(decode(deep).rejects.size() == 1);
  deep += std::string(200'000, ']');
  CHECK(only_reject(decode(deep)).reason != reject_reason::missing_field);
  CHECK(only_reject(decode(event_with("\"x\":" + deep))).reason
        == reject_reason::too_large);
}

TEST_CASE("timestamps come in several names and forms") {
  auto time_of = [](const std::string& fields) {
    auto sink = decode(event_with(fields));
    REQUIRE(sink.events.size() == 1);
    return sink.events[0].time_ns;
  };
  CHECK(time_of(R"("ts":1700000000)") == 1700000000000000000);
  CHECK(time_of(R"("time":1700000000123)") == 1700000000123000000);
  CHECK(time_of(R"("ts":1,"time":2,"timestamp":3)") == 3000000000);
  CHECK(time_of(R"("timestamp":1700000000.25)") == 1700000000250000000);
  CHECK_FALSE(time_of(R"("timestamp":null)").has_value());
  CHECK_FALSE(time_of(R"("x":1)").has_value());
}

TEST_CASE("a timestamp that cannot be read is bad_time") {
  for (auto time : {R"("yesterday")", "1e30", "18446744073709551615", R"("")"})
    CHECK(only_reject(decode(event_with("\"ts\":" + std::string{time}))).reason
          == reject_reason::bad_time);
  CHECK(only_reject(decode(event_with(R"("ts":true)"))).reason
        == reject_reason::wrong_type);
}

TEST_CASE("one decoder gives the same answers for one payload after another") {
  json_decoder decoder;
  recording_sink sink;
  std::string large = "[";
  for (int i = 0; i < 500; ++i)
    large += (i ? "," : "") + event_with("\"id\":" + std::to_string(i));
  large += "]";
  for (int round = 0; round < 3; ++round) {
    decoder.decode(R"({"type":"a","value":1,"id":"x","ts":5})", {}, sink);
    decoder.decode("[{", {}, sink);
    decoder.decode(large, {}, sink);
    decoder.decode(R"({"type":"a","value":2})", {}, sink);
  }
  REQUIRE(sink.events.size() == 3 * 502);
  CHECK(sink.rejects.size() == 3);
  CHECK(sink.events.back().id.empty());
  CHECK_FALSE(sink.events.back().time_ns.has_value());
}
