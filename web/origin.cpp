#include "web/origin.hpp"

#include "web/url.hpp"

#include <algorithm>

namespace weir::web {

namespace {

constexpr std::size_t origin_size_max = 300;

std::string lower(std::string_view text) {
  std::string result{text};
  for (auto& x : result)
    if (x >= 'A' && x <= 'Z')
      x = static_cast<char>(x - 'A' + 'a');
  return result;
}

bool is_host_character(char x) {
  return (x >= 'a' && x <= 'z') || (x >= '0' && x <= '9') || x == '-' || x == '.'
         || x == '_';
}

bool is_host_name(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    return host.find_first_not_of("0123456789abcdef:.", 1) == host.size() - 1;
  return !host.empty() && std::all_of(host.begin(), host.end(), is_host_character);
}

/// Splits "host:port" or "[v6]:port"; an empty port is none.
std::pair<std::string_view, std::string_view> split(std::string_view text) {
  auto colon = text.rfind(':');
  auto bracket = text.rfind(']');
  if (colon == text.npos || (bracket != text.npos && colon < bracket))
    return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

/// Dotted decimal of 127.0.0.0/8, four plain numbers.
bool is_loopback_v4(std::string_view host) {
  int parts = 0;
  while (parts < 4) {
    auto end = std::min(host.find('.'), host.size());
    auto number = parse_unsigned(host.substr(0, end));
    if (!number || *number > 255 || (parts == 0 && *number != 127))
      return false;
    parts += 1;
    if (end == host.size())
      return parts == 4;
    host.remove_prefix(end + 1);
  }
  return false;
}

bool is_loopback_name(std::string_view host) {
  return host == "localhost" || host == "[::1]" || is_loopback_v4(host);
}

} // namespace

std::optional<std::string> normalise_origin(std::string_view text) {
  if (text.size() > origin_size_max)
    return std::nullopt;
  auto origin = lower(text);
  std::string_view rest = origin;
  std::string_view scheme;
  for (std::string_view x : {"http://", "https://"})
    if (rest.starts_with(x))
      scheme = x;
  if (scheme.empty())
    return std::nullopt;
  rest.remove_prefix(scheme.size());
  auto [host, port] = split(rest);
  if (!is_host_name(host))
    return std::nullopt;
  auto result = std::string{scheme}.append(host);
  if (port.empty())
    return rest.ends_with(':') ? std::nullopt : std::optional{result};
  auto number = parse_unsigned(port);
  if (!number || *number == 0 || *number > 65535)
    return std::nullopt;
  if (*number != (scheme == "http://" ? 80u : 443u))
    result += ':' + std::to_string(*number);
  return result;
}

origin_policy::origin_policy(const std::vector<std::string>& allowed) {
  for (const auto& text : allowed) {
    if (auto origin = normalise_origin(text))
      allowed_.push_back(std::move(*origin));
    else if (!invalid_)
      invalid_ = text;
  }
}

bool origin_policy::allows(std::string_view origin, std::string_view host,
                           bool tls) const {
  auto theirs = normalise_origin(origin);
  if (!theirs)
    return false;
  if (std::find(allowed_.begin(), allowed_.end(), *theirs) != allowed_.end())
    return true;
  auto ours = normalise_origin((tls ? "https://" : "http://") + std::string{host});
  if (!ours || *ours != *theirs)
    return false;
  auto name = lower(host);
  return tls || is_loopback_name(split(name).first);
}

} // namespace weir::web
