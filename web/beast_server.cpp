#include "web/beast_server.hpp"

#include "web/beast_http.hpp"

#include <algorithm>
#include <thread>

namespace weir::web {

using namespace detail;

struct beast_server::impl : std::enable_shared_from_this<beast_server::impl> {
  impl(const server_config& config, socket_limits limits, socket_handler& handler,
       web_counters& counters)
    : shared(config, limits, handler, counters), acceptor(shared.io), pause(shared.io) {
  }

  expected<void, error> load_tls();
  expected<tcp::endpoint, error> address() const;
  expected<void, error> bind(const tcp::endpoint& where);
  void accept();
  void on_accept(tcp::socket socket);
  void shut_down();
  void stop_when_empty(int rounds);
  void repeat(std::shared_ptr<asio::steady_timer> timer,
              std::chrono::milliseconds interval, std::function<void()> task);

  core shared;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::thread thread;
};

expected<void, error> beast_server::impl::load_tls() {
  const auto& config = shared.config;
  if (config.tls_certificate.empty() && config.tls_key.empty())
    return {};
  if (config.tls_certificate.empty() || config.tls_key.empty())
    return unexpected(error{errc::invalid_config,
                            "web.tls_certificate and web.tls_key must be set "
                            "both, or neither."});
  auto& tls = shared.tls.emplace(asio::ssl::context::tls_server);
  tls.set_options(asio::ssl::context::default_workarounds
                  | asio::ssl::context::no_compression | SSL_OP_CIPHER_SERVER_PREFERENCE
                  | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(tls.native_handle(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  beast::error_code ec;
  tls.use_certificate_chain_file(config.tls_certificate.string(), ec);
  if (ec)
    return unexpected(error{errc::unreadable_file,
                            "web.tls_certificate: " + config.tls_certificate.string()
                              + " is not a readable PEM certificate: " + ec.message()
                              + "."});
  tls.use_private_key_file(config.tls_key.string(), asio::ssl::context::pem, ec);
  if (ec)
    return unexpected(
      error{errc::unreadable_file, "web.tls_key: " + config.tls_key.string()
                                     + " is not the readable PEM key of "
                                       "web.tls_certificate: "
                                     + ec.message() + "."});
  return {};
}

expected<tcp::endpoint, error> beast_server::impl::address() const {
  const auto& config = shared.config;
  beast::error_code ec;
  auto address = asio::ip::make_address(config.bind, ec);
  if (ec)
    return unexpected(
      error{errc::invalid_config, "web.bind: `" + config.bind
                                    + "` is no IP address; e.g. 127.0.0.1 or ::1."});
  if (!shared.tls && !address.is_loopback())
    return unexpected(
      error{errc::invalid_config,
            "web.bind: " + config.bind
              + " can be reached from other machines, which needs TLS: set "
                "web.tls_certificate and web.tls_key, or bind to 127.0.0.1."});
  return tcp::endpoint{address, config.port};
}

expected<void, error> beast_server::impl::bind(const tcp::endpoint& where) {
  beast::error_code ec;
  acceptor.open(where.protocol(), ec);
  if (!ec)
    acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec)
    acceptor.bind(where, ec);
  if (!ec)
    acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) {
    beast::error_code ignored;
    acceptor.close(ignored);
    return unexpected(error{errc::cannot_bind, "web.bind, web.port: cannot listen on "
                                                 + shared.config.bind + " port "
                                                 + std::to_string(where.port()) + ": "
                                                 + ec.message() + "."});
  }
  return {};
}

void beast_server::impl::accept() {
  acceptor.async_accept([this](beast::error_code ec, tcp::socket socket) {
    if (shared.stopping)
      return;
    if (!ec) {
      on_accept(std::move(socket));
      return accept();
    }
    // Out of file descriptors, most likely: trying again at once would spin.
    shared.counters.accept_errors += 1;
    pause.expires_after(std::chrono::milliseconds{100});
    pause.async_wait([this](beast::error_code stopped) {
      if (!stopped && !shared.stopping)
        accept();
    });
  });
}

void beast_server::impl::on_accept(tcp::socket socket) {
  if (shared.counters.connections_now >= shared.config.connections_max) {
    shared.counters.connections_refused += 1;
    return;
  }
  connection_slot slot{shared.counters};
  beast::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (shared.tls)
    std::make_shared<http_connection<tls_stream>>(
      shared, tls_stream{plain_stream{std::move(socket)}, *shared.tls}, std::move(slot))
      ->run();
  else
    std::make_shared<http_connection<plain_stream>>(
      shared, plain_stream{std::move(socket)}, std::move(slot))
      ->run();
}

void beast_server::impl::shut_down() {
  shared.stopping = true;
  beast::error_code ignored;
  acceptor.close(ignored);
  pause.cancel();
  auto sockets = shared.sockets; // A close may change the map.
  for (auto& [id, socket] : sockets)
    socket->close(1001, "the server is stopping");
  stop_when_empty(30);
}

void beast_server::impl::stop_when_empty(int rounds) {
  if (shared.sockets.empty() || rounds == 0)
    return shared.io.stop();
  pause.expires_after(std::chrono::milliseconds{10});
  pause.async_wait([this, rounds](beast::error_code) { stop_when_empty(rounds - 1); });
}

void beast_server::impl::repeat(std::shared_ptr<asio::steady_timer> timer,
                                std::chrono::milliseconds interval,
                                std::function<void()> task) {
  // From the last due time, not from now: the rate must not drift.
  timer->expires_at(
    std::max(timer->expiry() + interval, std::chrono::steady_clock::now()));
  timer->async_wait(
    [this, timer, interval, task = std::move(task)](beast::error_code ec) {
      if (ec || shared.stopping)
        return;
      task();
      repeat(timer, interval, task);
    });
}

beast_server::beast_server(const server_config& config, socket_limits limits,
                           socket_handler& handler, web_counters& counters)
  : impl_(std::make_shared<impl>(config, limits, handler, counters)) {
}

beast_server::~beast_server() {
  stop();
}

expected<std::uint16_t, error> beast_server::start() {
  if (auto loaded = impl_->load_tls(); !loaded)
    return unexpected(loaded.error());
  auto where = impl_->address();
  if (!where)
    return unexpected(where.error());
  if (auto bound = impl_->bind(*where); !bound)
    return unexpected(bound.error());
  beast::error_code ec;
  auto port = impl_->acceptor.local_endpoint(ec).port();
  impl_->accept();
  impl_->thread = std::thread{[state = impl_.get()] { state->shared.io.run(); }};
  return port;
}

void beast_server::stop() {
  if (!impl_->thread.joinable())
    return;
  post([state = impl_.get()] { state->shut_down(); });
  impl_->thread.join();
}

void beast_server::post(std::function<void()> task) {
  asio::post(impl_->shared.io, std::move(task));
}

void beast_server::send(socket_id id, ws_frame frame) {
  auto& sockets = impl_->shared.sockets;
  if (auto found = sockets.find(id); found != sockets.end())
    found->second->send(std::move(frame));
}

void beast_server::close(socket_id id, std::uint16_t code, std::string_view reason) {
  auto& sockets = impl_->shared.sockets;
  if (auto found = sockets.find(id); found != sockets.end()) {
    auto socket = found->second; // Lives through its own removal.
    socket->close(code, reason);
  }
}

void beast_server::every(std::chrono::milliseconds interval,
                         std::function<void()> task) {
  auto timer = std::make_shared<asio::steady_timer>(impl_->shared.io,
                                                    std::chrono::steady_clock::now());
  impl_->repeat(std::move(timer), interval, std::move(task));
}

void beast_server::after(std::chrono::milliseconds delay, std::function<void()> task) {
  auto timer = std::make_shared<asio::steady_timer>(impl_->shared.io, delay);
  timer->async_wait(
    [state = impl_.get(), timer, task = std::move(task)](beast::error_code ec) {
      if (!ec && !state->shared.stopping)
        task();
    });
}

std::optional<bool> is_loopback(std::string_view address) {
  beast::error_code ec;
  auto parsed = asio::ip::make_address(address, ec);
  if (ec)
    return std::nullopt;
  return parsed.is_loopback();
}

} // namespace weir::web
