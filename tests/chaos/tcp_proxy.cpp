#include "tests/chaos/tcp_proxy.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::chaos {

namespace {

constexpr std::size_t chunk_bytes = 64 << 10;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result;
}

void make_quick(int fd) {
  int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void reset(int fd) {
  linger now{1, 0}; // RST instead of FIN: what was not read is lost.
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd);
}

} // namespace

tcp_proxy::tcp_proxy(std::uint16_t target_port) : target_port_(target_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  auto address = loopback(0);
  auto size = static_cast<socklen_t>(sizeof address);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0
      || ::listen(listener_, 64) != 0
      || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("the proxy cannot listen on 127.0.0.1");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread{[this] { run(); }};
}

tcp_proxy::~tcp_proxy() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void tcp_proxy::run() {
  auto cuts_seen = 0u;
  std::vector<pollfd> polls;
  while (!stopping_) {
    if (cuts_seen != cuts_ || mode_ == link_mode::refuse) {
      cuts_seen = cuts_;
      close_all();
    }
    polls.assign(1, {listener_, POLLIN, 0});
    for (auto& x : connections_)
      for (auto* way : {&x.up, &x.down}) {
        auto can_read = way->waiting.empty() && !holds(way == &x.up);
        polls.push_back({way->from, static_cast<short>(can_read ? POLLIN : 0), 0});
        auto can_write = !way->waiting.empty() && !holds(way == &x.up);
        polls.push_back({way->to, static_cast<short>(can_write ? POLLOUT : 0), 0});
      }
    // A held connection that ends says so at once, again and again: rest a little.
    if (::poll(polls.data(), polls.size(), 2) > 0 && mode_ != link_mode::pass)
      ::usleep(1000);
    accept_one();
    for (auto& x : connections_) {
      if (!holds(true))
        pump(x.up, to_server_, x.dead);
      if (!holds(false))
        pump(x.down, to_client_, x.dead);
      if (x.dead)
        close_reset(x);
    }
    std::erase_if(connections_, [](auto& x) { return x.dead; });
  }
  close_all();
}

void tcp_proxy::accept_one() {
  auto client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0)
    return;
  if (mode_ == link_mode::refuse)
    return reset(client);
  auto server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(target_port_);
  if (::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(server);
    return reset(client);
  }
  make_quick(client);
  make_quick(server);
  connections_.push_back({{client, server, {}}, {server, client, {}}, false});
}

bool tcp_proxy::holds(bool up) const {
  auto mode = mode_.load();
  return mode == link_mode::hold
         || mode == (up ? link_mode::hold_to_server : link_mode::hold_to_client);
}

/// Writes what waits, then reads. The end of one side ends both, behind the last byte.
void tcp_proxy::pump(stream& x, std::atomic<std::uint64_t>& count, bool& dead) {
  while (!dead) {
    if (!x.waiting.empty()) {
      auto size = ::send(x.to, x.waiting.data(), x.waiting.size(), MSG_NOSIGNAL);
      if (size < 0) {
        dead = errno != EAGAIN && errno != EINTR;
        return;
      }
      count += static_cast<std::uint64_t>(size);
      x.waiting.erase(x.waiting.begin(), x.waiting.begin() + size);
      if (!x.waiting.empty())
        return;
    }
    x.waiting.resize(chunk_bytes);
    auto size = ::recv(x.from, x.waiting.data(), x.waiting.size(), 0);
    x.waiting.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    if (size == 0)
      dead = true;
    if (size < 0) {
      dead = errno != EAGAIN && errno != EINTR;
      return;
    }
  }
}

/// In order where nothing waits any more, so that the last bytes arrive.
void tcp_proxy::close_reset(connection& x) {
  if (x.up.waiting.empty() && x.down.waiting.empty()) {
    ::close(x.up.from);
    ::close(x.up.to);
  } else {
    reset(x.up.from);
    reset(x.up.to);
  }
}

void tcp_proxy::close_all() {
  for (auto& x : connections_) {
    reset(x.up.from);
    reset(x.up.to);
  }
  connections_.clear();
}

} // namespace weir::chaos
