#include "tests/bench/raw_mqtt_publisher.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t write_bytes_max = 64 << 10;

std::string errno_text(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

void append_u16(std::string& out, std::size_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value & 0xff));
}

void append_length(std::string& out, std::size_t value) {
  do {
    auto digit = static_cast<unsigned char>(value & 127);
    value >>= 7;
    out.push_back(static_cast<char>(value > 0 ? digit | 128 : digit));
  } while (value > 0);
}

std::string connect_packet(std::size_t index) {
  auto id = "weir-bench-" + std::to_string(::getpid()) + "-" + std::to_string(index);
  std::string body;
  append_u16(body, 4);
  body += "MQTT";
  body.push_back(4);   // 3.1.1
  body.push_back(2);   // Clean session.
  append_u16(body, 0); // No keep-alive: we are never idle.
  append_u16(body, id.size());
  body += id;
  std::string packet{'\x10'};
  append_length(packet, body.size());
  return packet + body;
}

/// One connection and its state.
class link {
public:
  link(int fd, const raw_publisher_config& config) : fd_(fd), config_(config) {
  }
  link(link&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), config_(other.config_),
      out_(std::move(other.out_)) {
  }
  ~link() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  int fd() const {
    return fd_;
  }
  std::uint64_t sent() const {
    return sent_;
  }
  std::uint64_t acked() const {
    return config_.qos == 0 ? sent_ : acked_;
  }
  bool wants_write() const {
    return offset_ < out_.size();
  }
  bool has_room() const {
    return out_.size() - offset_ < write_bytes_max
           && (config_.qos == 0 || sent_ - acked_ < config_.window_max);
  }
  bool idle() const {
    return !wants_write() && (config_.qos == 0 || sent_ == acked_);
  }

