// A request and a response as plain data: what routing, access and handlers see
// of HTTP. Only web/beast_server.cpp knows how they travel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::web {

/// The parts of a request that anything here looks at. A header that is missing
/// is empty; one that was sent twice is refused before it gets here.
struct http_request {
  std::string method = "GET";
  std::string path = "/"; ///< As sent: not percent-decoded.
  std::string query;      ///< Behind the `?`, as sent.
  std::string host;
  std::string origin;
  std::string authorization;
  std::string cookie;
  std::string accept_encoding;
  std::string if_none_match;
  std::string body;
  std::string remote; ///< Address of the peer, without port.
  bool tls = false;
};

struct http_response {
  unsigned status = 200;
  std::string content_type; ///< Empty: no body.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// Instead of `body`: bytes that live as long as the program.
  std::string_view static_body;

  std::string_view bytes() const {
    return static_body.empty() ? std::string_view{body} : static_body;
  }
};

/// One WebSocket frame in two parts: the head is the connection's own (its
/// `seq`), the body is shared by all connections that get the same.
struct ws_frame {
  std::string head;
  std::shared_ptr<const std::string> body;
  bool text = false;

  std::size_t size_bytes() const {
    return head.size() + (body ? body->size() : 0);
  }
};

/// Number of a WebSocket connection; never reused.
using socket_id = std::uint64_t;

} // namespace weir::web
