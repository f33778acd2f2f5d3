// MQTT 3.1.1 on a plain socket: a client library would hide the acknowledgements.
#include "tests/chaos/feed.hpp"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::chaos {

namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

void append_u16(std::string& out, std::size_t value) {
  out.push_back(static_cast<char>(value >> 8 & 0xff));
  out.push_back(static_cast<char>(value & 0xff));
}

std::string packet(char type, const std::string& body) {
  std::string out{type};
  auto left = body.size();
  do {
    auto digit = static_cast<unsigned char>(left & 127);
    left >>= 7;
    out.push_back(static_cast<char>(left > 0 ? digit | 128 : digit));
  } while (left > 0);
  return out + body;
}

class mqtt_feed final : public feed {
public:
  mqtt_feed(feed_config config, worker_ledger& ledger)
    : config_(std::move(config)), ledger_(ledger) {
    thread_ = std::thread{[this] { run(); }};
  }

  ~mqtt_feed() override {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
    disconnect();
  }

  bool finish(std::chrono::milliseconds limit) override {
    finish_limit_ = limit;
    finishing_ = true;
    thread_.join();
    return complete_;
  }

private:
  struct message {
    due_events::range range;
    std::string payload;
    bool was_acknowledged = false; ///< Sent again for the broker's sake.
    steady::time_point acknowledged_at{};
  };

  void run() {
    due_events due{config_.grid, config_.tick, config_.steps_max};
    auto deadline = steady::time_point::max();
    auto ended = false;
    while (!stopping_ && steady::now() < deadline) {
      if (finishing_ && !ended) {
        ended = true;
        due.end();
        deadline = steady::now() + finish_limit_.load();
      }
      if (fd_ < 0 && !connect()) {
        std::this_thread::sleep_for(20ms);
        continue;
      }
      while (window_.size() < config_.window_max) {
        auto range = due.next();
        if (range.first == range.last)
          break;
        add(range);
      }
      if (!exchange())
        disconnect();
      forget_old();
      if (due.done() && window_.empty()) {
        complete_ = true;
        return;
      }
    }
  }

  void add(due_events::range range) {
    ledger_.sending(range.first, range.last);
    window_.push_back(
      {range, config_.grid.payload(config_.worker, range.first, range.last)});
  }

  // -- connection --------------------------------------------------------------

  bool connect() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(config_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{2, 0};
    int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::string body;
    append_u16(body, 4);
    body += "MQTT";
    body.push_back(4);   // 3.1.1
    body.push_back(2);   // Clean session: what is not acknowledged we know ourselves.
    append_u16(body, 0); // No keep-alive.
    auto id = "chaos-" + std::to_string(config_.worker);
    append_u16(body, id.size());
    auto hello = packet('\x10', body + id);
    char answer[4] = {};
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0
        || ::send(fd_, hello.data(), hello.size(), MSG_NOSIGNAL)
             != static_cast<ssize_t>(hello.size())
        || ::recv(fd_, answer, sizeof answer, MSG_WAITALL) != 4 || answer[0] != 0x20
        || answer[3] != 0) {
      disconnect();
      return false;
    }
    ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
    send_again();
    return true;
  }

  void disconnect() {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
    out_.clear();
    in_.clear();
    sent_ = 0;
  }

  /// What the broker may have acknowledged and not saved stands before the rest again,
  /// so that the edge sees each series in order.
  void send_again() {
    repeated_.fetch_add(recent_.size(), std::memory_order_relaxed);
    while (!recent_.empty()) {
      window_.push_front(std::move(recent_.back()));
      recent_.pop_back();
    }
  }

  void forget_old() {
    auto now = steady::now();
    while (recent_.size() > config_.overlap_messages
           && now - recent_.front().acknowledged_at > config_.overlap)
      recent_.pop_front();
  }

  // -- sending and acknowledgements --------------------------------------------

  bool exchange() {
    for (; sent_ < window_.size(); ++sent_)
      append_publish(window_[sent_].payload);
    pollfd poll{fd_, static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT)), 0};
    timespec wait{0, 2'000'000};
    ::ppoll(&poll, 1, &wait, nullptr);
    while (!out_.empty()) {
      auto size = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN && errno != EINTR)
        return false;
      if (size <= 0)
        break;
      out_.erase(0, static_cast<std::size_t>(size));
    }
    return receive();
  }

  void append_publish(const std::string& payload) {
    std::string body;
    append_u16(body, config_.topic.size());
    body += config_.topic;
    append_u16(body, 1 + number_ % 65'535);
    ++number_;
    out_ += packet('\x32', body + payload);
  }

  /// The broker acknowledges in order; anything else ends the connection.
  bool receive() {
    char bytes[4096];
    for (;;) {
      auto size = ::recv(fd_, bytes, sizeof bytes, 0);
      if (size == 0)
        return false;
      if (size < 0) {
        if (errno != EAGAIN && errno != EINTR)
          return false;
        break;
      }
      in_.append(bytes, static_cast<std::size_t>(size));
    }
    auto at = std::size_t{0};
    for (; in_.size() - at >= 4; at += 4) {
      auto id = static_cast<std::size_t>(static_cast<unsigned char>(in_[at + 2])) << 8
                | static_cast<unsigned char>(in_[at + 3]);
      if (in_[at] != 0x40 || sent_ == 0 || id != 1 + (number_ - sent_) % 65'535)
        return false;
      acknowledge_first();
    }
    in_.erase(0, at);
    return true;
  }

  void acknowledge_first() {
    auto& x = window_.front();
    if (!x.was_acknowledged) {
      ledger_.acknowledged(x.range.first, x.range.last);
      acknowledged_.fetch_add(1, std::memory_order_relaxed);
      x.was_acknowledged = true;
    }
    x.acknowledged_at = steady::now();
    if (config_.overlap_messages > 0 || config_.overlap > 0ms)
      recent_.push_back(std::move(x));
    window_.pop_front();
    --sent_;
  }

  const feed_config config_;
  worker_ledger& ledger_;
  int fd_ = -1;
  std::string out_;
  std::string in_;
  std::deque<message> window_; // Not acknowledged on this connection, in order.
  std::size_t sent_ = 0;       // So many of them are on their way.
  std::uint64_t number_ = 0;   // Packet numbers given.
  std::deque<message> recent_; // Acknowledged lately.
  bool complete_ = false;      // Read after join().
  std::atomic<std::chrono::milliseconds> finish_limit_{0ms};
  std::atomic<bool> finishing_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace

std::unique_ptr<feed> make_mqtt_feed(feed_config config, worker_ledger& ledger) {
  return std::make_unique<mqtt_feed>(std::move(config), ledger);
}

} // namespace weir::chaos
