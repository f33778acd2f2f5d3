// IMPORT: files become windows as a pure function of what is in them.
#include "cli/export_format.hpp"
#include "cli/import_readers.hpp"
#include "cli/window_columns.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <sstream>
#include <tuple>

using namespace weir::cli;
using weir::analytics::summary;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t t0 = 1'700'000'000 * second_ns;

struct imported {
  std::map<std::string, std::vector<summary>> series;
  std::vector<std::uint64_t> first_seqs;
  std::uint64_t windows = 0;
  import_notes notes;
  std::string error;
};

imported import_text(const std::string& text, const import_format& format,
                     window_cut cut = {}, std::size_t blocks_max = 1'000'000) {
  imported result;
  import_windows windows{cut, [&](auto first_seq, const auto& block) {
                           result.first_seqs.push_back(first_seq);
                           for (const auto& x : block.summaries) {
                             result.series[block.series.at(x.series)].push_back(x);
                             result.series[block.series.at(x.series)].back().series = 0;
                           }
                           return result.first_seqs.size() < blocks_max;
                         }};
  std::istringstream in{text};
  auto read = read_import(in, format, windows, result.notes);
  result.error = read ? "" : read.error();
  result.windows = windows.windows();
  return result;
}

import_format influx() {
  import_format x;
  x.format = file_format::influx;
  return x;
}

std::string point(const std::string& head, double value, std::int64_t seconds) {
  return head + "=" + to_text(value) + " " + std::to_string(t0 + seconds * second_ns)
         + "\n";
}

} // namespace

TEST_CASE("points of the line protocol become series and windows", "[cli]") {
  auto x = import_text(
    point("cpu,host=a,line=3 value", 1, 0) + point("cpu,host=a,line=3 value", 3, 9)
      + point("cpu,host=a,line=3 value", 7, 10) + point("cpu,source=b load", 2, 0)
      + "cpu,host=a,source=c on=true,name=\"x\" 1700000000000000000\n",
    influx());
  CHECK(x.error.empty());
  CHECK(x.notes.samples == 5);
  CHECK(x.notes.texts == 1);
  REQUIRE(x.series.size() == 3);
  REQUIRE(x.series.count(R"(cpu{source="a",line="3"})") == 1);
  CHECK(x.series.count(R"(cpu.load{source="b"})") == 1);
  CHECK(x.series.count(R"(cpu.on{source="a",tag_source="c"})") == 1);
  const auto& windows = x.series[R"(cpu{source="a",line="3"})"];
  REQUIRE(windows.size() == 2);
  CHECK(windows[0].start_ns == t0);
  CHECK(windows[0].width_ns == 10 * second_ns);
  CHECK(windows[0].count == 2);
  CHECK(windows[0].mean == 2.0);
  CHECK(windows[0].m2 == 2.0);
  CHECK(windows[0].first == 1.0);
  CHECK(windows[0].last == 3.0);
  CHECK(windows[0].last_ns == t0 + 9 * second_ns);
  CHECK_FALSE(windows[0].correction);
  CHECK(windows[1].start_ns == t0 + 10 * second_ns);
}

TEST_CASE("samples out of order come as corrections and none is lost", "[cli]") {
  std::string text;
  for (int second : {0, 25, 3, 12, 26, 4})
    text += point("cpu value", second, second);
  auto x = import_text(text, influx());
  std::map<std::int64_t, std::uint64_t> counts;
  std::map<std::int64_t, int> firsts;
  for (const auto& w : x.series[R"(cpu{source=""})"]) {
    counts[(w.start_ns - t0) / second_ns] += w.count;
    firsts[(w.start_ns - t0) / second_ns] += w.correction ? 0 : 1;
  }
  CHECK(counts == std::map<std::int64_t, std::uint64_t>{{0, 3}, {10, 1}, {20, 2}});
  CHECK(firsts[0] == 1);
  CHECK(firsts[20] == 1);
}

TEST_CASE("each sample may be a window of its own", "[cli]") {
  auto x = import_text(point("cpu value", 1, 3) + point("cpu value", 2, 4), influx(),
                       {second_ns, true});
  REQUIRE(x.series[R"(cpu{source=""})"].size() == 2);
  CHECK(x.series[R"(cpu{source=""})"][0].start_ns == t0 + 3 * second_ns);
  CHECK(x.series[R"(cpu{source=""})"][0].width_ns == second_ns);
}

TEST_CASE("bad lines are counted with their place and the others are taken", "[cli]") {
  auto x = import_text("cpu value=1\ncpu value=x 5\n" + point("cpu value", 1, 0)
                         + "cpu value=1 9223372036854775807\n",
                       influx());
  CHECK(x.error.empty());
  CHECK(x.windows == 1);
  REQUIRE(x.notes.bad == 3);
  CHECK(x.notes.first_bad[0].find("line 1: the point has no time") == 0);
  CHECK(x.notes.first_bad[1].find("line 2, column 11: ") == 0);
  CHECK(x.notes.first_bad[2].find("line 4: ") == 0);
}

