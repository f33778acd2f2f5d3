// A subscriber that only counts: the ceiling of the client library and the
// broker.
#include "tests/bench/measure.hpp"

#include "transport/mqtt_client.hpp"

#include <CLI/CLI.hpp>

#include <atomic>
#include <memory>
#include <thread>

#include <unistd.h>

namespace weir::bench {

namespace {

struct count_options {
  std::string uri = "mqtt://127.0.0.1:1883";
  std::string topic = "bench/#";
  int qos = 1;
  double seconds = 5.0;
};

std::int64_t ticks_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           clock::now().time_since_epoch())
    .count();
}

int run(const count_options& options) {
  using namespace std::chrono_literals;
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::int64_t> first_ns{0};
  std::atomic<std::int64_t> last_ns{0};
  transport::mqtt_config config;
  config.uri = options.uri;
  config.client_id = "weir-bench-count-" + std::to_string(::getpid());
  config.topics = {options.topic};
  config.qos = options.qos;
  config.session_expiry = 0s;
  transport::mqtt_client client{
    config,
    {.on_message =
       [&](const transport::mqtt_message& x) {
         auto now_ns = ticks_ns();
         if (messages.fetch_add(1, std::memory_order_relaxed) == 0)
           first_ns = now_ns;
         bytes.fetch_add(x.payload.size(), std::memory_order_relaxed);
         last_ns.store(now_ns, std::memory_order_relaxed);
       },
     .on_state =
       [](bool up, const std::string& why) {
         std::fprintf(stderr, "weir-bench: %s %s\n", up ? "connected" : "not connected",
                      why.c_str());
       }}};
  auto cpu = cpu_seconds();
  if (auto started = client.start(); !started)
    return fail(started.error().message);
  std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  auto cpu_used = cpu_seconds() - cpu;
  client.stop(1s);
  auto counted = static_cast<double>(messages.load());
  auto span_s = static_cast<double>(last_ns - first_ns) * 1e-9;
  result_line{"mqtt-count"}
    .add("msgs", counted)
    .add("bytes", static_cast<double>(bytes.load()))
    .add("seconds", span_s)
    .add("msgs_per_s", span_s > 0.0 ? (counted - 1.0) / span_s : 0.0)
    .add("cpu_s", cpu_used)
    .add("cpu_us_per_msg", counted > 0.0 ? cpu_used * 1e6 / counted : 0.0)
    .print();
  return counted > 0.0 ? 0 : 1;
}

} // namespace

void add_mqtt_count(CLI::App& parent, action& chosen) {
  auto* command = parent.add_subcommand("mqtt-count", "subscribe and count");
  auto x = std::make_shared<count_options>();
  command->add_option("--uri", x->uri);
  command->add_option("--topic", x->topic);
  command->add_option("--qos", x->qos)->check(CLI::Range(0, 1));
  command->add_option("--seconds", x->seconds)->check(CLI::Range(0.1, 3600.0));
  command->callback([x, &chosen] { chosen = [x] { return run(*x); }; });
}

} // namespace weir::bench
