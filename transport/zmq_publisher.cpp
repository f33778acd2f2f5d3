#include "transport/backoff.hpp"
#include "transport/ingest_frames.hpp"
#include "transport/zmq_ingest.hpp"
#include "transport/zmq_support.hpp"

#include <algorithm>
#include <deque>
#include <vector>

namespace weir::transport {

namespace {

using clock = std::chrono::steady_clock;

/// A name that does not resolve, for one, gives no event at all.
constexpr auto connect_limit = std::chrono::seconds{10};

int poll_ms(clock::time_point until) {
  auto left
    = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

} // namespace

struct zmq_publisher::impl {
  config settings;
  dealer_connection link; // DEALER only.
  backoff pause;
  clock::time_point retry_at = clock::now();
  clock::time_point give_up_at;
  bool up = false;
  bool refused = false;
  std::string why = "not connected yet";

  // What was not acknowledged yet; the front has the number `first` on the
  // connection at hand, and the first `sent` of them are on their way.
  std::deque<std::string> window;
  std::uint64_t first = 1;
  std::size_t sent = 0;
  std::uint64_t acknowledged = 0;
  std::vector<std::string> spare; // Buffers for the next messages.

  // PUSH only.
  zmq::context_t context;
  zmq::socket_t push;

  impl(config what, std::string endpoint)
    : settings{std::move(what)}, link{{endpoint, settings.keys, {}, 1024, 10'000}},
      pause{settings.backoff_min, settings.backoff_max, random_seed()} {
    settings.endpoint = std::move(endpoint);
  }

  // -- DEALER ----------------------------------------------------------------

  /// Does what can be done without waiting.
  void work() {
    if (!link.is_open() && clock::now() >= retry_at) {
      up = false;
      if (auto opened = link.open(); !opened)
        lose(opened.error().message, false);
      give_up_at = clock::now() + connect_limit;
    }
    while (auto change = link.next_change()) {
      if (change->up) {
        up = true;
        refused = false;
        pause.reset();
      } else {
        lose(change->why, change->refused);
      }
    }
    if (!up && link.is_open() && clock::now() >= give_up_at)
      lose("no answer from " + settings.endpoint, false);
    if (up)
      receive_acks();
    if (up)
      send_window();
  }

  void lose(std::string reason, bool for_good) {
    link.close();
    up = false;
    refused = for_good;
    why = std::move(reason);
    first = 1; // The next connection counts anew.
    sent = 0;
    retry_at = clock::now() + pause.next();
  }

  void receive_acks() {
    auto frame = zmq::message_t{};
    while (up && try_receive(link.socket(), frame)) {
      auto through = decode_ingest_ack(frame.to_string_view());
      drop_rest(link.socket(), frame);
      if (!through || *through >= first + sent || *through + 1 < first) {
        lose(settings.endpoint + " acknowledged what was not sent", false);
        return;
      }
      for (; first <= *through; ++first, --sent, ++acknowledged) {
        spare.push_back(std::move(window.front()));
        window.pop_front();
      }
    }
  }

  void send_window() {
    auto* to = link.socket().handle();
    while (sent < window.size()) {
      auto header = encode_ingest_header(first + sent);
      const auto& payload = window[sent];
      if (zmq_send(to, header.data(), header.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return; // The network is behind; poll says when it goes on.
      zmq_send(to, payload.data(), payload.size(), ZMQ_DONTWAIT);
      ++sent;
    }
  }

  /// Works until `done()` or the deadline is over.
  template <class Done>
  bool work_until(clock::time_point deadline, Done done) {
    for (;;) {
      work();
      if (done())
        return true;
      if (refused || clock::now() >= deadline)
        return false;
      auto items = std::vector<zmq::pollitem_t>{};
      if (link.is_open()) {
        auto events = ZMQ_POLLIN;
        if (up && sent < window.size())
          events |= ZMQ_POLLOUT;
        items.push_back({link.monitor_handle(), 0, ZMQ_POLLIN, 0});
        items.push_back({link.socket().handle(), 0, static_cast<short>(events), 0});
      }
      auto until = deadline;
      if (!up)
        until = std::min(deadline, link.is_open() ? give_up_at : retry_at);
      zmq_poll(items.data(), static_cast<int>(items.size()), poll_ms(until));
    }
  }

  error failure() const {
    return error{refused ? errc::not_authorized : errc::cannot_connect, why};
  }

  expected<void, error> send_numbered(std::string_view payload,
                                      clock::time_point deadline) {
    auto room = [this] { return window.size() < settings.window_max; };
    if (!room() && !work_until(deadline, room)) {
      if (up)
        why = settings.endpoint + " does not acknowledge: its window of "
              + std::to_string(settings.window_max) + " messages is full";
      return unexpected(failure());
    }
    auto buffer = std::string{};
    if (!spare.empty()) {
      buffer = std::move(spare.back());
      spare.pop_back();
    }
    buffer.assign(payload);
    window.push_back(std::move(buffer));
    work();
    return {};
  }

  expected<void, error> drain_numbered(clock::time_point deadline) {
    if (work_until(deadline, [this] { return window.empty(); }))
      return {};
    if (up)
      why = settings.endpoint + " has not acknowledged " + std::to_string(window.size())
            + " messages in time";
    return unexpected(failure());
  }

  // -- PUSH ------------------------------------------------------------------

  void open_push() {
    push = zmq::socket_t{context, zmq::socket_type::push};
    set_limits(push, 1024, 1000);
    set_keys(push, settings.keys);
    allow_ipv6(push, settings.endpoint);
    push.set(zmq::sockopt::immediate, true);
    push.set(zmq::sockopt::reconnect_ivl,
             static_cast<int>(settings.backoff_min.count()));
    push.set(zmq::sockopt::reconnect_ivl_max,
             static_cast<int>(settings.backoff_max.count()));
    push.connect(settings.endpoint);
  }

  expected<void, error> send_plain(std::string_view payload,
                                   std::chrono::milliseconds timeout) {
    if (!push)
      open_push();
    push.set(zmq::sockopt::sndtimeo, static_cast<int>(timeout.count()));
    if (push.send(zmq::buffer(payload), zmq::send_flags::none))
      return {};
    return unexpected(error{errc::cannot_connect,
                            settings.endpoint + " took no message within "
                              + std::to_string(timeout.count())
                              + " ms: nothing listens there, or it refuses our key"});
  }

  /// ZeroMQ tells nothing about what is left in a PUSH socket but by the time
  /// that its context takes to end; the next send() makes new ones.
  expected<void, error> drain_plain(std::chrono::milliseconds timeout) {
    if (!push)
      return {};
    auto deadline = clock::now() + timeout;
    push.set(zmq::sockopt::linger, static_cast<int>(timeout.count()));
    push.close();
    context.close();
    context = zmq::context_t{};
    if (clock::now() < deadline)
      return {};
    return unexpected(
      error{errc::cannot_connect, settings.endpoint + " did not take all "
                                    + "messages within "
                                    + std::to_string(timeout.count()) + " ms"});
  }
};

zmq_publisher::zmq_publisher(std::unique_ptr<impl> state) : impl_{std::move(state)} {
}

zmq_publisher::~zmq_publisher() = default;

expected<std::unique_ptr<zmq_publisher>, error>
zmq_publisher::connect(config settings) {
  if (auto valid = validate(settings.keys); !valid)
    return unexpected(valid.error());
  auto endpoint = usable_endpoint(settings.endpoint, settings.keys.encrypted());
  if (!endpoint)
    return unexpected(endpoint.error());
  if (endpoint->ends_with('*'))
    return unexpected(error{errc::invalid_config, "endpoint \"" + settings.endpoint
                                                    + "\" has no port to connect to"});
  if (settings.window_max == 0)
    return unexpected(error{errc::invalid_config, "window_max must be > 0"});
  auto state = std::make_unique<impl>(std::move(settings), std::move(*endpoint));
  try {
    if (state->settings.acknowledged)
      state->work();
    else
      state->open_push();
  } catch (const zmq::error_t& e) {
    return unexpected(
      error{errc::invalid_config,
            "cannot connect to " + state->settings.endpoint + ": " + e.what()});
  }
  return std::unique_ptr<zmq_publisher>{new zmq_publisher{std::move(state)}};
}

expected<void, error> zmq_publisher::send(std::string_view payload,
                                          std::chrono::milliseconds timeout) {
  if (payload.size() > impl_->settings.message_bytes_max)
    return unexpected(
      error{errc::too_large, "a message of " + std::to_string(payload.size())
                               + " bytes is beyond message_bytes_max = "
                               + std::to_string(impl_->settings.message_bytes_max)});
  try {
    return impl_->settings.acknowledged
             ? impl_->send_numbered(payload, clock::now() + timeout)
             : impl_->send_plain(payload, timeout);
  } catch (const zmq::error_t& e) {
    return unexpected(
      error{errc::cannot_connect, impl_->settings.endpoint + ": " + e.what()});
  }
}

expected<void, error> zmq_publisher::drain(std::chrono::milliseconds timeout) {
  try {
    return impl_->settings.acknowledged ? impl_->drain_numbered(clock::now() + timeout)
                                        : impl_->drain_plain(timeout);
  } catch (const zmq::error_t& e) {
    return unexpected(
      error{errc::cannot_connect, impl_->settings.endpoint + ": " + e.what()});
  }
}

std::uint64_t zmq_publisher::acknowledged() const {
  return impl_->acknowledged;
}

} // namespace weir::transport
