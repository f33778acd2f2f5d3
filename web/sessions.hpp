// One-time links and the sessions that they become. Only hashes are kept, in
// memory: a restart ends all sessions. Thread-safe; time is a parameter.
#pragma once

#include "web/secrets.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace weir::web {

struct session_limits {
  std::size_t links_max = 100;     ///< The oldest is dropped.
  std::size_t sessions_max = 1000; ///< The oldest is dropped.
  std::int64_t link_life_ns = 15ll * 60 * 1'000'000'000;
  std::int64_t session_life_ns = 12ll * 3600 * 1'000'000'000;
  std::int64_t idle_max_ns = 30ll * 60 * 1'000'000'000;
};

class session_registry {
public:
  explicit session_registry(session_limits limits = {}) : limits_(limits) {
  }

  struct link {
    std::string token;
    std::int64_t expires_ns = 0;
  };
  link make_link(std::int64_t now_ns);

  /// Burns the token; the secret of a new session, or nothing for a token that
  /// is unknown, used or too old. Of many callers with one token, one gets a
  /// session.
  std::optional<std::string> redeem(std::string_view token, std::int64_t now_ns);

  /// Whether the session lives; counts as use of it.
  bool touch(std::string_view secret, std::int64_t now_ns);
  bool touch(const digest& session, std::int64_t now_ns);

  void end(std::string_view secret);

  std::size_t links() const;
  std::size_t sessions() const;

private:
  struct entry {
    digest id{};
    std::int64_t created_ns = 0;
    std::int64_t used_ns = 0;
  };
  using entries = std::list<entry>; // In order of making: the front is the oldest.

  static entries::iterator find(entries& in, const digest& id);
  static void add(entries& to, std::size_t max, const digest& id, std::int64_t now_ns);

  const session_limits limits_;
  mutable std::mutex mutex_;
  entries links_;
  entries sessions_;
};

} // namespace weir::web
