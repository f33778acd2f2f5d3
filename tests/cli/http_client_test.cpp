// The HTTP client against a socket that says what the test wants.
#include "cli/http_client.hpp"
#include "tests/support/mosquitto_broker.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace weir::cli;

namespace {

/// Accepts one connection, keeps the request's head, sends `answer`, closes.
class one_answer_server {
public:
  explicit one_answer_server(std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    auto address = weir::test::detail::loopback(0);
    auto size = static_cast<socklen_t>(sizeof address);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { serve(); }};
  }
  ~one_answer_server() {
    join();
    ::close(listener_);
  }
  void join() {
    if (thread_.joinable())
      thread_.join();
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_);
  }
  std::string request; ///< After join().

private:
  void serve() {
    auto fd = ::accept(listener_, nullptr, nullptr);
    char bytes[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      auto size = ::recv(fd, bytes, sizeof bytes, 0);
      if (size <= 0)
        break;
      request.append(bytes, static_cast<std::size_t>(size));
    }
    ::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    // An empty answer means silence: wait until the client has given up.
    if (answer_.empty())
      while (::recv(fd, bytes, sizeof bytes, 0) > 0) {
      }
    ::close(fd);
  }

  std::string answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

} // namespace

TEST_CASE("addresses are taken apart, and what is none is refused", "[cli]") {
  auto plain = parse_http_address("http://127.0.0.1:8080");
  REQUIRE(plain);
  CHECK((plain->host == "127.0.0.1" && plain->port == "8080" && !plain->tls));
  auto tls = parse_http_address("https://weir.example.org/");
  REQUIRE(tls);
  CHECK((tls->host == "weir.example.org" && tls->port == "443" && tls->tls));
  auto ipv6 = parse_http_address("http://[::1]:80");
  REQUIRE(ipv6);
  CHECK((ipv6->host == "::1" && ipv6->port == "80"));
  CHECK(parse_http_address("http://[::1]")->port == "80");
  for (auto text :
       {"", "127.0.0.1:8080", "http://", "http://:80", "http://a:0", "http://a:99999",
        "http://a:b", "http://a/b", "http://u@a", "http://[::1", "ftp://a"}) {
    INFO(text);
    CHECK_FALSE(parse_http_address(text));
  }
}

TEST_CASE("a request carries the key and gives the answer", "[cli]") {
  one_answer_server server{"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n"
                           "Connection: close\r\n\r\n{}"};
  http_client uut{{.url = server.url(), .bearer = "secret"}};
  auto answer = uut.request("POST", "/api/v1/links");
  server.join();
  REQUIRE(answer);
  CHECK(answer->status == 201);
  CHECK(answer->body == "{}");
  CHECK(server.request.starts_with("POST /api/v1/links HTTP/1.1\r\n"));
  CHECK(server.request.find("Authorization: Bearer secret\r\n") != std::string::npos);
  CHECK(server.request.find("Content-Length: 0\r\n") != std::string::npos);
}

TEST_CASE("a server that is away is named with what to look at", "[cli]") {
  auto url = "http://127.0.0.1:" + std::to_string(weir::test::free_port());
  http_client uut{{.url = url}};
  auto answer = uut.request("GET", "/");
  REQUIRE(!answer);
  CHECK(answer.error().find("cannot connect to " + url) == 0);
  CHECK(answer.error().find("is weir-central running") != std::string::npos);
}

TEST_CASE("silence ends with the time limit", "[cli]") {
  one_answer_server server{""};
  http_client uut{{.url = server.url(), .timeout = std::chrono::milliseconds{50}}};
  auto answer = uut.request("GET", "/");
  REQUIRE(!answer);
  CHECK(answer.error().find("no answer in time") != std::string::npos);
}

TEST_CASE("an answer that is no HTTP is an error, not a crash", "[cli]") {
  one_answer_server server{"220 mail.example.org ESMTP\r\n"};
  http_client uut{{.url = server.url()}};
  CHECK_FALSE(uut.request("GET", "/"));
}

TEST_CASE("query values are percent-encoded", "[cli]") {
  CHECK(url_encoded("a{b=\"c\"}&d e") == "a%7Bb%3D%22c%22%7D%26d%20e");
  CHECK(url_encoded("A-z_0.~") == "A-z_0.~");
}
