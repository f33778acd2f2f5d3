#include "transport/zmq_support.hpp"

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>

namespace weir::transport {

namespace {

constexpr auto handshake_limit_ms = 5'000;
constexpr auto heartbeat_interval_ms = 2'000;
constexpr auto heartbeat_timeout_ms = 6'000;
constexpr auto zap_domain = "weir";

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

error invalid(std::string message) {
  return error{errc::invalid_config, std::move(message)};
}

std::string advice(int code) {
  switch (code) {
  case EADDRINUSE:
    return "another program listens there: end it or choose another port";
  case EADDRNOTAVAIL:
  case ENODEV:
    return "this machine has no such address: use one of its own, or 0.0.0.0 "
           "for all";
  case EACCES:
  case EPERM:
    return "not permitted: choose a port above 1023 or a writable path";
  default:
    return zmq_strerror(code);
  }
}

} // namespace

expected<std::string, error> usable_endpoint(std::string_view endpoint,
                                             bool encrypted) {
  auto text = std::string{endpoint};
  if (endpoint.starts_with("ipc://") && endpoint.size() > 6)
    return text;
  if (!endpoint.starts_with("tcp://"))
    return unexpected(invalid("endpoint \"" + text
                              + "\" is neither tcp://HOST:PORT nor "
                                "ipc:///PATH"));
  auto colon = endpoint.rfind(':');
  auto host = colon > 6 ? endpoint.substr(6, colon - 6) : std::string_view{};
  auto port = endpoint.substr(colon + 1);
  auto numeric
    = !port.empty() && port.find_first_not_of("0123456789") == std::string::npos;
  if (host.empty() || (!numeric && port != "*") || port.size() > 5)
    return unexpected(
      invalid("endpoint \"" + text + "\" is not of the form tcp://HOST:PORT"));
  if (!encrypted && !is_loopback(host))
    return unexpected(
      invalid("endpoint \"" + text
              + "\" leaves this machine and has no CURVE keys: set keys, or "
                "use tcp://127.0.0.1 or ipc://"));
  if (port == "0")
    text.replace(colon + 1, 1, "*");
  return text;
}

expected<std::string, error> listen_on(zmq::socket_t& socket,
                                       const std::string& endpoint) {
  allow_ipv6(socket, endpoint);
  if (zmq_bind(socket.handle(), endpoint.c_str()) != 0)
    return unexpected(
      error{errc::cannot_bind, "cannot listen on " + endpoint + ": " + advice(errno)});
  // Ends at the NUL that some versions of cppzmq leave in it.
  return std::string{socket.get(zmq::sockopt::last_endpoint).c_str()};
}

void set_limits(zmq::socket_t& socket, std::size_t message_bytes_max, int hwm) {
  socket.set(zmq::sockopt::linger, linger_ms);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(message_bytes_max));
  socket.set(zmq::sockopt::rcvhwm, hwm);
  socket.set(zmq::sockopt::handshake_ivl, handshake_limit_ms);
  socket.set(zmq::sockopt::heartbeat_ivl, heartbeat_interval_ms);
  socket.set(zmq::sockopt::heartbeat_timeout, heartbeat_timeout_ms);
  socket.set(zmq::sockopt::heartbeat_ttl, heartbeat_timeout_ms);
}

void allow_ipv6(zmq::socket_t& socket, const std::string& endpoint) {
  // Only where it is asked for: with it, 127.0.0.1 reads [::ffff:127.0.0.1].
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
}

void set_keys(zmq::socket_t& socket, const curve_server_keys& keys) {
  if (!keys.encrypted())
    return;
  socket.set(zmq::sockopt::zap_domain, zap_domain);
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, keys.own.secret_key);
}

void set_keys(zmq::socket_t& socket, const curve_client_keys& keys) {
  if (!keys.encrypted())
    return;
  socket.set(zmq::sockopt::curve_serverkey, keys.server_public_key);
  socket.set(zmq::sockopt::curve_publickey, keys.own.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys.own.secret_key);
}

std::string_view user_id(zmq::message_t& message) {
  // The C call: message_t::gets() throws where there is no such property.
  const auto* text = zmq_msg_gets(message.handle(), "User-Id");
  return text == nullptr ? std::string_view{} : std::string_view{text};
}

bool try_receive(zmq::socket_t& socket, zmq::message_t& frame) {
  return socket.recv(frame, zmq::recv_flags::dontwait).has_value();
}

