#include "transport/topic_template.hpp"

#include <catch2/catch.hpp>

using namespace weir::transport;
using weir::analytics::dimension;

namespace {

topic_template parsed(std::string_view text) {
  auto result = topic_template::parse(text);
  REQUIRE(result.has_value());
  return *result;
}

} // namespace

TEST_CASE("a topic template takes source, metric and dimensions out of a topic") {
  auto plant = parsed("plant/{hall}/{source}/+/{metric}");
  topic_fields fields;
  REQUIRE(plant.match("plant/B/pump-7/raw/temperature", fields));
  CHECK(fields.metric == "temperature");
  CHECK(fields.source == "pump-7");
  CHECK(fields.dimensions == std::vector<dimension>{{"hall", "B"}});
}

TEST_CASE("a topic must fit the template from end to end") {
  auto plant = parsed("plant/{source}/{metric}");
  topic_fields fields;
  CHECK_FALSE(plant.match("plant/a", fields));
  CHECK_FALSE(plant.match("plant/a/b/c", fields));
  CHECK_FALSE(plant.match("plants/a/b", fields));
  CHECK_FALSE(plant.match("", fields));
  CHECK_FALSE(plant.match("plant/a/b/", fields));
  CHECK(plant.match("plant//b", fields));
  CHECK(fields.source.empty());
}

TEST_CASE("a last # takes any number of levels, also none") {
  auto all = parsed("site/{source}/#");
  topic_fields fields;
  CHECK(all.match("site/a", fields));
  CHECK(all.match("site/a/b", fields));
  CHECK(all.match("site/a/b/c/", fields));
  CHECK_FALSE(all.match("site", fields));
  CHECK(fields.source.empty());
  CHECK(parsed("#").match("x/y", fields));
}

TEST_CASE("fields of the topic before are cleared") {
  auto x = parsed("{source}/{hall}");
  topic_fields fields;
  REQUIRE(x.match("a/b", fields));
  REQUIRE(x.match("c/d", fields));
  CHECK(fields.source == "c");
  CHECK(fields.dimensions == std::vector<dimension>{{"hall", "d"}});
  CHECK_FALSE(x.match("e", fields));
  CHECK(fields.dimensions.size() <= 1);
}

TEST_CASE("a topic that is not UTF-8 does not fit") {
  topic_fields fields;
  CHECK_FALSE(parsed("+/{metric}").match("a/\xff", fields));
}

TEST_CASE("the MQTT filter of a template has wildcards for its fields") {
  CHECK(parsed("plant/{source}/{metric}").filter() == "plant/+/+");
  CHECK(parsed("a/+/{x}/#").filter() == "a/+/+/#");
  CHECK(parsed("/a/").filter() == "/a/");
  CHECK(parsed("#").filter() == "#");
}

TEST_CASE("a template that cannot work says why") {
  for (auto text : {"", "a/#/b", "a/b#", "a/+b", "a/{}", "a/{b c}", "a/{b", "a/b}",
                    "a/x{b}", "{a}/{a}", "{metric}/{metric}", "a/\xff"}) {
    INFO(text);
    auto result = topic_template::parse(text);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == errc::invalid_config);
    CHECK(result.error().message.size() > 30);
  }
}