TEST_CASE("numbers of blocks depend on the file alone", "[cli]") {
  std::string text;
  for (int i = 0; i < 9'000; ++i)
    text += point("cpu value", i, 10 * i);
  auto whole = import_text(text, influx());
  CHECK(whole.first_seqs == std::vector<std::uint64_t>{1, 4'001, 8'001});
  CHECK(whole.windows == 9'000);
  auto part = import_text(text, influx(), {}, 1);
  CHECK(part.first_seqs == std::vector<std::uint64_t>{1});
}

TEST_CASE("columns of a CSV file and events of JSON lines are read", "[cli]") {
  import_format csv;
  csv.csv.columns.time = "t";
  csv.csv.columns.values = {"temp", "rpm"};
  csv.csv.columns.source_column = "machine";
  auto x = import_text("t,machine,temp,rpm\n2023-11-14T22:13:20Z,a,1,\n"
                       "2023-11-14T22:13:21Z,a,3,50\nnever,a,1,1\n",
                       csv);
  CHECK(x.error.empty());
  CHECK(x.notes.empty == 1);
  CHECK(x.notes.bad == 1);
  REQUIRE(x.series[R"(temp{source="a"})"].size() == 1);
  CHECK(x.series[R"(temp{source="a"})"][0].count == 2);
  csv.csv.columns.time.clear();
  CHECK(import_text("t,temp\n", csv).error.find("--time") != std::string::npos);

  import_format json;
  json.format = file_format::ndjson;
  x = import_text(
    "{\"timestamp\":1700000000,\"type\":\"temp\",\"source\":\"a\",\"value\":2}\n"
    "{\"type\":\"temp\",\"source\":\"a\",\"value\":2}\n",
    json);
  CHECK(x.notes.bad == 1);
  CHECK(x.series[R"(temp{source="a"})"].size() == 1);
}

TEST_CASE("what is exported is imported as it was", "[cli]") {
  auto format = GENERATE(file_format::csv, file_format::ndjson, file_format::influx);
  auto unix_times = GENERATE(false, true);
  std::map<std::string, std::vector<summary>> all;
  for (std::string name : {R"(motor.temp{source="a b,c",k="x=\"1\" \\ y"})",
                           R"(plain{source=""})", R"(t{source="ü",line="3"})"})
    for (int i = 0; i < 3; ++i) {
      summary w;
      w.start_ns = t0 + i * 7 - 1'000'000 * (i % 2);
      w.width_ns = 5 + i;
      w.count = 3 + static_cast<std::uint64_t>(i);
      w.sum = 0.1 * i;
      w.min = -1.0 / 3.0;
      w.max = 1e300;
      w.mean = 1.0 / 7.0;
      w.m2 = 3.3e-9;
      w.first = 5;
      w.last = -0.25;
      w.first_ns = w.start_ns + 1;
      w.last_ns = w.start_ns + 2;
      w.late_count = 9;
      all[name].push_back(w);
    }
  export_options options{format, whole_window_columns(), unix_times, "host"};
  export_format out{options};
  std::string text;
  out.append_header(text);
  for (const auto& [name, windows] : all) {
    REQUIRE(out.begin(name));
    for (const auto& w : windows)
      out.append(text, w);
  }
  INFO(text);
  import_format in;
  in.format = format;
  auto x = import_text(text, in);
  CHECK(x.error.empty());
  CHECK(x.notes.bad == 0);
  CHECK(x.notes.windows == 9);
  CHECK(x.series == all);
}

TEST_CASE("a window that cannot be is refused", "[cli]") {
  import_format json;
  json.format = file_format::ndjson;
  auto x = import_text(
    "{\"series\":\"a{source=\\\"\\\"}\",\"start\":1,\"width_ns\":5,\"mean\":2}\n"
    "{\"series\":\"a{source=\\\"\\\"}\",\"start\":1,\"width_ns\":0,\"mean\":2}\n"
    "{\"series\":\"a{source=\\\"\\\"}\",\"start\":1,\"width_ns\":5,\"max\":2}\n"
    "{\"series\":\"a{\",\"start\":1,\"width_ns\":5,\"mean\":2}\n"
    "{\"series\":\"a{source=\\\"\\\"}\",\"start\":1,\"width_ns\":5,\"mean\":2,"
    "\"count\":0}\n"
    "{\"series\":\"a{source=\\\"\\\"}\",\"start\":1,\"width_ns\":5,\"mean\":2,\"min\":"
    "3}\n"
    "[]\n",
    json);
  CHECK(x.notes.windows == 1);
  CHECK(x.notes.bad == 6);
  REQUIRE(x.series[R"(a{source=""})"].size() == 1);
  CHECK(x.series[R"(a{source=""})"][0].sum == 2.0);
}
