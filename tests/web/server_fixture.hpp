// A real server on a free port of the loopback, with a small store behind it.
#pragma once

#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"
#include "tests/web/sample_data.hpp"
#include "tests/web/socket_client.hpp"
#include "web/server.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

namespace weir::test {

struct server_fixture {
  temp_dir dir;
  sample_store store{dir / "store"};
  actors::fleet_board fleet;
  actors::central_counters central;
  std::atomic<bool> is_ready{true};
  std::atomic<std::int64_t> clock_offset_ns{0};
  web::server_config config = make_config();
  std::unique_ptr<web::server> server;
  std::uint16_t port = 0;
  std::string key;

  using http_client = web_client<client_socket>;

  web::server_config make_config() {
    web::server_config x;
    x.port = 0;
    x.data_dir = dir.path();
    x.version = "0.1.0";
    return x;
  }

  std::int64_t now_ns() const {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count()
           + clock_offset_ns;
  }

  expected<std::uint16_t, web::error> try_start() {
    server = std::make_unique<web::server>(
      config, web::server_services{*store, fleet, central,
                                   [this] {
                                     bool ok = is_ready;
                                     return std::vector<web::readiness_check>{
                                       {"store_commit", ok, ok ? "fine" : "too old"}};
                                   },
                                   [this] { return now_ns(); }});
    return server->start();
  }

  void start() {
    auto started = try_start();
    INFO((started ? std::string{} : started.error().message));
    REQUIRE(started);
    port = *started;
    key = read_file(dir / "api.key");
    key.pop_back();
  }

  http_client connect(int receive_buffer_bytes = 0) {
    return http_client{client_socket{port, receive_buffer_bytes}};
  }

  std::string bearer() const {
    return "Authorization: Bearer " + key + "\r\n";
  }
  std::string origin() const {
    return "Origin: http://127.0.0.1:" + std::to_string(port) + "\r\n";
  }

  /// A whole request on one line: method and target, extra header lines, body.
  std::string make_request(const std::string& what, const std::string& headers = {},
                           const std::string& body = {}) const {
    auto length = body.empty()
                    ? std::string{}
                    : "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return what + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\n"
           + headers + length + "\r\n" + body;
  }

  http_reply ask(const std::string& what, const std::string& headers = {},
                 const std::string& body = {}) {
    return connect().request(make_request(what, headers, body));
  }

  /// A session's Cookie line.
  std::string sign_in() {
    auto link = ask("POST /api/v1/links", bearer()).json();
    auto reply = ask("POST /api/v1/session", origin(),
                     nlohmann::json{{"token", link["token"]}}.dump());
    REQUIRE(reply.status == 204);
    auto cookie = reply.headers.at("set-cookie");
    return "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
  }

  /// The value of a metric without labels.
  double metric(const std::string& name) {
    auto text = "\n" + ask("GET /metrics", bearer()).body;
    auto at = text.find("\n" + name + " ");
    REQUIRE(at != text.npos);
    return std::stod(text.substr(at + name.size() + 2));
  }
};

} // namespace weir::test
