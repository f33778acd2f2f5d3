// LIVE MESSAGES: reads what any client may send, good or hostile.
#include "web/live_messages.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace weir::web;
using nlohmann::json;
using operation = client_message::operation;

namespace {

const json good = {{"op", "sub"},
                   {"id", 1},
                   {"series", {8, 7, 8}},
                   {"from_ms", 1700000000000.5},
                   {"max_points", 800}};

std::string msgpack(const json& x) {
  std::string result;
  json::to_msgpack(x, nlohmann::detail::output_adapter<char>{result});
  return result;
}

std::string error_of(const json& x) {
  auto result = parse_message(true, x.dump());
  return result ? "none" : result.error().code;
}

json with(const char* name, json value) {
  auto result = good;
  result[name] = std::move(value);
  return result;
}

json without(const char* name) {
  auto result = good;
  result.erase(name);
  return result;
}

} // namespace

TEST_CASE("a subscription is read from both encodings", "[web]") {
  for (bool text : {true, false}) {
    auto x = parse_message(text, text ? good.dump() : msgpack(good));
    REQUIRE(x);
    CHECK(x->op == operation::subscribe);
    CHECK(x->id == 1);
    CHECK(x->series == std::vector<weir::storage::stored_series_id>{7, 8});
    CHECK(x->from_ns == 1'700'000'000'000'500'000);
    CHECK(x->points_max == 800);
  }
}

TEST_CASE("an end of a subscription needs its id only", "[web]") {
  auto x = parse_message(true, R"({"op":"unsub","id":3,"note":"bye"})");
  REQUIRE(x);
  CHECK(x->op == operation::unsubscribe);
  CHECK(x->id == 3);
  CHECK_FALSE(parse_message(true, R"({"op":"unsub"})"));
}

TEST_CASE("each wrong field is an error of its own", "[web]") {
  CHECK(error_of(with("op", "subscribe")) == "unknown_op");
  CHECK(error_of(with("op", 1)) == "malformed");
  for (const json& id : {json(-1), json(1.5), json("1"), json(1e300)})
    CHECK(error_of(with("id", id)) == "malformed");
  CHECK(error_of(without("series")) == "malformed");
  CHECK(error_of(with("series", json::array())) == "malformed");
  CHECK(error_of(with("series", {1.5})) == "malformed");
  CHECK(error_of(with("series", {-7})) == "malformed");
  CHECK(error_of(with("series", {5'000'000'000})) == "malformed");
  CHECK(error_of(without("from_ms")) == "malformed");
  CHECK(error_of(with("from_ms", "now")) == "malformed");
  CHECK(error_of(with("max_points", 0)) == "malformed");
  CHECK(error_of(with("max_points", 10'001)) == "malformed");
  CHECK(error_of(without("max_points")) == "none");
}

TEST_CASE("a subscription has at most 50 series and 50,000 points", "[web]") {
  auto series = json::array();
  for (int i = 1; i <= 50; ++i)
    series.push_back(i);
  auto x = parse_message(true, with("series", series).dump());
  REQUIRE(x);
  CHECK(x->points_max == 800);
  auto many = with("series", series);
  many["max_points"] = 10'000;
  CHECK(parse_message(true, many.dump())->points_max == 1000);
  series.push_back(51);
  CHECK(error_of(with("series", series)) == "too_many_series");
}

TEST_CASE("an error names the subscription when it can", "[web]") {
  auto x = parse_message(true, with("max_points", 0).dump());
  REQUIRE_FALSE(x);
  CHECK(x.error().id == 1);
  CHECK_FALSE(parse_message(true, "nonsense").error().id);
}

TEST_CASE("bytes that are no message are refused", "[web]") {
  for (auto text : {"", "{", "[]", "1", "null", "[{\"op\":\"unsub\"}]",
                    R"({"op":"unsub","id":1}{})", R"({"op":"unsub","id":{}})"}) {
    INFO(text);
    CHECK_FALSE(parse_message(true, text));
  }
  auto bytes = msgpack(good);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(parse_message(false, bytes.substr(0, size)));
}

TEST_CASE("deep nesting and huge claims cost nothing", "[web]") {
  CHECK_FALSE(parse_message(true, std::string(65'000, '[')));
  CHECK_FALSE(parse_message(true, "{\"a\":" + std::string(65'000, '[')));
  CHECK_FALSE(parse_message(false, std::string(65'000, '\x91')));
  CHECK_FALSE(parse_message(false, std::string(65'000, '\x81')));
  // An array, and a map, of four billion elements.
  CHECK_FALSE(parse_message(false, std::string{"\xdd\xff\xff\xff\xff", 5}));
  CHECK_FALSE(parse_message(false, std::string{"\xdf\xff\xff\xff\xff", 5}));
}
