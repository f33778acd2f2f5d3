// Answers of the query language as tables, and the mark below what is wrong.
#include "cli/query_text.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

using namespace weir::cli;
using nlohmann::json;

TEST_CASE("an instant vector is a row for each series", "[cli]") {
  auto text = query_result_table(json::parse(R"({"status":"success","data":{
    "resultType":"vector","result":[
      {"metric":{"__name__":"up","edge":"e1"},"value":[1700000000.5,"1.25"]},
      {"metric":{},"value":[1700000000.5,"NaN"]}]}})"));
  CHECK(text
        == "SERIES         TIME                      VALUE\n"
           "up{edge=\"e1\"}  2023-11-14T22:13:20.500Z   1.25\n"
           "{}             2023-11-14T22:13:20.500Z    NaN\n");
}

TEST_CASE("a range names its series once", "[cli]") {
  auto text = query_result_table(json::parse(R"({"data":{
    "resultType":"matrix","result":[
      {"metric":{"edge":"e1"},"values":[[1700000000,"1"],[1700000060,"+Inf"]]}]}})"));
  CHECK(text
        == "SERIES       TIME                      VALUE\n"
           "{edge=\"e1\"}  2023-11-14T22:13:20.000Z      1\n"
           "             2023-11-14T22:14:20.000Z   +Inf\n");
}

TEST_CASE("scalars, texts and nothing have their tables, too", "[cli]") {
  CHECK(query_result_table(
          json::parse(R"({"data":{"resultType":"scalar","result":[0,"7"]}})"))
        == "TIME                      VALUE\n1970-01-01T00:00:00.000Z      7\n");
  CHECK(
    query_result_table(json::parse(R"({"data":{"resultType":"vector","result":[]}})"))
    == "no series\n");
}

TEST_CASE("an answer of another shape is no crash", "[cli]") {
  for (
    auto text :
    {"null", "[]", "{}", R"({"data":7})", R"({"data":{"resultType":"vector"}})",
     R"({"data":{"resultType":"vector","result":[7,{"value":[1]},{"value":["1",1]}]}})",
     R"({"data":{"resultType":"matrix","result":{"a":{"values":7}}}})",
     R"({"data":{"resultType":"scalar","result":[1e300,"1"]}})"})
    CHECK_FALSE(query_result_table(json::parse(text)).empty());
}

TEST_CASE("an error is marked in its line", "[cli]") {
  CHECK(marked_error("a + + b", 5, "What.") == "What.\n  a + + b\n      ^");
  CHECK(marked_error("sum(\n  a b)\n+ c", 10, "What.") == "What.\n    a b)\n      ^");
  CHECK(marked_error("\"\u00e9\u00e9\" b", 6, "What.")
        == "What.\n  \"\u00e9\u00e9\" b\n       ^");
  CHECK(marked_error("a +", 4, "What.") == "What.\n  a +\n     ^");
  CHECK(marked_error("a", 0, "What.") == "What.\n  a\n  ^");
  CHECK(marked_error("", 1, "What.") == "What.\n  \n  ^");
  CHECK(marked_error("a\n", 3, "What.") == "What.\n  \n  ^");
}

TEST_CASE("a refusal is told in the server's words, of either form", "[cli]") {
  CHECK(query_refusal("http://x", 422,
                      json::parse(R"({"status":"error","error":"too many"})"))
        == "http://x answered 422: too many");
  CHECK(
    query_refusal("http://x", 401,
                  json::parse(R"({"error":{"code":"bad_key","message":"No."}})"))
    == "http://x answered 401: No.; name the key with --data DIR or --key-file FILE");
  CHECK(query_refusal("http://x", 500, json{}) == "http://x answered 500");
}
