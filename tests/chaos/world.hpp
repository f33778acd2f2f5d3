// WORLD: the real programs of a run with their files: a broker, an edge and a centre,
// and proxies that cut between them. All of it is called from the main thread.
#pragma once

#include "tests/chaos/tcp_proxy.hpp"
#include "tests/support/child_process.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir::chaos {

enum class program : std::uint8_t { edge, centre, broker };
inline constexpr std::array programs{program::edge, program::centre, program::broker};
const char* to_string(program x);

struct world_config {
  std::filesystem::path directory;      ///< For everything of the run.
  std::filesystem::path bin_directory;  ///< weir-edge and weir-central.
  std::filesystem::path mosquitto_conf; ///< The recommended one.
  std::int64_t step_ms = 10;
  std::int64_t wide_ms = 1000;
  std::string edge_extra;      ///< TOML behind the edge's own.
  bool broker_persists = true; ///< False: a mutant that loses.
  std::int64_t idle_timeout_ms = 5000;
};

class world {
public:
  explicit world(world_config config);

  /// Starts the program, with further variables in its environment.
  void start(program x, std::vector<std::string> environment = {});
  /// SIGKILL, and waits for the end.
  void kill(program x);
  void signal(program x, int number);
  /// SIGTERM; the exit status.
  int stop(program x);
  /// Waits for a program to end by itself: its exit status.
  std::optional<int> wait(program x, std::chrono::milliseconds limit);
  bool running(program x);
  /// The program's answer to `arguments`, run to its end.
  std::string ask(program x, std::vector<std::string> arguments, int* status);

  /// What the centre says it has stored: grows with every commit of new data. Nothing
  /// while it does not answer.
  std::optional<std::uint64_t> centre_progress() const;
  /// Records that wait in the edge's outbox, as the centre last heard.
  std::optional<std::uint64_t> outbox_records() const;

  const std::filesystem::path& directory() const {
    return config_.directory;
  }
  std::filesystem::path store_directory() const {
    return config_.directory / "central-data" / "store";
  }
  std::filesystem::path edge_directory() const {
    return config_.directory / "edge-data";
  }
  std::uint16_t mqtt_port() const {
    return mqtt_port_;
  }
  std::string zmq_endpoint() const {
    return "tcp://127.0.0.1:" + std::to_string(zmq_port_);
  }
  tcp_proxy& uplink_proxy() {
    return *uplink_proxy_;
  }
  tcp_proxy& broker_proxy() {
    return *broker_proxy_;
  }

private:
  void write_configs();
  std::string broker_conf() const;
  std::vector<std::string> command(program x) const;
  std::unique_ptr<test::child_process>& process(program x) {
    return processes_[static_cast<std::size_t>(x)];
  }

  const world_config config_;
  std::uint16_t mqtt_port_ = 0;
  std::uint16_t zmq_port_ = 0;
  std::uint16_t web_port_ = 0;
  std::uint16_t uplink_port_ = 0;
  std::unique_ptr<tcp_proxy> uplink_proxy_; ///< Edge to centre.
  std::unique_ptr<tcp_proxy> broker_proxy_; ///< Edge to broker.
  std::array<std::unique_ptr<test::child_process>, 3> processes_;
};

} // namespace weir::chaos