void drop_rest(zmq::socket_t& socket, const zmq::message_t& last) {
  // The parts of one message arrive together, so this never waits.
  auto more = last.more();
  auto rest = zmq::message_t{};
  while (more && try_receive(socket, rest))
    more = rest.more();
}

// -- wake_event --------------------------------------------------------------

wake_event::wake_event() : fd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
}

wake_event::~wake_event() {
  ::close(fd_);
}

void wake_event::signal() {
  auto one = std::uint64_t{1};
  // Fails only when the counter is full, and then the thread is awake anyway.
  [[maybe_unused]] auto done = ::write(fd_, &one, sizeof(one));
}

void wake_event::clear() {
  auto count = std::uint64_t{0};
  [[maybe_unused]] auto done = ::read(fd_, &count, sizeof(count));
}

// -- connection_monitor ------------------------------------------------------

connection_monitor::connection_monitor(zmq::context_t& context, zmq::socket_t& watched,
                                       int events)
  : watched_{watched.handle()} {
  static std::atomic<unsigned> counter{0};
  auto address = "inproc://weir-monitor-" + std::to_string(++counter);
  if (zmq_socket_monitor(watched.handle(), address.c_str(), events) != 0)
    throw zmq::error_t{};
  pair_ = zmq::socket_t{context, zmq::socket_type::pair};
  pair_.set(zmq::sockopt::linger, 0);
  pair_.connect(address);
}

connection_monitor::~connection_monitor() {
  zmq_socket_monitor(watched_, nullptr, 0);
}

std::optional<connection_monitor::event> connection_monitor::next() {
  auto frame = zmq::message_t{};
  if (!try_receive(pair_, frame))
    return std::nullopt;
  auto result = event{};
  auto what = std::uint16_t{0};
  if (frame.size() >= sizeof(what) + sizeof(result.value)) {
    std::memcpy(&what, frame.data(), sizeof(what));
    std::memcpy(&result.value, frame.data<char>() + sizeof(what), sizeof(result.value));
  }
  result.what = what;
  drop_rest(pair_, frame);
  return result;
}

// -- dealer_connection -------------------------------------------------------

expected<void, error> dealer_connection::open() {
  close();
  try {
    socket_.emplace(context(), zmq::socket_type::dealer);
    set_limits(*socket_, settings_.message_bytes_max, settings_.send_hwm);
    set_keys(*socket_, settings_.keys);
    allow_ipv6(*socket_, settings_.endpoint);
    socket_->set(zmq::sockopt::linger, 0);
    socket_->set(zmq::sockopt::sndhwm, settings_.send_hwm);
    socket_->set(zmq::sockopt::reconnect_ivl, -1);
    socket_->set(zmq::sockopt::connect_timeout, handshake_limit_ms);
    if (!settings_.routing_id.empty())
      socket_->set(zmq::sockopt::routing_id, settings_.routing_id);
    monitor_.emplace(
      context(), *socket_,
      ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED
        | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    reached_ = false;
    socket_->connect(settings_.endpoint);
  } catch (const zmq::error_t& e) {
    close();
    return unexpected(
      invalid("cannot connect to " + settings_.endpoint + ": " + e.what()));
  }
  return {};
}

void dealer_connection::close() {
  monitor_.reset();
  socket_.reset();
}

std::optional<dealer_connection::change> dealer_connection::next_change() {
  while (monitor_) {
    auto event = monitor_->next();
    if (!event)
      return std::nullopt;
    if (auto result = translate(*event))
      return result;
  }
  return std::nullopt;
}

std::optional<dealer_connection::change>
dealer_connection::translate(const connection_monitor::event& event) {
  const auto& peer = settings_.endpoint;
  switch (event.what) {
  case ZMQ_EVENT_CONNECTED:
    reached_ = true;
    return std::nullopt;
  case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
    reached_ = false;
    return change{true, false, {}};
  case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
    return change{false, true,
                  peer
                    + " does not know our key: its allow-list needs "
                      "public key "
                    + settings_.keys.own.public_key};
  case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    return change{false, true,
                  peer
                    + " and we do not agree on encryption: both sides "
                      "need CURVE keys, or neither"};
  case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
  case ZMQ_EVENT_DISCONNECTED:
    if (reached_ && settings_.keys.encrypted())
      return change{false, true,
                    peer
                      + " broke off the key exchange: check that "
                        "server_public_key is its key"};
    return change{false, false, peer + " closed the connection"};
  default: // ZMQ_EVENT_CLOSED: the attempt to connect failed.
    return change{false, false, "nothing answers at " + peer};
  }
}

} // namespace weir::transport
