// A token bucket per address: how many failed logins it has left. Bounded. Used
// on one thread; time is a parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace weir::web {

struct rate_limit_config {
  double burst = 10.0;
  double per_second = 10.0 / 60.0;
  std::size_t addresses_max = 10'000;
};

class rate_limiter {
public:
  explicit rate_limiter(rate_limit_config config = {}) : config_(config) {
  }

  /// Whether `address` has a try left now.
  bool allows(const std::string& address, std::int64_t now_ns) const;

  /// Takes one try away.
  void spend(const std::string& address, std::int64_t now_ns);

  std::size_t size() const {
    return buckets_.size();
  }

private:
  struct bucket {
    double tokens = 0.0;
    std::int64_t at_ns = 0;
  };

  double level(const bucket& x, std::int64_t now_ns) const;
  void make_room(std::int64_t now_ns);

  rate_limit_config config_;
  std::unordered_map<std::string, bucket> buckets_;
};

} // namespace weir::web
