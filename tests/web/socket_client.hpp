// A plain POSIX client for the real server: bytes as they are, so that a test
// can send what no library would. Every wait ends after 10 s.
#pragma once

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include <arpa/inet.h>
#include <cstdint>
#include <map>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace weir::test {

class client_socket {
public:
  explicit client_socket(std::uint16_t port, int receive_buffer_bytes = 0)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(fd_ >= 0);
    if (receive_buffer_bytes > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof receive_buffer_bytes);
    timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
  client_socket(client_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {
  }
  client_socket& operator=(client_socket&&) = delete;
  ~client_socket() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  int fd() const {
    return fd_;
  }

  /// False if the peer has closed.
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      auto size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0)
        return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

  /// What is there, at least a byte; empty at the end or after 10 s.
  std::string read() {
    std::string buffer(64 << 10, '\0');
    auto size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    buffer.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return buffer;
  }

private:
  int fd_;
};

struct http_reply {
  int status = 0; ///< 0: the connection ended before a whole reply.
  std::map<std::string, std::string> headers; ///< Names in lower case.
  std::string body;

  nlohmann::json json() const {
    INFO(body);
    return nlohmann::json::parse(body);
  }
  std::string code() const {
    return json()["error"]["code"];
  }
};

/// HTTP and WebSocket over anything with write() and read().
template <class Stream>
class web_client {
public:
  explicit web_client(Stream stream) : stream_(std::move(stream)) {
  }

  Stream& stream() {
    return stream_;
  }

  http_reply request(std::string_view bytes, bool has_body = true) {
    stream_.write(bytes);
    return reply(has_body);
  }

  http_reply reply(bool has_body = true) {
    http_reply result;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == buffer_.npos)
      if (!fill())
        return result;
    auto head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    result.status = std::stoi(head.substr(head.find(' ')));
    for (auto at = head.find("\r\n") + 2; at < head.size();) {
      auto stop = head.find("\r\n", at);
      auto line = head.substr(at, stop - at);
      auto colon = line.find(": ");
      auto name = line.substr(0, colon);
      for (auto& x : name)
        x = static_cast<char>(std::tolower(x));
      result.headers[name] = line.substr(colon + 2);
      at = stop + 2;
    }
    auto length = result.headers.find("content-length");
    if (has_body && length != result.headers.end())
      result.body = take(std::stoul(length->second));
    return result;
  }

  /// Whether the server closes now, without sending more.
  bool at_end() {
    return buffer_.empty() && !fill();
  }

  /// Opens the live feed; the status of the answer.
  http_reply open_live(const std::string& headers,
                       const std::string& query = "?format=json") {
    return request("GET /api/v1/live" + query
                   + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   + headers + "\r\n");
  }

  struct frame {
    int opcode = -1; ///< -1: the connection ended.
    std::string payload;

    int close_code() const {
      if (opcode != 8 || payload.size() < 2)
        return 0;
      return static_cast<unsigned char>(payload[0]) * 256
             + static_cast<unsigned char>(payload[1]);
    }
  };

  frame read_frame() {
    auto head = take(2);
    if (head.size() < 2)
      return {};
    std::uint64_t size = head[1] & 0x7f;
    if (size >= 126) {
      auto long_size = take(size == 126 ? 2 : 8);
      size = 0;
      for (unsigned char x : long_size)
        size = size * 256 + x;
    }
    frame result{head[0] & 0x0f, take(size)};
    return result.payload.size() == size ? result : frame{};
  }

  /// The next frame of this type; others are skipped.
  nlohmann::json read_until(const std::string& type) {
    for (;;) {
      auto x = read_frame();
      INFO("the connection ended before a frame of type " << type);
      REQUIRE((x.opcode == 1 || x.opcode == 2 || x.opcode == 9));
      if (x.opcode == 9)
        continue;
      auto json = x.opcode == 1 ? nlohmann::json::parse(x.payload)
                                : nlohmann::json::from_msgpack(x.payload);
      if (json["t"] == type)
        return json;
    }
  }

  /// Sends a frame as a client must: masked (with zeros, which changes
  /// nothing).
  bool send_frame(int opcode, std::string_view payload) {
    std::string bytes{static_cast<char>(0x80 | opcode)};
    if (payload.size() < 126) {
      bytes += static_cast<char>(0x80 | payload.size());
    } else {
      bool is_short = payload.size() < 1 << 16;
      bytes += static_cast<char>(0x80 | (is_short ? 126 : 127));
      for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8)
        bytes += static_cast<char>(static_cast<std::uint64_t>(payload.size()) >> shift
                                   & 0xff);
    }
    bytes.append(4, '\0');
    return stream_.write(bytes.append(payload));
  }

  bool send_json(const nlohmann::json& x) {
    return send_frame(1, x.dump());
  }

private:
  bool fill() {
    auto more = stream_.read();
    buffer_ += more;
    return !more.empty();
  }

  std::string take(std::size_t size) {
    while (buffer_.size() < size && fill()) {
    }
    auto result = buffer_.substr(0, size);
    buffer_.erase(0, result.size());
    return result;
  }

  Stream stream_;
  std::string buffer_;
};

} // namespace weir::test
