// From the publication of an event that meets a rule to the receipt of its
// alert, under load. Every such event is of a source of its own,
// "alert-NNNNNN", so that each raises exactly one alert and names it.
#include "tests/bench/event_template.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/raw_mqtt_publisher.hpp"

#include "cli/event_encoder.hpp"
#include "cli/time_text.hpp"
#include "transport/mqtt_client.hpp"

#include <CLI/CLI.hpp>

#include <atomic>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <thread>

#include <unistd.h>

namespace weir::bench {

namespace {

using namespace std::chrono_literals;

struct latency_options {
  raw_publisher_config to;
  std::string topic = "bench/events";
  std::string alert_topic = "weir/edge/+/alerts/#";
  std::string metric = "temperature";
  std::size_t series = 1000;
  double rate = 10'000.0;
  double alerts_per_s = 20.0;
  double value = 500.0;
  double seconds = 10.0;
  double wait_s = 5.0;
};

/// Times of one alert; 0: not yet.
struct probe {
  std::atomic<std::int64_t> sent_ns{0};
  std::atomic<std::int64_t> received_ns{0};
};

std::int64_t ticks_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           clock::now().time_since_epoch())
    .count();
}

std::optional<std::size_t> probe_of(std::string_view payload) {
  constexpr std::string_view mark = "\"source\":\"alert-";
  auto at = payload.find(mark);
  if (at == std::string_view::npos)
    return std::nullopt;
  std::size_t number = 0;
  auto digits = payload.substr(at + mark.size());
  auto [end, failure]
    = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return failure == std::errc{} ? std::optional{number} : std::nullopt;
}

/// Makes the stream: mostly quiet events, and probes at their own rate.
class alert_stream {
public:
  alert_stream(const latency_options& options, std::vector<probe>& probes)
    : options_(options), probes_(probes),
      quiet_(make_templates(true, 0, options.series, 1)) {
  }

  bool next(raw_message& out) {
    auto elapsed = seconds_since(start_);
    if (static_cast<double>(events_) > elapsed * options_.rate)
      return false;
    ++events_;
    auto due = static_cast<double>(sent_probes_) < elapsed * options_.alerts_per_s;
    if (due && sent_probes_ < probes_.size()) {
      out = {options_.topic, make_probe()};
      return true;
    }
    auto& quiet = quiet_[events_ % quiet_.size()];
    quiet.stamp(stamps_.now_ns());
    out = {options_.topic, quiet.bytes()};
    return true;
  }

  std::size_t sent_probes() const {
    return sent_probes_;
  }

private:
  const std::string& make_probe() {
    char name[32];
    std::snprintf(name, sizeof name, "alert-%06zu", sent_probes_);
    payload_.clear();
    cli::append_json(payload_, {options_.metric, name, "device_id", {}},
                     {stamps_.now_ns(), options_.value, 0});
    probes_[sent_probes_++].sent_ns = ticks_ns();
    return payload_;
  }

  const latency_options& options_;
  std::vector<probe>& probes_;
  std::vector<event_template> quiet_;
  unique_clock stamps_;
  clock::time_point start_ = clock::now();
  std::uint64_t events_ = 0;
  std::size_t sent_probes_ = 0;
  std::string payload_;
};

transport::mqtt_config subscriber_config(const latency_options& options) {
  transport::mqtt_config result;
  result.uri = options.to.uri;
  result.client_id = "weir-bench-alerts-" + std::to_string(::getpid());
  result.topics = {options.alert_topic};
  result.session_expiry = 0s;
  return result;
}

int report(const std::vector<probe>& probes, std::size_t sent,
           const raw_publisher_result& published) {
  std::vector<double> latencies_ms;
  for (std::size_t i = 0; i < sent; ++i)
    if (auto received_ns = probes[i].received_ns.load(); received_ns != 0)
      latencies_ms.push_back(static_cast<double>(received_ns - probes[i].sent_ns)
                             * 1e-6);
  result_line{"alert-latency"}
    .add("events", static_cast<double>(published.acked))
    .add("events_per_s", static_cast<double>(published.acked) / published.seconds)
    .add("alerts_expected", static_cast<double>(sent))
    .add("alerts_received", static_cast<double>(latencies_ms.size()))
    .add("p50_ms", quantile(latencies_ms, 0.50))
    .add("p99_ms", quantile(latencies_ms, 0.99))
    .add("max_ms", quantile(latencies_ms, 1.0))
    .print();
  return latencies_ms.size() == sent && sent > 0 ? 0 : 1;
}

int run(const latency_options& options) {
  auto count = std::ceil(options.seconds * options.alerts_per_s) + 1.0;
  std::vector<probe> probes(static_cast<std::size_t>(count));
  std::atomic<std::size_t> received{0};
  std::atomic<bool> up{false};
  transport::mqtt_client subscriber{
    subscriber_config(options),
    {.on_message =
       [&](const transport::mqtt_message& x) {
         auto number = probe_of(x.payload);
         std::int64_t none = 0;
         if (number && *number < probes.size()
             && probes[*number].received_ns.compare_exchange_strong(none, ticks_ns()))
           ++received;
       },
     .on_state = [&](bool now_up, const std::string&) { up = now_up; }}};
  if (auto started = subscriber.start(); !started)
    return fail(started.error().message);
  auto begin = clock::now();
  while (!up && seconds_since(begin) < 10.0)
    std::this_thread::sleep_for(1ms);
  if (!up)
    return fail("cannot subscribe at " + options.to.uri);
  alert_stream stream{options, probes};
  auto done = publish_raw(
    options.to,
    std::chrono::nanoseconds{static_cast<std::int64_t>(options.seconds * 1e9)},
    [&](std::size_t, raw_message& out) { return stream.next(out); });
  if (!done)
    return fail(done.error());
  auto waiting = clock::now();
  while (received < stream.sent_probes() && seconds_since(waiting) < options.wait_s)
    std::this_thread::sleep_for(1ms);
  subscriber.stop(1s);
  return report(probes, stream.sent_probes(), *done);
}

} // namespace

void add_alert_latency(CLI::App& parent, action& chosen) {
  auto* command = parent.add_subcommand(
    "alert-latency", "time from an event to the alert that it raises");
  auto x = std::make_shared<latency_options>();
  command->add_option("--uri", x->to.uri);
  command->add_option("--topic", x->topic);
  command->add_option("--alert-topic", x->alert_topic);
  command->add_option("--metric", x->metric, "of the events that raise alerts");
  command->add_option("--value", x->value, "of the events that raise alerts");
  command->add_option("--alerts-per-second", x->alerts_per_s)
    ->check(CLI::Range(0.1, 1e4));
  command->add_option("--rate", x->rate, "events a second")
    ->check(CLI::Range(1.0, 1e6));
  command->add_option("--series", x->series)->check(CLI::Range(1, 10'000));
  command->add_option("--seconds", x->seconds)->check(CLI::Range(0.1, 3600.0));
  command->add_option("--wait", x->wait_s, "seconds for the last alerts");
  command->callback([x, &chosen] { chosen = [x] { return run(*x); }; });
}

} // namespace weir::bench
