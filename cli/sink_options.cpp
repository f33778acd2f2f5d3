#include "cli/sink_options.hpp"

#include "cli/commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>

#include <unistd.h>

namespace weir::cli {

namespace {

constexpr std::size_t public_key_size = 40;

mqtt_sink_config mqtt_config_of(const sink_options& options) {
  mqtt_sink_config result;
  result.client.uri = options.mqtt_uri;
  result.client.client_id = "weir-" + std::to_string(::getpid());
  result.client.qos = options.qos;
  result.client.session_expiry = std::chrono::seconds{60};
  result.client.user = options.user;
  result.client.password_file = options.password_file;
  result.client.tls.ca_file = options.ca_file;
  return result;
}

/// The key itself, or the first line of a file that holds it.
expected<std::string, std::string> public_key(const std::string& key_or_file) {
  if (key_or_file.size() == public_key_size
      && key_or_file.find('/') == std::string::npos)
    return key_or_file;
  std::ifstream in{key_or_file};
  std::string line;
  if (std::getline(in, line) && line.size() == public_key_size)
    return line;
  if (key_or_file.size() == public_key_size)
    return key_or_file; // Z85 has a slash among its characters.
  return unexpected("--curve-server: \"" + key_or_file
                    + "\" is neither a public key of 40 characters nor a file "
                      "that begins with one");
}

expected<zmq_sink_config, std::string> zmq_config_of(const sink_options& options) {
  zmq_sink_config result;
  result.endpoint = options.zmq_endpoint;
  if (options.curve_server.empty())
    return result;
  auto server = public_key(options.curve_server);
  if (!server)
    return unexpected(server.error());
  auto own = transport::read_secret_key(options.curve_key);
  if (!own)
    return unexpected(own.error().message);
  result.keys = {*server, *own};
  return result;
}

void add_mqtt_options(CLI::App& command, sink_options& options) {
  constexpr auto group = "MQTT";
  auto* mqtt = command.add_option("--mqtt", options.mqtt_uri,
                                  "Send JSON to this broker: mqtt://HOST:PORT or "
                                  "mqtts://HOST:PORT.");
  mqtt->type_name("URI")->group("To");
  auto add = [&](const char* name, std::string& value, const char* type,
                 const char* text) {
    command.add_option(name, value, text)->type_name(type)->group(group)->needs(mqtt);
  };
  command
    .add_option("--topic", options.topic,
                "Topic; {source}, {metric} and {DIMENSION} are filled in.")
    ->type_name("TEMPLATE")
    ->capture_default_str()
    ->group(group)
    ->needs(mqtt);
  command.add_option("--qos", options.qos, "0 or 1: the broker acknowledges.")
    ->check(CLI::Range(0, 1))
    ->type_name("N")
    ->capture_default_str()
    ->group(group)
    ->needs(mqtt);
  add("--user", options.user, "NAME", "User name at the broker.");
  add("--password-file", options.password_file, "FILE",
      "Its first line is the password; mode 0600.");
  add("--ca", options.ca_file, "FILE", "Certificates that may vouch for the broker.");
}

void add_zmq_options(CLI::App& command, sink_options& options) {
  constexpr auto group = "ZeroMQ";
  auto* zmq = command.add_option("--zmq", options.zmq_endpoint,
                                 "Send msgpack to this ingest of an edge: "
                                 "tcp://HOST:PORT. It acknowledges.");
  zmq->type_name("ENDPOINT")->group("To");
  auto* server = command.add_option("--curve-server", options.curve_server,
                                    "The edge's public key, or a file with it.");
  server->type_name("KEY")->group(group)->needs(zmq);
  auto* own = command.add_option("--curve-key", options.curve_key,
                                 "Our secret key file; see weir keys new.");
  own->type_name("FILE")->group(group)->needs(server);
  server->needs(own);
}

} // namespace

void add_sink_options(CLI::App& command, sink_options& options) {
  add_mqtt_options(command, options);
  add_zmq_options(command, options);
  command.add_flag("--stdout", options.to_stdout, "Write JSON, a message a line.")
    ->group("To");
  command
    .add_option("--batch", options.batch_max,
                "Events in a message at most. Only events of one topic share a "
                "message: use a --topic without {source} and {metric} with it.")
    ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}))
    ->type_name("N")
    ->capture_default_str()
    ->group("To");
}

expected<void, std::string> check_sink(const sink_options& options) {
  auto chosen = int{!options.mqtt_uri.empty()} + int{!options.zmq_endpoint.empty()}
                + int{options.to_stdout};
  if (chosen != 1)
    return unexpected(std::string{"say where the events go, with exactly one "
                                  "of --mqtt, --zmq and --stdout"});
  return {};
}

expected<sink_ptr, std::string> open_sink(const sink_options& options,
                                          stop_signal& stop) {
  if (options.to_stdout)
    return make_stdout_sink();
  if (!options.mqtt_uri.empty())
    return make_mqtt_sink(mqtt_config_of(options), stop);
  auto config = zmq_config_of(options);
  if (!config)
    return unexpected(config.error());
  return make_zmq_sink(std::move(*config), stop);
}

std::string batch_topic(const sink_options& options) {
  return options.mqtt_uri.empty() ? std::string{} : options.topic;
}

std::string describe(const sink_options& options) {
  if (options.to_stdout)
    return "standard output";
  return options.mqtt_uri.empty() ? options.zmq_endpoint : options.mqtt_uri;
}

int finish_sending(event_batcher& batcher, message_sink& sink, send_result last,
                   std::string_view where) {
  if (last == send_result::sent)
    last = batcher.flush();
  auto left = sink.finish(std::chrono::seconds{10});
  std::fprintf(stderr, "weir: sent %llu events in %llu messages to %.*s\n",
               static_cast<unsigned long long>(batcher.events()),
               static_cast<unsigned long long>(batcher.messages()),
               static_cast<int>(where.size()), where.data());
  if (left > 0)
    std::fprintf(stderr,
                 "weir: %llu messages were not acknowledged in time; "
                 "they may be lost\n",
                 static_cast<unsigned long long>(left));
  if (last == send_result::stopped)
    std::fprintf(stderr, "weir: stopped while waiting; the events that waited "
                         "were not sent\n");
  return last == send_result::sent && left == 0 ? exit_ok : exit_failed;
}

} // namespace weir::cli
