#include "cli/http_client.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include <charconv>

namespace weir::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using error_code = beast::error_code;
using tcp = asio::ip::tcp;

constexpr std::size_t body_bytes_max = 256u << 20;

/// Runs one asynchronous operation to its end: only those know time limits.
template <class Start>
error_code await(asio::io_context& io, Start start) {
  error_code result = asio::error::would_block;
  start([&](error_code code, auto&&...) { result = code; });
  io.restart();
  io.run();
  return result;
}

std::string cannot_connect(const std::string& url, const error_code& why) {
  return "cannot connect to " + url + " (" + why.message()
         + "): is weir-central running there? --url names another address";
}

http::request<http::string_body>
make_request(const http_client_config& config, const http_address& address,
             std::string_view method, const std::string& target,
             const std::string& body, std::string_view content_type) {
  auto verb = method == "POST" ? http::verb::post : http::verb::get;
  http::request<http::string_body> request{verb, target, 11};
  auto is_ipv6 = address.host.find(':') != std::string::npos;
  request.set(http::field::host,
              (is_ipv6 ? "[" + address.host + "]" : address.host) + ":" + address.port);
  request.set(http::field::user_agent, "weir");
  if (!config.bearer.empty())
    request.set(http::field::authorization, "Bearer " + config.bearer);
  if (method == "POST") {
    request.set(http::field::content_type,
                beast::string_view{content_type.data(), content_type.size()});
    request.body() = body;
  }
  request.prepare_payload();
  return request;
}

/// Writes the request and reads the response over a connected stream.
template <class Stream>
expected<http_response, std::string>
exchange(asio::io_context& io, Stream& stream, const std::string& url,
         const http::request<http::string_body>& request) {
  auto lost = [&](const error_code& code) {
    auto why = code == beast::error::timeout ? std::string{"no answer in time"}
                                             : code.message();
    return unexpected("the request " + std::string{request.target()} + " to " + url
                      + " broke off: " + why);
  };
  if (auto code = await(
        io, [&](auto done) { http::async_write(stream, request, std::move(done)); }))
    return lost(code);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(body_bytes_max);
  if (auto code = await(io, [&](auto done) {
        http::async_read(stream, buffer, parser, std::move(done));
      }))
    return lost(code);
  auto& response = parser.get();
  return http_response{response.result_int(), std::move(response.body())};
}

expected<http_response, std::string>
exchange_tls(asio::io_context& io, beast::tcp_stream connected,
             const http_address& address, const http_client_config& config,
             const http::request<http::string_body>& request) {
  asio::ssl::context context{asio::ssl::context::tls_client};
  error_code code;
  context.set_verify_mode(asio::ssl::verify_peer);
  if (config.ca_file.empty())
    context.set_default_verify_paths(code);
  else
    context.load_verify_file(config.ca_file.string(), code);
  if (code)
    return unexpected("cannot read the certificates of " + config.ca_file.string()
                      + ": " + code.message());
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  beast::ssl_stream<beast::tcp_stream> stream{std::move(connected), context};
  SSL_set_tlsext_host_name(stream.native_handle(), address.host.c_str());
  stream.set_verify_callback(asio::ssl::host_name_verification{address.host});
  code = await(io, [&](auto done) {
    stream.async_handshake(asio::ssl::stream_base::client, std::move(done));
  });
  if (code)
    return unexpected("no trusted TLS connection to " + config.url + ": "
                      + code.message()
                      + "; --ca names the file that vouches for the server");
  return exchange(io, stream, config.url, request);
}

} // namespace

expected<http_address, std::string> parse_http_address(std::string_view url) {
  http_address result;
  auto rest = url;
  if (rest.starts_with("https://")) {
    result.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return unexpected("\"" + std::string{url}
                      + "\" is no address: it begins with http:// or https://");
  }
  if (rest.ends_with('/'))
    rest.remove_suffix(1);
  auto colon = rest.rfind(':');
  if (rest.starts_with('[')) { // An IPv6 address.
    auto end = rest.find(']');
    if (end == std::string_view::npos)
      return unexpected("\"" + std::string{url} + "\" has a [ without ]");
    colon = end + 1 < rest.size() ? end + 1 : std::string_view::npos;
    result.host = rest.substr(1, end - 1);
  } else {
    result.host = rest.substr(0, colon);
  }
  result.port = colon == std::string_view::npos ? (result.tls ? "443" : "80")
                                                : std::string{rest.substr(colon + 1)};
  unsigned port = 0;
  auto [end, failure] = std::from_chars(result.port.data(),
                                        result.port.data() + result.port.size(), port);
  auto no_colon = colon != std::string_view::npos && rest[colon] != ':';
  auto bad_port = no_colon || failure != std::errc{}
                  || end != result.port.data() + result.port.size() || port == 0
                  || port > 65'535;
  if (result.host.empty() || bad_port
      || result.host.find_first_of("/?#@ ") != std::string::npos)
    return unexpected("\"" + std::string{url}
                      + "\" is no address such as http://127.0.0.1:8080");
  return result;
}

expected<http_response, std::string>
http_client::request(std::string_view method, const std::string& target,
                     const std::string& body, std::string_view content_type) {
  auto address = parse_http_address(config_.url);
  if (!address)
    return unexpected(address.error());
  try {
    asio::io_context io;
    error_code code;
    tcp::resolver resolver{io};
    auto hosts = resolver.resolve(address->host, address->port, code);
    if (code)
      return unexpected(cannot_connect(config_.url, code));
    beast::tcp_stream stream{io};
    stream.expires_after(config_.timeout);
    code = await(io, [&](auto done) { stream.async_connect(hosts, std::move(done)); });
    if (code)
      return unexpected(cannot_connect(config_.url, code));
    auto request = make_request(config_, *address, method, target, body, content_type);
    if (address->tls)
      return exchange_tls(io, std::move(stream), *address, config_, request);
    return exchange(io, stream, config_.url, request);
  } catch (const std::exception& failure) {
    return unexpected("the request to " + config_.url + " failed: " + failure.what());
  }
}

std::string url_encoded(std::string_view text) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string result;
  for (auto c : text) {
    auto byte = static_cast<unsigned char>(c);
    auto plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                 || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'
                 || c == '~';
    if (plain) {
      result.push_back(c);
    } else {
      result.push_back('%');
      result.push_back(hex[byte >> 4]);
      result.push_back(hex[byte & 15]);
    }
  }
  return result;
}

} // namespace weir::cli
