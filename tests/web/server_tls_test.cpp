// SERVER with TLS, with a certificate made for this test.
#include "tests/web/server_fixture.hpp"

#include <openssl/ssl.h>

#include <catch2/catch.hpp>

#include <cstdlib>

using namespace weir;
using namespace weir::test;

namespace {

/// A client that knows no certificate authority: who serves is not the
/// question.
class tls_socket {
public:
  tls_socket(std::uint16_t port, int version_min, int version_max)
    : socket_(port), context_(SSL_CTX_new(TLS_client_method())), ssl_(nullptr) {
    // Also what is forbidden by default, so that the server must refuse it.
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_cipher_list(context_, "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context_, version_min);
    SSL_CTX_set_max_proto_version(context_, version_max);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, socket_.fd());
    connected = SSL_connect(ssl_) == 1;
  }
  tls_socket(tls_socket&& other) noexcept
    : connected(other.connected), socket_(std::move(other.socket_)),
      context_(std::exchange(other.context_, nullptr)),
      ssl_(std::exchange(other.ssl_, nullptr)) {
  }
  tls_socket& operator=(tls_socket&&) = delete;
  ~tls_socket() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  bool write(std::string_view bytes) {
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }

  std::string read() {
    std::string buffer(64 << 10, '\0');
    auto size = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    buffer.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return buffer;
  }

  std::string cipher() const {
    return SSL_get_cipher_name(ssl_);
  }

  bool connected = false;

private:
  client_socket socket_;
  SSL_CTX* context_;
  SSL* ssl_;
};

struct fixture : server_fixture {
  fixture() {
    config.tls_certificate = dir / "cert.pem";
    config.tls_key = dir / "key.pem";
    auto command = "openssl req -x509 -newkey ec -pkeyopt "
                   "ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
                   "-keyout '"
                   + config.tls_key.string() + "' -out '"
                   + config.tls_certificate.string() + "' 2>/dev/null";
    REQUIRE(std::system(command.c_str()) == 0);
  }

  tls_socket connect_tls(int min = TLS1_2_VERSION, int max = TLS1_3_VERSION) {
    return tls_socket{port, min, max};
  }

  std::string tls_origin() {
    return "Origin: https://127.0.0.1:" + std::to_string(port) + "\r\n";
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "HTTP works over TLS, with HSTS and a Secure cookie",
                 "[web]") {
  start();
  web_client client{connect_tls()};
  REQUIRE(client.stream().connected);
  auto health = client.request(make_request("GET /health"));
  CHECK(health.status == 200);
  CHECK(health.headers["strict-transport-security"] == "max-age=31536000");
  auto link = client.request(make_request("POST /api/v1/links", bearer())).json();
  auto login
    = client.request(make_request("POST /api/v1/session", tls_origin(),
                                  nlohmann::json{{"token", link["token"]}}.dump()),
                     false);
  CHECK(login.status == 204);
  CHECK(login.headers["set-cookie"].ends_with("; Secure"));
}

TEST_CASE_METHOD(fixture, "the live feed works over TLS", "[web]") {
  start();
  web_client client{connect_tls()};
  REQUIRE(client.open_live(bearer()).status == 101);
  client.read_until("hello");
  client.send_json({{"op", "sub"},
                    {"id", 1},
                    {"series", {store.id(0)}},
                    {"from_ms", base_ns / ms_ns}});
  CHECK(client.read_until("snap")["series"][0]["n"] == 3);
  server->publish(store.commit_window(3));
  CHECK(client.read_until("delta")["points"].size() == 1);
}

TEST_CASE_METHOD(fixture, "TLS 1.2 is the oldest, with forward secrecy and AEAD",
                 "[web]") {
  start();
  CHECK_FALSE(connect_tls(TLS1_VERSION, TLS1_1_VERSION).connected);
  auto old = connect_tls(TLS1_2_VERSION, TLS1_2_VERSION);
  REQUIRE(old.connected);
  CHECK(old.cipher().starts_with("ECDHE-"));
  CHECK((old.cipher().find("GCM") != std::string::npos
         || old.cipher().find("CHACHA20") != std::string::npos));
}

TEST_CASE_METHOD(fixture, "plain HTTP on the TLS port gets nothing", "[web]") {
  start();
  CHECK(connect().request(make_request("GET /health")).status == 0);
}

TEST_CASE_METHOD(fixture, "with TLS any address may be bound", "[web]") {
  config.bind = "0.0.0.0";
  start();
  CHECK(connect_tls().connected);
}

TEST_CASE_METHOD(fixture, "certificates that cannot work are named", "[web]") {
  SECTION("no certificate") {
    config.tls_certificate = dir / "missing.pem";
    auto why = try_start();
    REQUIRE_FALSE(why);
    CHECK(why.error().code == web::errc::unreadable_file);
    CHECK(why.error().message.find("missing.pem") != std::string::npos);
  }
  SECTION("not a key") {
    write_file(dir / "key.pem", "nonsense");
    CHECK(try_start().error().message.find("web.tls_key") != std::string::npos);
  }
  SECTION("one without the other") {
    config.tls_key.clear();
    CHECK(try_start().error().code == web::errc::invalid_config);
  }
}
