// weir check: asks a running installation, through its public interfaces only,
// whether data flow from the edges to alerts.
#include "cli/commands.hpp"

#include "cli/api_options.hpp"
#include "cli/flow_check.hpp"
#include "cli/stop_signal.hpp"
#include "transport/mqtt_client.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <set>

#include <unistd.h>

namespace weir::cli {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr std::size_t messages_max = 1000;

struct check_options {
  api_options api;
  double seconds = 60.0;
  std::size_t edges = 2;
  std::string mqtt_uri;
  std::string alert_topic = "weir/#";
  std::string user;
  std::string password_file;
};

/// Collects what comes on the alert topics; filled by Paho's thread.
class alert_listener {
public:
  explicit alert_listener(const check_options& options)
    : client_(config_of(options),
              {.on_message = [this](const auto& x) { keep(x); }, .on_state = nullptr}) {
  }

  expected<void, transport::error> start() {
    return client_.start();
  }

  void hand_over(flow_check& check) {
    std::lock_guard guard{mutex_};
    for (const auto& [topic, payload] : messages_)
      check.on_mqtt_message(topic, payload);
    messages_.clear();
  }

private:
  static transport::mqtt_config config_of(const check_options& options) {
    transport::mqtt_config result;
    result.uri = options.mqtt_uri;
    result.client_id = "weir-check-" + std::to_string(::getpid());
    result.topics = {options.alert_topic};
    result.session_expiry = 0s;
    result.user = options.user;
    result.password_file = options.password_file;
    result.tls.ca_file = options.api.ca_file;
    return result;
  }

  void keep(const transport::mqtt_message& x) {
    std::lock_guard guard{mutex_};
    if (messages_.size() < messages_max)
      messages_.emplace_back(x.topic, x.payload);
  }

  std::mutex mutex_;
  std::deque<std::pair<std::string, std::string>> messages_;
  transport::mqtt_client client_; // Last: its thread uses the others.
};

/// One round of questions; returns what went wrong, or nothing.
std::string poll(http_client& api, flow_check& check) {
  auto overview = ask(api, "GET", "/api/v1/overview");
  if (!overview)
    return overview.error();
  check.on_overview(*overview);
  for (const auto& edge : check.edges()) {
    auto series = ask(api, "GET", "/api/v1/series?limit=100&edge=" + url_encoded(edge));
    if (!series)
      return series.error();
    check.on_series(edge, *series);
  }
  auto anomalies = ask(api, "GET", "/api/v1/anomalies?limit=1");
  if (!anomalies)
    return anomalies.error();
  check.on_anomalies(*anomalies);
  auto alerts = ask(api, "GET", "/api/v1/alerts?limit=1");
  if (!alerts)
    return alerts.error();
  check.on_alerts(*alerts);
  return {};
}

/// Prints each finding when it comes true.
void tell_news(const flow_check& check, clock::time_point start,
               std::set<std::string>& told) {
  auto elapsed_s = std::chrono::duration<double>(clock::now() - start).count();
  for (const auto& x : check.findings())
    if (x.ok && told.insert(x.what).second)
      std::printf("ok     %5.1f s  %s (%s)\n", elapsed_s, x.what.c_str(),
                  x.detail.c_str());
  std::fflush(stdout);
}

int report(const flow_check& check, double seconds, const std::string& problem) {
  if (check.passed()) {
    std::printf("passed: data flow from the edges to alerts\n");
    return exit_ok;
  }
  for (const auto& x : check.findings())
    if (!x.ok)
      std::printf("FAILED  %.0f s  %s (%s)\n", seconds, x.what.c_str(),
                  x.detail.c_str());
  std::fflush(stdout);
  if (!problem.empty())
    fail(problem.c_str());
  return exit_failed;
}

int check(const check_options& options) {
  stop_signal stop; // Before any library starts a thread.
  auto api = open_api(options.api);
  if (!api)
    return fail(api.error().c_str());
  std::unique_ptr<alert_listener> listener;
  if (!options.mqtt_uri.empty()) {
    listener = std::make_unique<alert_listener>(options);
    if (auto started = listener->start(); !started)
      return fail(started.error().message.c_str());
  }
  flow_check state{{options.edges, listener != nullptr}};
  std::set<std::string> told;
  std::string problem;
  auto start = clock::now();
  auto end = start
             + std::chrono::duration_cast<clock::duration>(
               std::chrono::duration<double>(options.seconds));
  while (!state.passed()) {
    problem = poll(*api, state);
    if (listener)
      listener->hand_over(state);
    tell_news(state, start, told);
    if (state.passed() || clock::now() >= end || stop.wait_for(500ms))
      break;
  }
  return report(state, options.seconds, problem);
}

} // namespace

void add_check_command(CLI::App& parent, chosen_action& chosen) {
  auto* command = parent.add_subcommand(
    "check", "check that data flow from the edges to alerts\n\n"
             "Waits until edges are up, their windows grow, and anomalies and "
             "alerts have been\n"
             "seen by the HTTP API and, with --mqtt, by MQTT. Prints each when "
             "it comes true.");
  command->footer("EXAMPLES\n"
                  "  weir check --data /var/lib/weir/central --seconds 60 \\\n"
                  "      --mqtt mqtt://127.0.0.1:1883");
  auto options = std::make_shared<check_options>();
  add_api_options(*command, options->api, false);
  command->add_option("--seconds", options->seconds, "Wait at most.")
    ->check(CLI::Range(0.0, 86'400.0))
    ->type_name("N")
    ->capture_default_str();
  command->add_option("--edges", options->edges, "Edges that must be up.")
    ->check(CLI::Range(1, 10'000))
    ->type_name("N")
    ->capture_default_str();
  auto* mqtt = command->add_option("--mqtt", options->mqtt_uri,
                                   "Broker that alerts are published to.");
  mqtt->type_name("URI");
  command->add_option("--alert-topic", options->alert_topic, "Topic filter of alerts.")
    ->type_name("FILTER")
    ->capture_default_str()
    ->needs(mqtt);
  command->add_option("--user", options->user, "User name at the broker.")
    ->type_name("NAME")
    ->needs(mqtt);
  command
    ->add_option("--password-file", options->password_file,
                 "Its first line is the password; mode 0600.")
    ->type_name("FILE")
    ->needs(mqtt);
  command->callback(
    [options, &chosen] { chosen = [options] { return check(*options); }; });
}

} // namespace weir::cli
