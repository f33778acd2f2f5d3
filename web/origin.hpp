// Whether a request comes from a page of ours: the check against cross-site
// writes and cross-site WebSockets. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::web {

/// "scheme://host[:port]" in lower case and without the scheme's default port;
/// nothing if `text` is no http(s) origin ("null", a path behind it, user
/// info).
std::optional<std::string> normalise_origin(std::string_view text);

class origin_policy {
public:
  /// Entries that are no origin are left out; see invalid().
  explicit origin_policy(const std::vector<std::string>& allowed);

  /// The first entry that is no origin, or nothing.
  const std::optional<std::string>& invalid() const {
    return invalid_;
  }

  /// Whether `origin` (the header; not empty) is the server's own or allowed.
  /// Under TLS `host` (the Host header) is our own name: the certificate proves
  /// it. Without TLS only loopback names are, else any name that an attacker
  /// points at 127.0.0.1 would be ours (DNS rebinding).
  bool allows(std::string_view origin, std::string_view host, bool tls) const;

private:
  std::vector<std::string> allowed_; // Normalised.
  std::optional<std::string> invalid_;
};

} // namespace weir::web
