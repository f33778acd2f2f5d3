// Msgpack batches to the ingest of an edge: numbered and acknowledged, or as a PUSH
// client that hears nothing. At full speed, or at a rate that does not wait.
#include "tests/bench/event_template.hpp"
#include "tests/bench/measure.hpp"

#include "transport/zmq_ingest.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <thread>

namespace weir::bench {

namespace {

struct zmq_options {
  std::string endpoint = "tcp://127.0.0.1:5560";
  std::size_t first_series = 0;
  std::size_t series = 1000;
  std::size_t per_message = 100;
  std::size_t window = 1000;
  double seconds = 5.0;
  double rate = 0.0; ///< Events a second; 0: as many as are acknowledged.
  double drain_s = 30.0;
  bool push = false;
  std::string curve_server;
  std::string curve_key;
};

int run(const zmq_options& options) {
  using namespace std::chrono_literals;
  transport::curve_client_keys keys;
  if (!options.curve_server.empty()) {
    auto own = transport::read_secret_key(options.curve_key);
    if (!own)
      return fail(own.error().message);
    keys = {options.curve_server, *own};
  }
  auto publisher = transport::zmq_publisher::connect({.endpoint = options.endpoint,
                                                      .keys = keys,
                                                      .acknowledged = !options.push,
                                                      .window_max = options.window});
  if (!publisher)
    return fail(publisher.error().message);
  auto templates
    = make_templates(false, options.first_series, options.series, options.per_message);
  unique_clock stamps;
  std::uint64_t messages = 0;
  auto cpu = cpu_seconds();
  auto start = clock::now();
  while (seconds_since(start) < options.seconds) {
    auto ahead = static_cast<double>(messages * options.per_message)
                 - options.rate * seconds_since(start);
    if (options.rate > 0.0 && ahead > 0.0) {
      if (options.push || (*publisher)->drain(1ms)) // Takes acknowledgements meanwhile.
        std::this_thread::sleep_for(100us);
      continue;
    }
    auto& message = templates[messages % templates.size()];
    message.stamp(stamps.now_ns());
    auto left = std::chrono::duration<double>{options.seconds - seconds_since(start)};
    auto sent = (*publisher)
                  ->send(message.bytes(),
                         std::chrono::ceil<std::chrono::milliseconds>(left) + 1ms);
    if (sent)
      ++messages;
    else if (seconds_since(start) < options.seconds)
      return fail(sent.error().message);
  }
  auto offered_s = seconds_since(start);
  auto drained = (*publisher)
                   ->drain(std::chrono::milliseconds{
                     static_cast<std::int64_t>(options.drain_s * 1e3)});
  auto elapsed = seconds_since(start);
  if (!drained)
    fail(drained.error().message);
  auto acked = static_cast<double>((*publisher)->acknowledged())
               * static_cast<double>(options.per_message);
  result_line{"zmq-batch"}
    .add("events_sent", static_cast<double>(messages * options.per_message))
    .add("events_acked", acked)
    .add("seconds", elapsed)
    .add("offered_per_s",
         static_cast<double>(messages * options.per_message) / offered_s)
    .add("events_per_s", acked / elapsed)
    .add("message_bytes", static_cast<double>(templates[0].bytes().size()))
    .add("driver_cpu_s", cpu_seconds() - cpu)
    .print();
  return drained ? 0 : 1;
}

} // namespace

void add_zmq_batch(CLI::App& parent, action& chosen) {
  auto* command = parent.add_subcommand("zmq-batch", "msgpack batches by ZeroMQ");
  auto x = std::make_shared<zmq_options>();
  command->add_option("--endpoint", x->endpoint, "ROUTER of the edge");
  command->add_option("--rate", x->rate, "events a second; 0: unlimited")
    ->check(CLI::Range(0.0, 1e9));
  command->add_option("--drain", x->drain_s, "seconds for what is not acknowledged")
    ->check(CLI::Range(0.0, 3600.0));
  command->add_flag("--push", x->push, "PUSH, to the PULL socket of the edge");
  command->add_option("--first-series", x->first_series)->check(CLI::Range(0, 9'999));
  command->add_option("--series", x->series)->check(CLI::Range(1, 10'000));
  command->add_option("--events-per-message", x->per_message)
    ->check(CLI::Range(1, 10'000));
  command->add_option("--window", x->window, "unacknowledged messages")
    ->check(CLI::Range(1, 100'000));
  command->add_option("--seconds", x->seconds)->check(CLI::Range(0.1, 3600.0));
  auto* key = command->add_option("--curve-key", x->curve_key, "secret key file");
  command->add_option("--curve-server", x->curve_server, "public key")->needs(key);
  command->callback([x, &chosen] {
    chosen = [x] {
      if (x->series % x->per_message != 0)
        return fail("--series must be a multiple of --events-per-message");
      if (x->first_series + x->series > 10'000)
        return fail("there are 10000 series");
      return run(*x);
    };
  });
}

} // namespace weir::bench
