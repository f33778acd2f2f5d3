// JSON events to a broker as fast as it takes them: batches, or one event a
// message.
#include "tests/bench/event_template.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/raw_mqtt_publisher.hpp"

#include <CLI/CLI.hpp>

#include <memory>

namespace weir::bench {

namespace {

struct publish_options {
  raw_publisher_config to;
  std::string topic = "bench/events";
  std::size_t first_series = 0;
  std::size_t series = 1000;
  std::size_t per_message = 1;
  double seconds = 5.0;
  double rate = 0.0; ///< Messages a second of all connections; 0: no limit.
};

int run(const char* name, const publish_options& options) {
  auto templates
    = make_templates(true, options.first_series, options.series, options.per_message);
  unique_clock stamps;
  std::uint64_t messages = 0;
  auto cpu = cpu_seconds();
  auto start = clock::now();
  auto done = publish_raw(
    options.to,
    std::chrono::nanoseconds{static_cast<std::int64_t>(options.seconds * 1e9)},
    [&](std::size_t, raw_message& out) {
      if (options.rate > 0.0
          && static_cast<double>(messages) > seconds_since(start) * options.rate)
        return false;
      auto& next = templates[messages++ % templates.size()];
      next.stamp(stamps.now_ns());
      out = {options.topic, next.bytes()};
      return true;
    });
  if (!done)
    return fail(done.error());
  auto per_message = static_cast<double>(options.per_message);
  auto acked = static_cast<double>(done->acked);
  result_line{name}
    .add("events_sent", static_cast<double>(done->sent) * per_message)
    .add("events_acked", acked * per_message)
    .add("seconds", done->seconds)
    .add("events_per_s", acked * per_message / done->seconds)
    .add("msgs_per_s", acked / done->seconds)
    .add("message_bytes", static_cast<double>(templates[0].bytes().size()))
    .add("driver_cpu_s", cpu_seconds() - cpu)
    .print();
  return done->acked == done->sent ? 0 : 1;
}

void add(CLI::App& parent, action& chosen, const char* name, const char* text,
         std::size_t per_message) {
  auto* command = parent.add_subcommand(name, text);
  auto x = std::make_shared<publish_options>();
  x->per_message = per_message;
  command->add_option("--uri", x->to.uri);
  command->add_option("--topic", x->topic);
  command->add_option("--publishers", x->to.connections)->check(CLI::Range(1, 1000));
  command->add_option("--window", x->to.window_max)->check(CLI::Range(1, 60'000));
  command->add_option("--qos", x->to.qos)->check(CLI::Range(0, 1));
  command->add_option("--first-series", x->first_series)->check(CLI::Range(0, 9'999));
  command->add_option("--series", x->series)->check(CLI::Range(1, 10'000));
  command->add_option("--seconds", x->seconds)->check(CLI::Range(0.1, 3600.0));
  command->add_option("--rate", x->rate, "messages a second; 0: no limit")
    ->check(CLI::Range(0.0, 1e7));
  if (per_message > 1)
    command->add_option("--events-per-message", x->per_message)
      ->check(CLI::Range(1, 10'000));
  command->callback([x, name, &chosen] {
    chosen = [x, name] {
      if (x->series % x->per_message != 0)
        return fail("--series must be a multiple of --events-per-message");
      if (x->first_series + x->series > 10'000)
        return fail("there are 10000 series");
      return run(name, *x);
    };
  });
}

} // namespace

void add_mqtt_publish(CLI::App& parent, action& chosen) {
  add(parent, chosen, "mqtt-batch", "arrays of JSON events by MQTT", 100);
  add(parent, chosen, "mqtt-single", "JSON events by MQTT, one a message", 1);
}

} // namespace weir::bench
