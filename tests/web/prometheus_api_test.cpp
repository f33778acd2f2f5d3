// PROMETHEUS API: its routes over a real store, and what is refused.
#include "tests/support/temp_dir.hpp"
#include "tests/web/sample_data.hpp"
#include "web/prometheus_api.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <iostream>

using namespace weir;
using namespace weir::web;
using namespace weir::test;
using nlohmann::json;

namespace {

/// The end of the sample store's second window, in seconds.
const std::string second_end = "1700000010";

struct fixture {
  temp_dir dir;
  sample_store store{dir.path()};
  std::int64_t monotonic_ns = 0;
  std::int64_t clock_step_ns = 0; ///< By which each look at the clock moves it.
  prometheus_limits limits{};

  http_response ask(const std::string& method, const std::string& path,
                    const std::string& query = {}, const std::string& body = {}) {
    prometheus_api uut{{*store, [] { return base_ns + 3 * width_ns; },
                        [this] { return monotonic_ns += clock_step_ns; }, "0.1.0",
                        limits}};
    http_request request;
    request.method = method;
    request.path = path;
    request.query = query;
    request.body = body;
    auto match = match_route(method, path);
    REQUIRE(match.found != nullptr);
    REQUIRE(is_for_prometheus(*match.found, request));
    return uut.answer(*match.found, request, 0);
  }

  json get(const std::string& path, const std::string& query = {}) {
    auto response = ask("GET", path, query);
    INFO(response.body);
    REQUIRE(response.status == 200);
    auto body = json::parse(response.body);
    CHECK(body["status"] == "success");
    return body["data"];
  }

