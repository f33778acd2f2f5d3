// THRESHOLD RULE: globs and the state machine of an alert.
#include "analytics/threshold_rule.hpp"

#include <catch2/catch.hpp>

using namespace weir::analytics;

namespace {

struct fixture {
  rule_config rule{.name = "hot", .limit = 90.0, .clear_limit = 85.0};
  rule_state uut;

  alert_state at(std::int64_t time_ns, double value) {
    uut.step(rule, {.time_ns = time_ns, .value = value});
    return uut.state;
  }
};

} // namespace

TEST_CASE("globs know stars and question marks", "[analytics]") {
  CHECK(matches_glob("*", ""));
  CHECK(matches_glob("temp*", "temperature"));
  CHECK(matches_glob("*ture", "temperature"));
  CHECK(matches_glob("t?mp*e", "temperature"));
  CHECK(matches_glob("a*b*c", "a-b-b-c"));
  CHECK_FALSE(matches_glob("temp", "temperature"));
  CHECK_FALSE(matches_glob("t?", "t"));
  CHECK_FALSE(matches_glob("", "x"));
  CHECK_FALSE(matches_glob("*a*a*a*a*b", std::string(200, 'a')));
}

TEST_CASE_METHOD(fixture,
                 "without hold and recover times an alert fires and "
                 "resolves at once",
                 "[analytics]") {
  CHECK(at(0, 90.0) == alert_state::inactive);
  CHECK(at(1, 91.0) == alert_state::firing);
  CHECK(at(2, 86.0) == alert_state::firing); // Between the limits: hysteresis.
  CHECK(at(3, 84.0) == alert_state::resolved);
  CHECK(uut.start_ns == 1);
}

TEST_CASE_METHOD(fixture, "an alert waits for its hold time and may be over before",
                 "[analytics]") {
  rule.hold_ns = 10;
  CHECK(at(0, 91.0) == alert_state::pending);
  CHECK(at(9, 91.0) == alert_state::pending);
  CHECK(at(10, 91.0) == alert_state::firing);
  uut = {};
  CHECK(at(20, 91.0) == alert_state::pending);
  CHECK(at(25, 80.0) == alert_state::inactive);
}

TEST_CASE_METHOD(fixture, "a recovery that does not last fires on", "[analytics]") {
  rule.recover_ns = 10;
  at(0, 91.0);
  CHECK(at(5, 80.0) == alert_state::recovering);
  CHECK(at(9, 95.0) == alert_state::firing);
  CHECK(at(20, 80.0) == alert_state::recovering);
  CHECK(at(30, 80.0) == alert_state::resolved);
}

TEST_CASE_METHOD(fixture, "below is the mirror of above", "[analytics]") {
  rule.condition = rule_condition::below;
  rule.limit = 10.0;
  rule.clear_limit = 12.0;
  CHECK(at(0, 10.0) == alert_state::inactive);
  CHECK(at(1, 9.0) == alert_state::firing);
  CHECK(at(2, 11.0) == alert_state::firing);
  CHECK(at(3, 13.0) == alert_state::resolved);
}

TEST_CASE_METHOD(fixture, "an anomaly rule follows the detector's excursion",
                 "[analytics]") {
  rule.condition = rule_condition::anomaly;
  rule.anomaly_min = severity::high;
  rule_input input{
    .time_ns = 1, .value = 5.0, .in_excursion = true, .severity = severity::medium};
  CHECK_FALSE(begins(rule, input));
  input.severity = severity::critical;
  CHECK(begins(rule, input));
  CHECK(uut.step(rule, input));
  auto told = make_alert(rule, uut, 3, "t{source=\"a\"}", input);
  CHECK(told.severity == severity::critical);
  CHECK(told.state == alert_state::firing);
  CHECK(told.id == make_alert_id("hot", "t{source=\"a\"}", 1));
  input.in_excursion = false;
  CHECK(uut.step(rule, input));
  CHECK(uut.state == alert_state::resolved);
}

TEST_CASE_METHOD(fixture, "an alert tells value, limit and what happened",
                 "[analytics]") {
  at(7, 95.5);
  auto told
    = make_alert(rule, uut, 3, "t{source=\"a\"}", {.time_ns = 7, .value = 95.5});
  CHECK(told.value == 95.5);
  CHECK(told.limit == 90.0);
  CHECK(told.message == "t{source=\"a\"} is 95.5, above the limit of 90");
}
