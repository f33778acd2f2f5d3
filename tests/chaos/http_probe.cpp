#include "tests/chaos/http_probe.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace weir::chaos {

std::optional<std::string> http_get(std::uint16_t port, const std::string& path,
                                    const std::string& bearer_key) {
  auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval limit{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  auto request = "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port)
                 + "\r\nAuthorization: Bearer " + bearer_key
                 + "\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0
      && ::send(fd, request.data(), request.size(), MSG_NOSIGNAL)
           == static_cast<ssize_t>(request.size())) {
    char bytes[16'384];
    for (;;) {
      auto size = ::recv(fd, bytes, sizeof bytes, 0);
      if (size <= 0)
        break;
      answer.append(bytes, static_cast<std::size_t>(size));
    }
  }
  ::close(fd);
  auto body = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 200") || body == std::string::npos)
    return std::nullopt;
  return answer.substr(body + 4);
}

} // namespace weir::chaos
