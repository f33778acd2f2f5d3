#include "web/sessions.hpp"

#include <algorithm>

namespace weir::web {

session_registry::entries::iterator session_registry::find(entries& in,
                                                           const digest& id) {
  return std::find_if(in.begin(), in.end(),
                      [&](const entry& x) { return same_digest(x.id, id); });
}

void session_registry::add(entries& to, std::size_t max, const digest& id,
                           std::int64_t now_ns) {
  while (to.size() >= std::max<std::size_t>(max, 1))
    to.pop_front();
  to.push_back({id, now_ns, now_ns});
}

session_registry::link session_registry::make_link(std::int64_t now_ns) {
  link result{make_secret(), now_ns + limits_.link_life_ns};
  std::lock_guard guard{mutex_};
  add(links_, limits_.links_max, digest_of(result.token), now_ns);
  return result;
}

std::optional<std::string> session_registry::redeem(std::string_view token,
                                                    std::int64_t now_ns) {
  auto id = digest_of(token);
  std::lock_guard guard{mutex_};
  auto found = find(links_, id);
  if (found == links_.end())
    return std::nullopt;
  bool alive = now_ns - found->created_ns < limits_.link_life_ns;
  links_.erase(found);
  if (!alive)
    return std::nullopt;
  auto secret = make_secret();
  add(sessions_, limits_.sessions_max, digest_of(secret), now_ns);
  return secret;
}

bool session_registry::touch(std::string_view secret, std::int64_t now_ns) {
  return touch(digest_of(secret), now_ns);
}

bool session_registry::touch(const digest& session, std::int64_t now_ns) {
  std::lock_guard guard{mutex_};
  auto found = find(sessions_, session);
  if (found == sessions_.end())
    return false;
  if (now_ns - found->created_ns >= limits_.session_life_ns
      || now_ns - found->used_ns >= limits_.idle_max_ns) {
    sessions_.erase(found);
    return false;
  }
  found->used_ns = std::max(found->used_ns, now_ns);
  return true;
}

void session_registry::end(std::string_view secret) {
  auto id = digest_of(secret);
  std::lock_guard guard{mutex_};
  auto found = find(sessions_, id);
  if (found != sessions_.end())
    sessions_.erase(found);
}

std::size_t session_registry::links() const {
  std::lock_guard guard{mutex_};
  return links_.size();
}

std::size_t session_registry::sessions() const {
  std::lock_guard guard{mutex_};
  return sessions_.size();
}

} // namespace weir::web
