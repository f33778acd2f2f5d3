// PROMETHEUS VALUES: times, spans, numbers and texts as Prometheus' API has them, and
// each error with its status.
#include "web/prometheus_values.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

using namespace weir::web;
using namespace weir::analytics::query;
using nlohmann::json;

namespace {

std::string value_text(double x) {
  std::string out;
  append_sample_value(out, x);
  return out;
}

std::string time_text(std::int64_t ms) {
  std::string out;
  append_sample_time(out, ms);
  return out;
}

std::string json_text(std::string_view x) {
  std::string out;
  append_json_text(out, x);
  return out;
}

std::string answer_text(const answer& x, std::int64_t time_ms = 1'500) {
  std::string out;
  append_answer(out, x, time_ms);
  CHECK(json::accept(out));
  return out;
}

} // namespace

TEST_CASE("times are seconds or RFC 3339", "[web]") {
  CHECK(parse_prometheus_time("0") == 0);
  CHECK(parse_prometheus_time("1435781451") == 1'435'781'451'000);
  CHECK(parse_prometheus_time("1435781451.781") == 1'435'781'451'781);
  CHECK(parse_prometheus_time("1.435781451e9") == 1'435'781'451'000);
  CHECK(parse_prometheus_time("-1.5") == -1'500);
  CHECK(parse_prometheus_time("2015-07-01T20:10:51Z") == 1'435'781'451'000);
  CHECK(parse_prometheus_time("2015-07-01T20:10:51.781Z") == 1'435'781'451'781);
  CHECK(parse_prometheus_time("2015-07-01T20:10:51.781999999Z") == 1'435'781'451'781);
  CHECK(parse_prometheus_time("2015-07-01T22:10:51.5+02:00") == 1'435'781'451'500);
  CHECK(parse_prometheus_time("2015-07-01T14:40:51-05:30") == 1'435'781'451'000);
  CHECK(parse_prometheus_time("1969-12-31T23:59:59.999Z") == -1);
  CHECK(parse_prometheus_time("2016-02-29T00:00:00Z") == 1'456'704'000'000);
}

TEST_CASE("the ends of Go's time are the ends of ours", "[web]") {
  CHECK(parse_prometheus_time("-292273086-05-16T16:47:06Z") == -query_time_ms_max);
  CHECK(parse_prometheus_time("292277025-08-18T07:12:54.999999999Z")
        == query_time_ms_max);
}

TEST_CASE("what is no time is refused", "[web]") {
  for (auto wrong : {"",
                     " ",
                     "now",
                     "1 ",
                     "0x10",
                     "NaN",
                     "Inf",
                     "1e20",
                     "-1e20",
                     "2015-07-01",
                     "2015-07-01T20:10:51",
                     "2015-07-01 20:10:51Z",
                     "2015-02-29T00:00:00Z",
                     "2015-13-01T00:00:00Z",
                     "2015-07-01T24:00:00Z",
                     "2015-07-01T20:60:00Z",
                     "2015-07-01T20:10:51.Z",
                     "2015-07-01T20:10:51Zx",
                     "2015-07-01T20:10:51+2:00",
                     "2015-07-01T20:10:51+24:00",
                     "2015-7-01T20:10:51Z",
                     "T",
                     "2015-"}) {
    INFO(wrong);
    CHECK_FALSE(parse_prometheus_time(wrong));
  }
}

TEST_CASE("spans are seconds or durations", "[web]") {
  CHECK(parse_prometheus_duration("15") == 15'000);
  CHECK(parse_prometheus_duration("0") == 0);
  CHECK(parse_prometheus_duration("0.5") == 500);
  CHECK(parse_prometheus_duration("0.57") == 570);
  CHECK(parse_prometheus_duration("1h30m") == 5'400'000);
  CHECK(parse_prometheus_duration("500ms") == 500);
  CHECK(parse_prometheus_duration("1w") == 604'800'000);
  for (auto wrong :
       {"", "m", "1x", "30m1h", "-5", "-5m", "1e300", "5m ", "NaN", "1h x"}) {
    INFO(wrong);
    CHECK_FALSE(parse_prometheus_duration(wrong));
  }
}

TEST_CASE("sample values are the shortest text, as Go writes it", "[web]") {
  CHECK(value_text(0.0) == "\"0\"");
  CHECK(value_text(-0.0) == "\"-0\"");
  CHECK(value_text(1.0) == "\"1\"");
  CHECK(value_text(0.1) == "\"0.1\"");
  CHECK(value_text(-21.25) == "\"-21.25\"");
  CHECK(value_text(1e20) == "\"100000000000000000000\"");
  CHECK(value_text(1e21) == "\"1e+21\"");
  CHECK(value_text(1e-6) == "\"0.000001\"");
  CHECK(value_text(1.5e-7) == "\"1.5e-07\"");
  CHECK(value_text(std::numeric_limits<double>::max())
        == "\"1.7976931348623157e+308\"");
  CHECK(value_text(std::nan("")) == "\"NaN\"");
  CHECK(value_text(std::numeric_limits<double>::infinity()) == "\"+Inf\"");
  CHECK(value_text(-std::numeric_limits<double>::infinity()) == "\"-Inf\"");
}

TEST_CASE("every sample value reads back as it was", "[web]") {
  std::mt19937_64 random{7};
  for (int i = 0; i < 20'000; ++i) {
    auto bits = random();
    double x = 0.0;
    static_assert(sizeof bits == sizeof x);
    std::memcpy(&x, &bits, sizeof x);
    if (!std::isfinite(x))
      continue;
    auto text = value_text(x);
    REQUIRE(std::strtod(text.c_str() + 1, nullptr) == x); // stod throws below 1e-307.
  }
}

TEST_CASE("sample times are seconds, with milliseconds where there are some", "[web]") {
  CHECK(time_text(0) == "0");
  CHECK(time_text(1'435'781'451'000) == "1435781451");
  CHECK(time_text(1'435'781'451'781) == "1435781451.781");
  CHECK(time_text(1'100) == "1.100");
  CHECK(time_text(1'001) == "1.001");
  CHECK(time_text(-1) == "-0.001");
  CHECK(time_text(-1'500) == "-1.500");
}

TEST_CASE("texts are escaped, and what is no UTF-8 is replaced", "[web]") {
  CHECK(json_text("a\"b\\c\n\t\r") == R"("a\"b\\c\n\t\r")");
  CHECK(json_text(std::string_view{"\0\x1f", 2}) == R"("\u0000\u001f")");
  CHECK(json_text("\u00e9\u20ac\U0001f600") == "\"\u00e9\u20ac\U0001f600\"");
  for (std::string_view wrong :
       {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
        "\x80", "\xf0\x80\x80\x80"}) {
    auto text = json_text(wrong);
    CHECK(text.find("\xef\xbf\xbd") == 1);
    CHECK(json::accept(text));
  }
  CHECK(json_text("a\xff"
                  "b")
        == "\"a\xef\xbf\xbd"
           "b\"");
}

TEST_CASE("each type of answer has its shape", "[web]") {
  series_columns one;
  one.labels = label_set{{{"__name__", "up"}, {"edge", "e1"}}};
  one.times_ms = {1'000, 2'500};
  one.values = {1.5, std::nan("")};
  CHECK(
    answer_text({value_type::matrix, {one}, ""})
    == R"({"resultType":"matrix","result":[{"metric":{"__name__":"up","edge":"e1"},)"
       R"("values":[[1,"1.5"],[2.500,"NaN"]]}]})");
  one.times_ms = {1'500};
  one.values = {2.0};
  CHECK(answer_text({value_type::vector, {one, one}, ""})
        == R"({"resultType":"vector","result":[)"
           R"({"metric":{"__name__":"up","edge":"e1"},"value":[1.500,"2"]},)"
           R"({"metric":{"__name__":"up","edge":"e1"},"value":[1.500,"2"]}]})");
  one.labels = {};
  CHECK(answer_text({value_type::scalar, {one}, ""})
        == R"({"resultType":"scalar","result":[1.500,"2"]})");
  CHECK(answer_text({value_type::text, {}, "a\"b"})
        == R"({"resultType":"string","result":[1.500,"a\"b"]})");
  CHECK(answer_text({value_type::vector, {}, ""})
        == R"({"resultType":"vector","result":[]})");
}

TEST_CASE("each failure of a query has its status and type", "[web]") {
  auto check = [](query_errc code, bool is_late, unsigned status, const char* type) {
    auto response = prometheus_error({code, "why.", 3}, "a +", is_late);
    auto body = json::parse(response.body);
    CHECK(response.status == status);
    CHECK(response.content_type == "application/json");
    CHECK(body["status"] == "error");
    CHECK(body["errorType"] == type);
    CHECK(body["error"].get<std::string>().size() >= 4);
    return body["error"].get<std::string>();
  };
  CHECK(check(query_errc::syntax, false, 400, "bad_data")
        == "invalid parameter \"query\": 1:3: parse error: why.");
  CHECK(check(query_errc::limit, false, 422, "execution") == "why.");
  CHECK(check(query_errc::execution, false, 422, "execution") == "why.");
  CHECK(check(query_errc::source, false, 500, "internal") == "why.");
  check(query_errc::cancelled, true, 503, "timeout");
  check(query_errc::cancelled, false, 503, "canceled");
}

TEST_CASE("a place is told by line and character", "[web]") {
  CHECK(place_in("a + b", 3) == "1:3");
  CHECK(place_in("a +\n  b", 7) == "2:3");
  CHECK(place_in("\"\u00e9\u00e9\" +", 6) == "1:6");
  CHECK(place_in("ab", 3) == "1:3");
  CHECK(place_in("", 1) == "1:1");
}

TEST_CASE("warnings stand behind the data", "[web]") {
  std::vector<std::string> warnings{"one", "two"};
  CHECK(prometheus_success(std::string{success_head} + "[]", warnings).body
        == R"({"status":"success","data":[],"warnings":["one","two"]})");
  CHECK(prometheus_success(std::string{success_head} + "[]").body
        == R"({"status":"success","data":[]})");
}
