// Prometheus' own client and `weir query` against a running centre, on the windows of
// known events: real edge, real broker, real promtool.
#include "tests/e2e/system.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

using namespace std::chrono_literals;
using weir::test::program;
using weir::test::read_text;
using weir::test::run_program;
using weir::test::wait_until;
using weir::test::weir_system;

namespace {

constexpr const char* promtool = "/usr/bin/promtool";
constexpr std::int64_t start_s = 1'760'000'000;
constexpr int seconds = 120;

std::string event_at(std::int64_t second, double value) {
  return "{\"timestamp\":" + std::to_string((start_s + second) * 1000)
         + ",\"value\":" + nlohmann::json(value).dump() + "}";
}

/// Windows of one second: [20 + i % 10 - 1, 20 + i % 10 + 1] of source a at second i,
/// ten more of source b; a counter of source c that grows by 3 each second.
struct filled_system : weir_system {
  filled_system() {
    start();
    for (const auto& [source, base] : {std::pair{"a", 20.0}, std::pair{"b", 30.0}}) {
      std::vector<std::string> lines;
      for (int i = 0; i < seconds; ++i)
        for (double off : {-1.0, 1.0})
          lines.push_back(event_at(i, base + i % 10 + off));
      publish("plant/" + std::string{source} + "/motor.temp", lines);
    }
    std::vector<std::string> lines;
    for (int i = 0; i < seconds; ++i)
      lines.push_back(event_at(i, 3.0 * i));
    publish("plant/c/parts_total", lines);
    REQUIRE(wait_for_windows(seconds - 20));
    // Late, within the allowance: the window of second 115 becomes 4 events wide.
    publish("plant/a/motor.temp", {event_at(115, 100.0), event_at(115, 110.0)});
    for (const auto* topic :
         {"plant/a/motor.temp", "plant/b/motor.temp", "plant/c/parts_total"})
      publish(topic, {event_at(1'000, 0.0)});
    REQUIRE(wait_for_windows(seconds));
  }

  std::string key() {
    auto text = read_text(dir / "central-data/api.key");
    return text.substr(0, text.find('\n'));
  }

  std::string url(const std::string& user = {}) {
    return "http://" + user + "127.0.0.1:" + std::to_string(web_port);
  }

  /// Output of promtool, which knows no bearer keys for most questions.
  std::string ask(std::vector<std::string> arguments, int* status = nullptr) {
    std::vector<std::string> command{promtool, "query"};
    for (auto& x : arguments)
      command.push_back(x == "URL" ? url("weir:" + key() + "@") : std::move(x));
    return run_program(std::move(command), dir, status);
  }

  std::string instant(const std::string& expression, int at = seconds) {
    return ask(
      {"instant", "--time=" + std::to_string(start_s + at), "URL", expression});
  }

  std::string weir(std::vector<std::string> arguments, int* status = nullptr) {
    arguments.insert(arguments.begin(), {program("weir"), "query"});
    arguments.insert(arguments.end(),
                     {"--url", url(), "--data", (dir / "central-data").string()});
    return run_program(std::move(arguments), dir, status);
  }

private:
  /// Until each of the three series has so many windows.
  bool wait_for_windows(int count) {
    bool done = wait_until(
      [&] {
        return windows_of("motor_temp%7Bsource%3D%22a%22%7D") >= count
               && windows_of("motor_temp%7Bsource%3D%22b%22%7D") >= count
               && windows_of("parts_total") >= count;
      },
      30s);
    if (!done)
      WARN(logs());
    return done;
  }

  int windows_of(const std::string& selector) {
    auto answer = get("/api/v1/query?query=count_over_time(" + selector
                      + "%5B10m%5D)&time=" + std::to_string(start_s + seconds));
    if (!answer || (*answer)["data"]["result"].empty())
      return 0;
    return std::stoi((*answer)["data"]["result"][0]["value"][1].get<std::string>());
  }
};

std::string at(int second) {
  return " @[" + std::to_string(start_s + second) + "]\n";
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n') + 1);
}

} // namespace

TEST_CASE("promtool and weir query ask the running centre", "[e2e]") {
  filled_system system;
  INFO(system.logs());

  SECTION("promtool: right answers") {
    if (!std::filesystem::exists(promtool)) {
      WARN("promtool is not installed: not tested");
      return;
    }
    const std::string a = R"({edge="edge-1", source="a"})";
    const std::string b = R"({edge="edge-1", source="b"})";
    const std::string c = R"({edge="edge-1", source="c"})";
    CHECK(system.instant("motor_temp", 60)
          == "motor_temp" + a + " => 29" + at(60) + "motor_temp" + b + " => 39"
               + at(60));
    CHECK(system.instant(R"({"motor.temp", source="a"})", 61)
          == "motor_temp" + a + " => 20" + at(61));
    CHECK(system.instant("avg(motor_temp)", 60) == "{} => 34" + at(60));
    CHECK(system.instant(R"(motor_temp{stat="max", source="b"})", 60)
          == R"(motor_temp{edge="edge-1", source="b", stat="max"} => 40)" + at(60));
    CHECK(system.instant(R"(sum_over_time(motor_temp{stat="count"}[1m]))", 110)
          == R"({edge="edge-1", source="a", stat="count"} => 122)" + at(110)
               + R"({edge="edge-1", source="b", stat="count"} => 122)" + at(110));
    CHECK(system.instant("rate(parts_total[1m])", 100) == c + " => 3" + at(100));
    CHECK(system.instant("max by (source) (max_over_time(motor_temp[30s]))", 60)
          == R"({source="a"} => 29)" + at(60) + R"({source="b"} => 39)" + at(60));
    CHECK(system.instant("topk(1, motor_temp)", 60)
          == "motor_temp" + b + " => 39" + at(60));
    CHECK(
      system.instant(R"(motor_temp{source="b"} - on (edge) motor_temp{source="a"})", 77)
      == R"({edge="edge-1"} => 10)" + at(77));
    CHECK(system.instant("count_over_time(parts_total[2m])", 120)
          == c + " => 120" + at(120));
    CHECK(system.instant("1 / 0") == "scalar: +Inf" + at(seconds));
    CHECK(system.instant("nothing") == "\n");
    // The correction is in the sample of its window: (24 + 26 + 100 + 110) / 4.
    CHECK(system.instant(R"(motor_temp{source="a"})", 116)
          == "motor_temp" + a + " => 65" + at(116));
    CHECK(system.instant(R"(count_over_time(motor_temp{source="a"}[2m]))", 120)
          == a + " => 120" + at(120));
    CHECK(system.instant(R"(motor_temp{source="a"}[3s])", 20)
          == "motor_temp" + a + " =>\n26" + at(17) + "27" + at(18) + "28" + at(19)
               + "29" + at(20));

    CHECK(system.ask({"range", "--start=" + std::to_string(start_s + 10),
                      "--end=" + std::to_string(start_s + 30), "--step=10s", "URL",
                      "sum(motor_temp)"})
          == "{} =>\n68" + at(10) + "68" + at(20) + "68" + at(30));
    CHECK(system.ask({"series", "--match=motor_temp", "--match=parts_total", "URL"})
          == R"({__name__="motor_temp", edge="edge-1", source="a"})"
             "\n"
             R"({__name__="motor_temp", edge="edge-1", source="b"})"
             "\n"
             R"({__name__="parts_total", edge="edge-1", source="c"})"
             "\n");
    CHECK(system.ask({"labels", "URL", "__name__"}) == "motor_temp\nparts_total\n");
    CHECK(system.ask({"labels", "URL", "source"}) == "a\nb\nc\n");
  }

  SECTION("promtool: errors") {
    if (!std::filesystem::exists(promtool))
      return;
    int status = 0;
    auto text = system.ask({"instant", "URL", "sum(motor_temp"}, &status);
    CHECK(status == 1);
    CHECK(text.find("bad_data") != std::string::npos);
    CHECK(text.find("1:15: parse error") != std::string::npos);
    text = system.ask({"instant", "URL", "vector(1) + on (x) group_left parts_total"},
                      &status);
    CHECK(status == 0);
    text = system.ask(
      {"range", "--step=1ms", "--start=0", "--end=1760000000", "URL", "parts_total"},
      &status);
    CHECK(status == 1);
    CHECK(text.find("11,000 points") != std::string::npos);
    text = run_program({promtool, "query", "instant", system.url("weir:wrong@"), "1"},
                       system.dir, &status);
    CHECK(status == 1);
    CHECK(text.find("401") != std::string::npos);
  }

  SECTION("weir query") {
    int status = -1;
    auto time = std::to_string(start_s + 60);
    auto text = system.weir({"motor_temp", "--at", time}, &status);
    INFO(text);
    CHECK(status == 0);
    CHECK(first_line(text).find("SERIES") == 0);
    CHECK(text.find(R"(motor_temp{edge="edge-1", source="a"})") != std::string::npos);
    CHECK(text.find("2025-10-09T08:54:20.000Z     29\n") != std::string::npos);
    text = system.weir({"sum(motor_temp)", "--from", time, "--to",
                        std::to_string(start_s + 80), "--step", "10s"},
                       &status);
    CHECK(status == 0);
    CHECK(std::count(text.begin(), text.end(), '\n') == 4);
    text = system.weir({"1 + 1", "--at", time, "--json"}, &status);
    CHECK(nlohmann::json::parse(text)["data"]["result"][1] == "2");
    text = system.weir({"avg(motor_temp) +* 2"}, &status);
    CHECK(status == 2);
    CHECK(text.find("\n  avg(motor_temp) +* 2\n                   ^\n")
          != std::string::npos);
    text = system.weir({R"(motor_temp * on (edge) motor_temp)", "--at", time}, &status);
    CHECK(status == 1);
    CHECK(text.find("422") != std::string::npos);
  }

  CHECK(system.edge->stop(5s) == 0);
  CHECK(system.central->stop(5s) == 0);
}