  /// Status and type of a refusal.
  std::string refusal(const std::string& path, const std::string& query) {
    auto response = ask("GET", path, query);
    INFO(response.body);
    auto body = json::parse(response.body);
    CHECK(body["status"] == "error");
    CHECK(body["error"].get<std::string>().size() > 10);
    return std::to_string(response.status) + ' ' + body["errorType"].get<std::string>();
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "an instant query gives the window that ended last",
                 "[web]") {
  auto data = get("/api/v1/query", "query=temperature&time=" + second_end + ".5");
  CHECK(data["resultType"] == "vector");
  REQUIRE(data["result"].size() == 1);
  CHECK(data["result"][0]["metric"]
        == json{{"__name__", "temperature"}, {"edge", "edge-1"}, {"source", "m-01"}});
  CHECK(data["result"][0]["value"] == json{1700000010.5, "2.5"});
}

TEST_CASE_METHOD(fixture, "without a time an instant query is of now", "[web]") {
  CHECK(get("/api/v1/query", "query=1%2B1")["result"] == json{1700000015, "2"});
  CHECK(
    get("/api/v1/query", "query=count(%7Bedge%3D%22edge-1%22%7D)")["result"][0]["value"]
    == json{1700000015, "2"});
}

TEST_CASE_METHOD(fixture, "`stat` chooses the value of the windows", "[web]") {
  auto max = get("/api/v1/query", "query=temperature%7Bstat%3D%22max%22%7D");
  REQUIRE(max["result"].size() == 1);
  CHECK(max["result"][0]["metric"]["stat"] == "max");
  CHECK(max["result"][0]["value"][1] == "4");
  CHECK(get("/api/v1/query", "query=temperature%7Bstat%3D~%22min%7Csum%22%7D")["result"]
          .size()
        == 2);
}

TEST_CASE_METHOD(fixture, "a range query has a value for each step, also as a form",
                 "[web]") {
  auto form = std::string{"query=temperature*2&start=1700000000&end=1700000015&step=5"};
  auto data = get("/api/v1/query_range", form);
  CHECK(data["resultType"] == "matrix");
  REQUIRE(data["result"].size() == 1);
  CHECK(data["result"][0]["metric"] == json{{"edge", "edge-1"}, {"source", "m-01"}});
  CHECK(data["result"][0]["values"]
        == json::parse("[[1700000005,\"5\"],[1700000010,\"5\"],[1700000015,\"5\"]]"));
  auto posted = ask("POST", "/api/v1/query_range", "", form);
  CHECK(json::parse(posted.body)["data"] == data);
  auto mixed = ask("POST", "/api/v1/query_range", "step=5&query=nothing",
                   "query=temperature*2&start=1700000000&end=1700000015");
  CHECK(json::parse(mixed.body)["data"] == data); // The body's parameters come first.
}

TEST_CASE_METHOD(fixture, "a correction changes the sample and adds none", "[web]") {
  analytics::record_block records;
  records.series = sample_series;
  records.summaries = {sample_summary(0, 1, 1)};
  records.summaries[0].correction = true;
  records.summaries[0].count = 4;
  records.summaries[0].sum = 30.0;
  records.summaries[0].mean = 7.5;
  records.summaries[0].max = 9.0;
  store.commit(records);
  auto data = get("/api/v1/query", "query=temperature%5B1h%5D");
  CHECK(data["resultType"] == "matrix");
  CHECK(
    data["result"][0]["values"]
    == json::parse("[[1700000005,\"2.5\"],[1700000010,\"5\"],[1700000015,\"2.5\"]]"));
}

TEST_CASE_METHOD(fixture, "series, labels and their values are listed", "[web]") {
  auto series
    = get("/api/v1/series", "match[]=temperature&match[]=%7Bsource%3D%22m-01%22%7D");
  CHECK(series
        == json::parse(
          R"([{"__name__":"pressure","edge":"edge-1","source":"m-01"},
              {"__name__":"temperature","edge":"edge-1","source":"m-01"}])"));
  CHECK(get("/api/v1/labels") == json{"__name__", "edge", "source", "stat"});
  CHECK(get("/api/v1/label/__name__/values") == json{"pressure", "temperature"});
  CHECK(get("/api/v1/label/source/values", "match[]=pressure") == json{"m-01"});
  CHECK(get("/api/v1/label/nothing/values") == json::array());
  CHECK(get("/api/v1/label/stat/values").size() == 10);
  CHECK(get("/api/v1/metadata")["pressure"]
        == json::parse(R"([{"type":"gauge","help":"","unit":""}])"));
  CHECK(get("/api/v1/metadata", "metric=temperature").size() == 1);
  CHECK(get("/api/v1/status/buildinfo")["version"] == "2.42.0");
}

TEST_CASE_METHOD(fixture, "series without a window since the start are not listed",
                 "[web]") {
  CHECK(get("/api/v1/labels", "start=1700000010").size() == 4);
  CHECK(get("/api/v1/labels", "start=1700009999") == json::array());
  CHECK(get("/api/v1/series", "match[]=temperature&start=-292273086-05-16T16:47:06Z"
                              "&end=292277025-08-18T07:12:54.999999999Z")
          .size()
        == 1);
}

TEST_CASE_METHOD(fixture, "`limit` cuts and warns", "[web]") {
  auto check = [&](const std::string& path, const std::string& query) {
    auto body = json::parse(ask("GET", path, query).body);
    INFO(body.dump());
    auto& list = body["data"].is_object() ? body["data"]["result"] : body["data"];
    CHECK(list.size() == 1);
    CHECK(body["warnings"] == json{"results truncated due to limit"});
  };
  auto all = std::string{"%7Bsource%3D%22m-01%22%7D&limit=1"};
  check("/api/v1/query", "query=" + all);
  check("/api/v1/query_range", "start=1700000000&end=1700000015&step=5&query=" + all);
  check("/api/v1/series", "match[]=" + all);
  check("/api/v1/labels", "limit=1");
  check("/api/v1/label/__name__/values", "limit=1");
  CHECK(get("/api/v1/labels", "limit=0").size() == 4);
}

TEST_CASE_METHOD(fixture, "wrong parameters are bad data", "[web]") {
  const std::string query = "/api/v1/query";
  const std::string range = "/api/v1/query_range";
  const std::string bad = "400 bad_data";
  CHECK(refusal(query, "query=") == bad);
  CHECK(refusal(query, "query=a%2B") == bad);
  CHECK(refusal(query, "query=a&time=yesterday") == bad);
  CHECK(refusal(query, "query=a&timeout=soon") == bad);
  CHECK(refusal(query, "query=a&limit=-1") == bad);
  CHECK(refusal(query, "query=a&lookback_delta=x") == bad);
  CHECK(refusal(range, "query=a") == bad);
  CHECK(refusal(range, "query=a&start=1&end=2") == bad);
  CHECK(refusal(range, "query=a&start=2&end=1&step=1") == bad);
  CHECK(refusal(range, "query=a&start=1&end=2&step=0") == bad);
  CHECK(refusal(range, "query=a&start=1&end=2&step=0.0001") == bad);
  CHECK(refusal(range, "query=a&start=0&end=11001&step=1") == bad);
  CHECK(refusal(range, "query=a[5m]&start=0&end=1&step=1") == bad);
  CHECK(refusal("/api/v1/series", "match[]=a%2Bb") == bad);
  CHECK(refusal("/api/v1/series", "match[]=%7B%7D") == bad);
  CHECK(refusal("/api/v1/labels", "start=2&end=1") == bad);
  CHECK(refusal("/api/v1/labels", "match[]=a%5B5m%5D") == bad);
  CHECK(refusal("/api/v1/label/a-b/values", "") == bad);
  auto posted = ask("POST", "/api/v1/series");
  CHECK(posted.status == 400);
  CHECK(json::parse(posted.body)["error"] == "no match[] parameter provided");
  CHECK(ask("POST", "/api/v1/query", "", "query=%zz").status == 400);
}

TEST_CASE_METHOD(fixture, "11,000 steps are allowed", "[web]") {
  auto data = get("/api/v1/query_range", "query=1&start=0&end=11000&step=1");
  CHECK(data["result"][0]["values"].size() == 11'001);
}

TEST_CASE_METHOD(fixture, "the place of an error is told", "[web]") {
  auto body = json::parse(ask("GET", "/api/v1/query", "query=sum(a%0A%2B%2B)").body);
  CHECK(body["error"].get<std::string>().find("2:") != std::string::npos);
  CHECK(body["error"].get<std::string>().find("parse error") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "what the data do not allow is an execution error", "[web]") {
  const std::string query = "/api/v1/query";
  auto sum = std::string{"query=temperature%2Bon()%7Bsource%3D%22m-01%22%7D"};
  CHECK(refusal(query, sum) == "422 execution");
  limits.samples_max = 2;
  CHECK(refusal(query, "query=temperature%5B1h%5D") == "422 execution");
  limits = {};
  limits.series_max = 1;
  CHECK(refusal(query, "query=%7Bsource%3D%22m-01%22%7D") == "422 execution");
}

TEST_CASE_METHOD(fixture, "a query ends with its timeout, waiting included", "[web]") {
  monotonic_ns = 31'000 * ms_ns; // It came at 0 and waited since.
  CHECK(refusal("/api/v1/query", "query=temperature") == "503 timeout");
  CHECK(get("/api/v1/query", "query=temperature&timeout=1m").is_object());
  monotonic_ns = 121'000 * ms_ns; // Clients cannot ask for more than two minutes.
  CHECK(refusal("/api/v1/query", "query=temperature&timeout=1h") == "503 timeout");
  monotonic_ns = 0;
  clock_step_ns = 400 * ms_ns; // While it runs.
  CHECK(refusal("/api/v1/query", "query=temperature%2Btemperature&timeout=1")
        == "503 timeout");
}

TEST_CASE_METHOD(fixture, "a query is canceled when the server stops", "[web]") {
  prometheus_api uut{{*store, [] { return base_ns; }, [] { return 0; }, "0.1.0", {}}};
  http_request request;
  request.path = "/api/v1/query";
  request.query = "query=temperature";
  uut.stop();
  auto response = uut.answer(*match_route("GET", request.path).found, request, 0);
  CHECK(response.status == 503);
  CHECK(json::parse(response.body)["errorType"] == "canceled");
}

TEST_CASE("Weir's own questions stay its own", "[web]") {
  auto is_ours = [](const char* method, const char* path, const char* query) {
    http_request request;
    request.method = method;
    request.path = path;
    request.query = query;
    return !is_for_prometheus(*match_route(method, path).found, request);
  };
  CHECK(is_ours("GET", "/api/v1/query", "series=7"));
  CHECK(is_ours("GET", "/api/v1/query", ""));
  CHECK(is_ours("GET", "/api/v1/series", "search=query"));
  CHECK(is_ours("GET", "/api/v1/alerts", "query=1"));
  CHECK_FALSE(is_ours("GET", "/api/v1/query", "query="));
  CHECK_FALSE(is_ours("POST", "/api/v1/query", ""));
  CHECK_FALSE(is_ours("GET", "/api/v1/series", "match%5B%5D=up"));
  CHECK_FALSE(is_ours("GET", "/api/v1/labels", ""));
}

TEST_CASE("a day of samples is written in a moment", "[web][.bench]") {
  temp_dir dir;
  sample_store store{dir.path()};
  constexpr int day_s = 86'400;
  for (int first = 0; first < day_s; first += 10'800) {
    analytics::record_block records;
    records.series = sample_series;
    for (int i = first; i < first + 10'800; ++i) {
      auto x = sample_summary(0, 0);
      x.width_ns = 1'000 * ms_ns;
      x.start_ns = base_ns + 86'400'000 * ms_ns + i * x.width_ns;
      x.mean = 20.0 + 0.001 * (i * 7919 % 10'007);
      records.summaries.push_back(x);
    }
    store.commit(std::move(records));
  }
  auto run = [&](const std::string& query) {
    using clock = std::chrono::steady_clock;
    prometheus_api uut{{*store,
                        [] { return base_ns + 2 * 86'400'000 * ms_ns; },
                        [] { return 0; },
                        "0.1.0",
                        {}}};
    http_request request;
    request.path = "/api/v1/query";
    request.query = query;
    if (query.find("step=") != std::string::npos)
      request.path += "_range";
    double best_ms = 1e9;
    std::size_t bytes = 0;
    for (int i = 0; i < 7; ++i) {
      auto begin = clock::now();
      auto response = uut.answer(*match_route("GET", request.path).found, request, 0);
      best_ms = std::min(
        best_ms,
        std::chrono::duration<double, std::milli>(clock::now() - begin).count());
      REQUIRE(response.status == 200);
      bytes = response.body.size();
    }
    std::cout << query << ": " << best_ms << " ms, " << bytes << " bytes\n";
  };
  run("query=temperature%5B1d%5D");
  run("query=count_over_time(temperature%5B1d%5D)");
  run("query=temperature&start=1700086400&end=1700172800&step=10");
  run("query=temperature&start=1700086400&end=1700172800&step=60");
  auto begin = std::chrono::steady_clock::now();
  auto found = (*store).query(store.id(0), base_ns + 86'400'000 * ms_ns, INT64_MAX,
                              std::size_t{1} << 40);
  REQUIRE(found);
  std::cout << "store.query alone: "
            << std::chrono::duration<double, std::milli>(
                 std::chrono::steady_clock::now() - begin)
                 .count()
            << " ms, " << found->size() << " summaries\n";
}
