// A real mosquitto on free loopback ports with a directory of its own. It can
// be stopped, killed and started again on the same ports.
#pragma once

#include "tests/support/child_process.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::test {

namespace detail {

inline sockaddr_in loopback(std::uint16_t port) {
  auto address = sockaddr_in{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

} // namespace detail

/// A TCP port of 127.0.0.1 that nothing uses at the moment.
inline std::uint16_t free_port() {
  auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
  auto address = detail::loopback(0);
  auto size = static_cast<socklen_t>(sizeof(address));
  auto bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0
               && ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!bound)
    throw std::runtime_error("no free TCP port on 127.0.0.1");
  return ntohs(address.sin_port);
}

/// Whether something listens on 127.0.0.1:`port`.
inline bool accepts_connections(std::uint16_t port) {
  auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
  auto address = detail::loopback(port);
  auto done = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  ::close(fd);
  return done == 0;
}

class mosquitto_broker {
public:
  struct settings {
    bool persistence = true;      ///< Sessions and messages survive stop() + start().
    std::string extra;            ///< Lines behind the plain listener's.
    std::filesystem::path tls_ca; ///< With the two below: a TLS listener, too.
    std::filesystem::path tls_certificate;
    std::filesystem::path tls_key;
    bool tls_client_certificate = false; ///< Wants one of the same CA.
  };

  mosquitto_broker() : mosquitto_broker(settings{}) {
  }

  explicit mosquitto_broker(settings what)
    : settings_{std::move(what)}, port_{free_port()} {
    do {
      tls_port_ = free_port();
    } while (tls_port_ == port_);
    write_configuration();
    start();
  }

  ~mosquitto_broker() {
    stop();
  }

  std::uint16_t port() const {
    return port_;
  }

  std::string uri() const {
    return "mqtt://127.0.0.1:" + std::to_string(port_);
  }

  std::string tls_uri() const {
    return "mqtts://127.0.0.1:" + std::to_string(tls_port_);
  }

  const temp_dir& directory() const {
    return directory_;
  }

  /// What the broker wrote, for the message of a failed test.
  std::string log() const {
    return read_file(directory_ / "log");
  }

  void start() {
    process_ = std::make_unique<child_process>(
      std::vector<std::string>{"/usr/sbin/mosquitto", "-c",
                               (directory_ / "mosquitto.conf").string()},
      directory_ / "log");
    auto ready = wait_until(
      [this] { return accepts_connections(port_) || !process_->running(); });
    if (!ready || !process_->running())
      throw std::runtime_error("mosquitto did not start:\n" + log());
  }

  /// In order: it saves its sessions if persistence is on.
  void stop() {
    if (process_)
      process_->stop();
    process_.reset();
  }

  /// SIGKILL: nothing is saved.
  void kill() {
    process_.reset();
  }

private:
  void write_configuration() {
    auto path = directory_.path().string();
    auto text = std::string{};
    text += "user root\n"; // Or it could not write here when the tests run as
                           // root.
    text += "log_dest stderr\nlog_type all\n";
    text += settings_.persistence
              ? "persistence true\npersistence_location " + path + "/\n"
              : "persistence false\n";
    text += "max_queued_messages 100000\n";
    text += "allow_anonymous true\n";
    text += "listener " + std::to_string(port_) + " 127.0.0.1\n";
    text += settings_.extra;
    if (!settings_.tls_certificate.empty()) {
      text += "\nlistener " + std::to_string(tls_port_) + " 127.0.0.1\n";
      text += "cafile " + settings_.tls_ca.string() + "\n";
      text += "certfile " + settings_.tls_certificate.string() + "\n";
      text += "keyfile " + settings_.tls_key.string() + "\n";
      if (settings_.tls_client_certificate)
        text += "require_certificate true\n";
    }
    write_file(directory_ / "mosquitto.conf", text);
  }

  settings settings_;
  temp_dir directory_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  std::unique_ptr<child_process> process_;
};

} // namespace weir::test
