// A whole Weir for one test: a real broker, a centre, one edge, with CURVE between
// them, each in its own process. Everything ends with the test.
#pragma once

#include "tests/support/child_process.hpp"
#include "tests/support/mosquitto_broker.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"
#include "transport/curve.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::test {

inline std::string program(const std::string& name) {
  return std::string{WEIR_BIN_DIR} + "/" + name;
}

inline std::string read_text(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Runs a program to its end; its output, and its exit status in `status`.
inline std::string run_program(std::vector<std::string> command, const temp_dir& dir,
                               int* status = nullptr) {
  static int runs = 0;
  auto output = dir / ("run-" + std::to_string(++runs) + ".log");
  child_process process{std::move(command), output};
  auto code = process.wait(std::chrono::seconds{60});
  if (status != nullptr)
    *status = code.value_or(-1);
  return read_text(output);
}

class weir_system {
public:
  struct settings {
    std::string edge_extra; ///< TOML behind the edge's own.
    int window_ms = 1000;
    bool listed = true; ///< Whether the edge's key is in the centre's allow-list.
  };

  weir_system() : weir_system(settings{}) {
  }

  explicit weir_system(settings what)
    : settings_(std::move(what)), web_port(free_port()), uplink_port(free_port()),
      zmq_port(free_port()) {
    central_keys_ = make_key("central.key");
    edge_keys_ = make_key("edge.key");
    write_configs();
  }

  void start_central() {
    central = std::make_unique<child_process>(
      std::vector<std::string>{program("weir-central"), "--config",
                               (dir / "central.toml").string()},
      dir / "central.log");
  }

  void start_edge() {
    edge = std::make_unique<child_process>(
      std::vector<std::string>{program("weir-edge"), "--config",
                               (dir / "edge.toml").string()},
      dir / "edge.log");
  }

  /// Starts all, in the usual order, and waits until the edge is subscribed.
  void start() {
    start_central();
    start_edge();
    wait_for_log("edge.log", "source mqtt is connected");
    wait_for_log("edge.log", "uplink to");
  }

  bool wait_for_log(const std::string& file, const std::string& text, int times = 1) {
    return wait_until(
      [&] {
        auto log = read_text(dir / file);
        int found = 0;
        for (auto pos = log.find(text); pos != std::string::npos;
             pos = log.find(text, pos + 1))
          ++found;
        return found >= times;
      },
      std::chrono::seconds{20});
  }

  /// GET with the admin's key; nothing if the centre does not answer with 200.
  std::optional<nlohmann::json> get(const std::string& path) {
    {
      std::ofstream header{dir / "header"};
      header << "Authorization: Bearer " << read_text(dir / "central-data/api.key");
    }
    int status = 0;
    auto text
      = run_program({"/usr/bin/curl", "-fsS", "-H", "@" + (dir / "header").string(),
                     "http://127.0.0.1:" + std::to_string(web_port) + path},
                    dir, &status);
    if (status != 0 || !nlohmann::json::accept(text))
      return std::nullopt;
    return nlohmann::json::parse(text);
  }

  /// Publishes each line as one QoS 1 message under `topic` with mosquitto_pub.
  void publish(const std::string& topic, const std::vector<std::string>& lines) {
    auto file = dir / "lines";
    {
      std::ofstream out{file};
      for (const auto& x : lines)
        out << x << "\n";
    }
    int status = 0;
    auto text = run_program({"/bin/sh", "-c",
                             "exec mosquitto_pub -h 127.0.0.1 -p "
                               + std::to_string(broker.port()) + " -q 1 -l -t '" + topic
                               + "' < '" + file.string() + "'"},
                            dir, &status);
    if (status != 0)
      throw std::runtime_error("mosquitto_pub failed: " + text);
  }

  std::string zmq_endpoint() const {
    return "tcp://127.0.0.1:" + std::to_string(zmq_port);
  }

  std::string logs() const {
    return "--- edge\n" + read_text(dir / "edge.log") + "--- central\n"
           + read_text(dir / "central.log");
  }

  temp_dir dir;
  mosquitto_broker broker;

private:
  settings settings_;
  transport::curve_key_pair central_keys_;
  transport::curve_key_pair edge_keys_;

public:
  const std::uint16_t web_port;
  const std::uint16_t uplink_port;
  const std::uint16_t zmq_port;
  std::unique_ptr<child_process> central;
  std::unique_ptr<child_process> edge;

private:
  transport::curve_key_pair make_key(const std::string& file) {
    auto keys = transport::make_curve_keys();
    if (!transport::write_secret_key(dir / file, keys))
      throw std::runtime_error("cannot write a key");
    return keys;
  }

  void write_configs() {
    auto text = [](auto x) { return std::to_string(x); };
    auto listed = settings_.listed ? edge_keys_ : transport::make_curve_keys();
    std::ofstream{dir / "central.toml"}
      << "[node]\ndata_dir = \"central-data\"\n[web]\nport = " << web_port
      << "\n[uplink]\nendpoint = \"tcp://127.0.0.1:" << uplink_port
      << "\"\nsecret_key_file = \"central.key\"\n"
      << "[[uplink.edge]]\nname = \"edge-1\"\npublic_key = '" << listed.public_key
      << "'\n[alerts]\nenabled = true\nuri = \"" << broker.uri() << "\"\n";
    std::ofstream{dir / "edge.toml"}
      << "[node]\nname = \"edge-1\"\ndata_dir = \"edge-data\"\n"
         "memory_mb_max = 1000\n" // Sanitizers take most of the usual bound.
      << "[[source.mqtt]]\nname = \"mqtt\"\nuri = \"" << broker.uri()
      << "\"\ntopic_template = \"plant/{source}/{metric}\"\n"
      << "[[source.zmq]]\nname = \"zmq\"\nrouter = \"" << zmq_endpoint()
      << "\"\n[event_time]\nout_of_orderness_ms = 500\nidle_timeout_ms = 600000\n"
      << "[window]\nwidth_ms = " << text(settings_.window_ms)
      << "\n[alerts]\nenabled = true\nuri = \"" << broker.uri()
      << "\"\n[uplink]\nendpoint = \"tcp://127.0.0.1:" << uplink_port
      << "\"\nserver_public_key = '" << central_keys_.public_key
      << "'\nsecret_key_file = \"edge.key\"\nbackoff_max_ms = 500\n"
      << settings_.edge_extra;
  }
};

} // namespace weir::test
