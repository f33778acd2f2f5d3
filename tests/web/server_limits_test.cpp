// SERVER LIMITS over a real socket: what is too large, too odd or too slow.
#include "tests/web/server_fixture.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct fixture : server_fixture {
  fixture() {
    config.request_bytes_max = 10'000;
    config.connections_max = 8;
    start();
  }

  /// Sends bytes; expects this status, then the end of the connection.
  void check_refused(const std::string& bytes, int status) {
    auto client = connect();
    CHECK(client.request(bytes).status == status);
    CHECK(client.at_end());
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a header of more than 8 KB is refused", "[web]") {
  auto fits = make_request("GET /health", "X: " + std::string(7'000, 'x') + "\r\n");
  CHECK(connect().request(fits).status == 200);
  check_refused(make_request("GET /health", "X: " + std::string(9'000, 'x') + "\r\n"),
                431);
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += "X-" + std::to_string(i) + ": y\r\n";
  check_refused(make_request("GET /health", many), 431);
  check_refused("GET /" + std::string(20'000, 'a'), 431);
}

TEST_CASE_METHOD(fixture, "a body beyond the setting is refused", "[web]") {
  auto reply = ask("POST /api/v1/session", origin(), std::string(10'001, 'x'));
  CHECK(reply.status == 413);
  CHECK(
    reply.json()["error"]["message"].get<std::string>().find("web.request_bytes_max")
    != std::string::npos);
  CHECK(ask("POST /api/v1/session", origin(), std::string(10'000, 'x')).status == 400);
  check_refused("POST /api/v1/session HTTP/1.1\r\nHost: x\r\n"
                "Transfer-Encoding: chunked\r\n\r\n4000\r\n"
                  + std::string(0x4000, 'x'),
                413);
}

TEST_CASE_METHOD(fixture, "two ways to say the length are refused", "[web]") {
  check_refused("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400);
  check_refused("POST /api/v1/session HTTP/1.1\r\nHost: x\r\n"
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                400);
  check_refused("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                "Content-Length: 6\r\n\r\nhello",
                400);
  check_refused("POST /api/v1/session HTTP/1.1\r\nHost: x\r\n"
                "Content-Length: -1\r\n\r\n",
                400);
}

TEST_CASE_METHOD(fixture, "requests that are none are refused", "[web]") {
  check_refused("nonsense\r\n\r\n", 400);
  check_refused("GET /health HTTP/9.9\r\nHost: x\r\n\r\n", 400);
  check_refused("GET /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400);
  CHECK(connect().request("GET /health HTTP/1.1\r\n\r\n").status == 400);
  CHECK(ask("GET http://evil.example/health").status == 400);
  CHECK(ask("GET /health", "Host: evil.example\r\n").status == 400);
  CHECK(ask("GET /api/v1/overview", bearer() + bearer()).status == 400);
}

TEST_CASE_METHOD(fixture, "a connection ends after 100 requests", "[web]") {
  auto client = connect();
  for (int i = 1; i <= 100; ++i) {
    auto reply = client.request(make_request("GET /health"));
    REQUIRE(reply.status == 200);
    REQUIRE((reply.headers["connection"] == "close") == (i == 100));
  }
  CHECK(client.at_end());
}

TEST_CASE_METHOD(fixture, "pipelined requests are answered in order", "[web]") {
  auto client = connect();
  auto first = client.request(make_request("GET /metrics", bearer())
                              + make_request("GET /health"));
  CHECK(first.headers["content-type"].starts_with("text/plain"));
  CHECK(client.reply().json()["status"] == "ok");
}

TEST_CASE_METHOD(fixture, "beyond connections_max one is turned away", "[web]") {
  std::vector<http_client> open;
  for (int i = 0; i < 8; ++i) {
    open.push_back(connect());
    REQUIRE(open.back().request(make_request("GET /health")).status == 200);
  }
  CHECK(connect().at_end());
  auto still = open.front().request(make_request("GET /metrics", bearer()));
  CHECK(still.body.find("weir_web_connections_refused_total 1\n") != std::string::npos);
  open.clear();
  CHECK(wait_until([&] { return ask("GET /health").status == 200; }));
}

TEST_CASE_METHOD(server_fixture, "without TLS only the loopback may be bound",
                 "[web]") {
  for (auto address : {"0.0.0.0", "::", "192.0.2.1"}) {
    config.bind = address;
    auto started = try_start();
    REQUIRE_FALSE(started);
    CHECK(started.error().code == web::errc::invalid_config);
    CHECK(started.error().message.find("web.tls_certificate") != std::string::npos);
  }
  config.bind = "localhost";
  CHECK(try_start().error().message.find("web.bind") != std::string::npos);
}

TEST_CASE_METHOD(server_fixture, "a port in use is named", "[web]") {
  start();
  auto first = std::move(server);
  config.port = port;
  auto second = try_start();
  REQUIRE_FALSE(second);
  CHECK(second.error().code == web::errc::cannot_bind);
  CHECK(second.error().message.find(std::to_string(port)) != std::string::npos);
}

TEST_CASE_METHOD(server_fixture, "settings that cannot work are named", "[web]") {
  config.allowed_origins = {"https://good.example", "no origin"};
  CHECK(try_start().error().message.find("no origin") != std::string::npos);
  config.allowed_origins.clear();
  config.data_dir = dir / "missing";
  CHECK(try_start().error().code == web::errc::unreadable_file);
}
