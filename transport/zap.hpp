// The ZAP handler: decides for one ZeroMQ context which CURVE keys may come in,
// and gives their messages the peer's name as "User-Id".
#pragma once

#include "transport/curve.hpp"
#include "transport/errors.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace zmq {
class context_t;
class socket_t;
} // namespace zmq

namespace weir::transport {

/// Owns one thread, which does nothing but this: a server that is busy with its
/// messages must not keep others from shaking hands.
class zap_handler {
public:
  /// Of those not yet taken, at most this many are kept; all are counted.
  static constexpr std::size_t refusals_max = 64;

  /// `on_refusal` is called on the handler's thread and must not block: a
  /// wake-up.
  zap_handler(zmq::context_t& context, std::vector<allowed_peer> allowed,
              std::function<void()> on_refusal);
  ~zap_handler(); ///< Ends the thread.

  /// Also reports connections to `server` that fail before they show a key,
  /// e.g. with a wrong server key or without CURVE. @pre Before start() and
  /// bind.
  void watch(zmq::socket_t& server);

  expected<void, error> start();

  /// The refusals since the last call. Any thread.
  std::vector<error> take_refusals();

  /// Any thread.
  std::uint64_t refused_total() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace weir::transport