  void append(const raw_message& message) {
    out_.push_back(config_.qos == 1 ? '\x32' : '\x30');
    auto id_size = config_.qos == 1 ? std::size_t{2} : std::size_t{0};
    append_length(out_, 2 + message.topic.size() + id_size + message.payload.size());
    append_u16(out_, message.topic.size());
    out_ += message.topic;
    if (config_.qos == 1)
      append_u16(out_, 1 + sent_ % 65'535);
    out_ += message.payload;
    sent_ += 1;
  }

  /// False: the connection is lost.
  bool write() {
    while (wants_write()) {
      auto size
        = ::send(fd_, out_.data() + offset_, out_.size() - offset_, MSG_NOSIGNAL);
      if (size < 0)
        return errno == EAGAIN || errno == EINTR;
      offset_ += static_cast<std::size_t>(size);
    }
    out_.clear();
    offset_ = 0;
    return true;
  }

  /// Counts PUBACKs: 40 02 and the id, in order of sending or not.
  bool read() {
    char bytes[4096];
    for (;;) {
      auto size = ::recv(fd_, bytes, sizeof bytes, 0);
      if (size < 0)
        return errno == EAGAIN || errno == EINTR;
      if (size == 0)
        return false;
      in_ += static_cast<std::uint64_t>(size);
      acked_ = in_ / 4;
    }
  }

private:
  int fd_;
  const raw_publisher_config& config_;
  std::string out_;
  std::size_t offset_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t acked_ = 0;
  std::uint64_t in_ = 0; // Bytes; after CONNACK the broker sends PUBACKs only.
};

expected<int, std::string> open_socket(const std::string& uri) {
  auto colon = uri.rfind(':');
  if (!uri.starts_with("mqtt://") || colon < 7)
    return unexpected("\"" + uri + "\" is not mqtt://HOST:PORT");
  auto host = uri.substr(7, colon - 7);
  auto port = uri.substr(colon + 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (auto code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0)
    return unexpected("cannot find " + uri + ": " + ::gai_strerror(code));
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard{found, ::freeaddrinfo};
  auto fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return unexpected(errno_text("cannot make a socket"));
  if (::connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
    auto error = errno_text("cannot connect to " + uri);
    ::close(fd);
    return unexpected(error);
  }
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/// Connects and waits for CONNACK, then makes the socket non-blocking.
expected<link, std::string> open_link(const raw_publisher_config& config,
                                      std::size_t index) {
  auto fd = open_socket(config.uri);
  if (!fd)
    return unexpected(fd.error());
  link result{*fd, config};
  auto packet = connect_packet(index);
  char answer[4] = {};
  timeval limit{5, 0};
  ::setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::send(*fd, packet.data(), packet.size(), MSG_NOSIGNAL)
      != static_cast<ssize_t>(packet.size()))
    return unexpected(errno_text("cannot send to " + config.uri));
  if (::recv(*fd, answer, sizeof answer, MSG_WAITALL) != 4 || answer[0] != 0x20
      || answer[3] != 0)
    return unexpected(config.uri + " did not accept an MQTT 3.1.1 client");
  ::fcntl(*fd, F_SETFL, ::fcntl(*fd, F_GETFL) | O_NONBLOCK);
  return result;
}

/// DISCONNECT, then reads until the broker has closed: a socket closed with
/// unread data would be reset, and what the broker has not read yet would be
/// lost.
void close_in_order(link& x) {
  ::fcntl(x.fd(), F_SETFL, ::fcntl(x.fd(), F_GETFL) & ~O_NONBLOCK);
  ::send(x.fd(), "\xe0\0", 2, MSG_NOSIGNAL);
  ::shutdown(x.fd(), SHUT_WR);
  char bytes[4096];
  while (::recv(x.fd(), bytes, sizeof bytes, 0) > 0) {
  }
}

/// One round: fills, polls, writes, reads. False: a connection is lost.
bool serve(std::vector<link>& links, std::vector<pollfd>& polls,
           const raw_message_source* source) {
  auto starved = false;
  for (std::size_t i = 0; i < links.size(); ++i) {
    raw_message message;
    while (source != nullptr && links[i].has_room()) {
      if (!(*source)(i, message)) {
        starved = true;
        break;
      }
      links[i].append(message);
    }
    auto events = POLLIN | (links[i].wants_write() ? POLLOUT : 0);
    polls[i] = {links[i].fd(), static_cast<short>(events), 0};
  }
  // A source that has nothing due is asked again soon, without spinning.
  timespec wait{0, starved ? 50'000 : 20'000'000};
  if (::ppoll(polls.data(), polls.size(), &wait, nullptr) < 0 && errno != EINTR)
    return false;
  for (std::size_t i = 0; i < links.size(); ++i) {
    if ((polls[i].revents & POLLOUT) != 0 && !links[i].write())
      return false;
    if ((polls[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !links[i].read())
      return false;
  }
  return true;
}

} // namespace

expected<raw_publisher_result, std::string>
publish_raw(const raw_publisher_config& config, std::chrono::nanoseconds duration,
            const raw_message_source& source) {
  std::vector<link> links;
  for (std::size_t i = 0; i < config.connections; ++i) {
    auto one = open_link(config, i);
    if (!one)
      return unexpected(one.error());
    links.push_back(std::move(*one));
  }
  std::vector<pollfd> polls(links.size());
  auto start = clock::now();
  auto end = start + duration;
  while (clock::now() < end)
    if (!serve(links, polls, &source))
      return unexpected("the connection to " + config.uri + " was lost");
  auto limit = clock::now() + config.drain_limit;
  auto all_idle = [&] {
    return std::all_of(links.begin(), links.end(), [](auto& x) { return x.idle(); });
  };
  while (!all_idle() && clock::now() < limit)
    if (!serve(links, polls, nullptr))
      return unexpected("the connection to " + config.uri
                        + " was lost before everything was acknowledged");
  raw_publisher_result result;
  result.seconds = std::chrono::duration<double>(clock::now() - start).count();
  for (auto& x : links) {
    result.sent += x.sent();
    result.acked += x.acked();
    close_in_order(x);
  }
  return result;
}

} // namespace weir::bench
