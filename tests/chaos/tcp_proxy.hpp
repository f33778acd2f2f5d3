// A TCP proxy on 127.0.0.1 that cuts: what stands between two programs of a run. The
// kernel keeps the order of bytes, so a partition is bytes that wait, and a loss is a
// connection that ends with bytes unread.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace weir::chaos {

enum class link_mode : std::uint8_t {
  pass,
  hold,           ///< Nothing passes, either way; connections stay, new ones hang.
  hold_to_server, ///< One way only.
  hold_to_client,
  refuse, ///< Connections are reset, new ones at once.
};

/// Owns one thread. Methods are thread-safe.
class tcp_proxy {
public:
  explicit tcp_proxy(std::uint16_t target_port);
  ~tcp_proxy();
  tcp_proxy(const tcp_proxy&) = delete;
  tcp_proxy& operator=(const tcp_proxy&) = delete;

  std::uint16_t port() const {
    return port_;
  }
  void set(link_mode mode) {
    mode_ = mode;
  }
  /// Resets all connections: bytes on their way are lost.
  void cut() {
    ++cuts_;
  }
  /// Bytes passed on.
  std::uint64_t to_client_bytes() const {
    return to_client_;
  }
  std::uint64_t to_server_bytes() const {
    return to_server_;
  }

private:
  struct stream {
    int from = -1;
    int to = -1;
    std::vector<char> waiting; ///< Read, not written yet.
  };
  struct connection {
    stream up;   ///< Client to server.
    stream down; ///< Server to client.
    bool dead = false;
  };

  void run();
  void accept_one();
  bool holds(bool up) const;
  void pump(stream& x, std::atomic<std::uint64_t>& count, bool& dead);
  void close_reset(connection& x);
  void close_all();

  const std::uint16_t target_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::vector<connection> connections_; // The thread's.
  std::atomic<link_mode> mode_{link_mode::pass};
  std::atomic<unsigned> cuts_{0};
  std::atomic<std::uint64_t> to_client_{0};
  std::atomic<std::uint64_t> to_server_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace weir::chaos
