#include "tests/chaos/world.hpp"

#include "tests/chaos/http_probe.hpp"
#include "tests/support/mosquitto_broker.hpp"
#include "tests/support/temp_dir.hpp"
#include "transport/curve.hpp"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

namespace weir::chaos {

namespace {

using namespace std::chrono_literals;

/// Where each program's lines go.
std::filesystem::path log_file(const world_config& config, program x) {
  return config.directory / (std::string{to_string(x)} + ".log");
}

std::string read_text(const std::filesystem::path& file) {
  return test::read_file(file);
}

/// The sum of the numbers behind each `"name":` in some JSON; nothing if there is none.
std::optional<std::uint64_t> sum_of(const std::string& json, const std::string& name) {
  std::optional<std::uint64_t> result;
  auto key = "\"" + name + "\":";
  for (auto at = json.find(key); at != std::string::npos; at = json.find(key, at + 1))
    result
      = result.value_or(0) + std::strtoull(json.c_str() + at + key.size(), nullptr, 10);
  return result;
}

transport::curve_key_pair make_key(const std::filesystem::path& file) {
  auto keys = transport::make_curve_keys();
  if (!transport::write_secret_key(file, keys))
    throw std::runtime_error("cannot write " + file.string());
  return keys;
}

} // namespace

const char* to_string(program x) {
  switch (x) {
  case program::edge:
    return "edge";
  case program::centre:
    return "centre";
  case program::broker:
    return "broker";
  }
  return "?";
}

world::world(world_config config) : config_(std::move(config)) {
  std::set<std::uint16_t> ports;
  while (ports.size() < 4)
    ports.insert(test::free_port());
  auto next = ports.begin();
  for (auto* port : {&mqtt_port_, &zmq_port_, &web_port_, &uplink_port_})
    *port = *next++;
  uplink_proxy_ = std::make_unique<tcp_proxy>(uplink_port_);
  broker_proxy_ = std::make_unique<tcp_proxy>(mqtt_port_);
  write_configs();
}

void world::write_configs() {
  auto& dir = config_.directory;
  std::filesystem::create_directories(dir / "broker-data");
  auto centre_keys = make_key(dir / "central.key");
  auto edge_keys = make_key(dir / "edge.key");
  auto number = [](auto x) { return std::to_string(x); };
  std::ofstream{dir / "centre.toml"}
    << "[node]\ndata_dir = \"central-data\"\n"
    // So that windows move into blocks all the while.
    << "[store]\nrecent_rows_max = 1000\nrecent_age_s = 10\n[web]\nport = " << web_port_
    << "\n[uplink]\nendpoint = \"tcp://127.0.0.1:" << uplink_port_
    << "\"\nsecret_key_file = \"central.key\"\n[[uplink.edge]]\nname = \"edge-1\"\n"
    << "public_key = '" << edge_keys.public_key << "'\n";
  std::ofstream{dir / "edge.toml"}
    << "[node]\nname = \"edge-1\"\ndata_dir = \"edge-data\"\n"
    << "[[source.mqtt]]\nname = \"mqtt\"\nuri = \"mqtt://127.0.0.1:"
    << broker_proxy_->port() << "\"\ntopics = [\"chaos/#\"]\n"
    << "[[source.zmq]]\nname = \"zmq\"\nrouter = \"" << zmq_endpoint()
    << "\"\n[event_time]\nidle_timeout_ms = " << config_.idle_timeout_ms
    << "\n[window]\nwidth_ms = " << config_.step_ms
    << "\n[[view]]\nname = \"wide\"\nwidth_ms = " << config_.wide_ms
    << "\n[uplink]\nendpoint = \"tcp://127.0.0.1:" << number(uplink_proxy_->port())
    << "\"\nserver_public_key = '" << centre_keys.public_key
    << "'\nsecret_key_file = \"edge.key\"\n"
    << config_.edge_extra;
  std::ofstream{dir / "broker.conf"} << broker_conf();
}

/// The recommended configuration with this run's places instead of the site's.
std::string world::broker_conf() const {
  std::istringstream in{read_text(config_.mosquitto_conf)};
  std::string out;
  const std::set<std::string> ours{"listener", "persistence_location", "user",
                                   "allow_anonymous", "log_dest"};
  for (std::string line; std::getline(in, line);) {
    auto word = line.substr(0, line.find(' '));
    if (ours.count(word) > 0 || (word == "persistence" && !config_.broker_persists))
      continue;
    out += line + "\n";
  }
  if (out.find("persistence true") == std::string::npos && config_.broker_persists)
    throw std::runtime_error(config_.mosquitto_conf.string()
                             + " is not there, or saves nothing");
  return out + "user root\nlog_dest stderr\nallow_anonymous true\n"
         + "persistence_location " + (config_.directory / "broker-data").string()
         + "/\nlistener " + std::to_string(mqtt_port_) + " 127.0.0.1\n";
}

std::vector<std::string> world::command(program x) const {
  auto file = [&](const char* name) { return (config_.directory / name).string(); };
  auto bin = [&](const char* name) { return (config_.bin_directory / name).string(); };
  switch (x) {
  case program::edge:
    return {bin("weir-edge"), "--config", file("edge.toml")};
  case program::centre:
    return {bin("weir-central"), "--config", file("centre.toml")};
  case program::broker:
    return {"/usr/sbin/mosquitto", "-c", file("broker.conf")};
  }
  return {};
}

void world::start(program x, std::vector<std::string> environment) {
  process(x) = std::make_unique<test::child_process>(test::child_process::settings{
    command(x), std::move(environment), log_file(config_, x)});
}

void world::kill(program x) {
  process(x)->kill();
}

void world::signal(program x, int number) {
  process(x)->signal(number);
}

int world::stop(program x) {
  return process(x)->stop(20s);
}

std::optional<int> world::wait(program x, std::chrono::milliseconds limit) {
  return process(x)->wait(limit);
}

bool world::running(program x) {
  return process(x) && process(x)->running();
}

std::string world::ask(program x, std::vector<std::string> arguments, int* status) {
  auto output = config_.directory / "answer.log";
  std::filesystem::remove(output);
  arguments.insert(arguments.begin(), command(x).front());
  test::child_process asked{std::move(arguments), output};
  *status = asked.wait(20s).value_or(-1);
  return read_text(output);
}

std::optional<std::uint64_t> world::centre_progress() const {
  auto key = read_text(config_.directory / "central-data" / "api.key");
  auto json = http_get(web_port_, "/api/v1/ledger", key.substr(0, key.find('\n')));
  if (!json)
    return std::nullopt;
  // A lane counts as well: data that is stored ahead of a backlog.
  return sum_of(*json, "through_seq").value_or(0)
         + sum_of(*json, "lane_through").value_or(0);
}

std::optional<std::uint64_t> world::outbox_records() const {
  auto key = read_text(config_.directory / "central-data" / "api.key");
  auto json = http_get(web_port_, "/api/v1/overview", key.substr(0, key.find('\n')));
  return json ? sum_of(*json, "outbox_records") : std::nullopt;
}

} // namespace weir::chaos
