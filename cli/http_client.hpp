// Asks the HTTP API of weir-central (web/API.md). Boost.Beast behind the wall:
// it is slow to compile and included in the .cpp only.
#pragma once

#include "analytics/expected.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::cli {

/// "http://HOST[:PORT]" or "https://HOST[:PORT]"; a path is not accepted.
struct http_address {
  bool tls = false;
  std::string host;
  std::string port;
};
expected<http_address, std::string> parse_http_address(std::string_view url);

struct http_response {
  unsigned status = 0;
  std::string body;
};

struct http_client_config {
  std::string url = "http://127.0.0.1:8080";
  std::string bearer{};            ///< Key; empty: none is sent.
  std::filesystem::path ca_file{}; ///< https: who may vouch; empty: the system's.
  std::chrono::milliseconds timeout{10'000}; ///< Of each whole request.
};

/// One connection for each request. Not thread-safe.
class http_client {
public:
  explicit http_client(http_client_config config) : config_(std::move(config)) {
  }

  /// `method` is "GET" or "POST". Any status is a response; an error means that
  /// there was none, and says what to look at.
  expected<http_response, std::string>
  request(std::string_view method, const std::string& target,
          const std::string& body = {},
          std::string_view content_type = "application/json");

  const http_client_config& config() const {
    return config_;
  }

private:
  http_client_config config_;
};

/// Percent-encodes a value for a query string.
std::string url_encoded(std::string_view text);

} // namespace weir::cli
