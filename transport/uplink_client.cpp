// The thread and the socket around uplink_session, which decides everything.
#include "transport/uplink.hpp"

#include "transport/backoff.hpp"
#include "transport/uplink_messages.hpp"
#include "transport/uplink_session.hpp"
#include "transport/zmq_support.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace weir::transport {

namespace {

using clock = std::chrono::steady_clock;

/// Taken per round before new data is looked at.
constexpr auto messages_per_round = 256;

expected<std::string, error> check(const uplink_client_config& config,
                                   const uplink_client_callbacks& callbacks) {
  if (auto valid = validate(config.keys); !valid)
    return unexpected(valid.error());
  if (!config.keys.encrypted() && !is_peer_name(config.name))
    return unexpected(
      error{errc::invalid_config,
            "the uplink has no CURVE keys and its name \"" + config.name
              + "\" is not 1 to 64 of A-Z a-z 0-9 . _ -: set keys, or a name"});
  if (!callbacks.read_after)
    return unexpected(error{errc::invalid_config, "the uplink needs read_after"});
  auto endpoint = usable_endpoint(config.endpoint, config.keys.encrypted());
  if (endpoint && endpoint->ends_with('*'))
    return unexpected(error{errc::invalid_config, "uplink endpoint \"" + config.endpoint
                                                    + "\" has no port to connect to"});
  return endpoint;
}

uplink_session_config session_config(const uplink_client_config& config,
                                     std::uint64_t epoch, std::uint32_t run) {
  auto result = uplink_session_config{};
  result.peer = config.endpoint;
  result.epoch = epoch;
  result.run = run;
  result.window_bytes_max = std::max<std::size_t>(config.window_bytes_max, 1);
  result.backlog = config.backlog;
  result.backlog_bytes_per_s_max = config.backlog_bytes_per_s_max;
  result.heartbeat_interval = config.heartbeat_interval;
  result.silence_max = config.silence_max;
  result.resend_after = config.resend_after;
  result.backoff_min = config.backoff_min;
  result.backoff_max = config.backoff_max;
  result.seed = random_seed();
  return result;
}

uplink_session::sources session_sources(const uplink_client_callbacks& from) {
  auto result = uplink_session::sources{from.read_after, from.status, from.next_seq,
                                        from.on_behind, from.unsent_seq};
  if (!result.status)
    result.status = [] { return edge_status{}; };
  return result;
}

} // namespace

std::string_view to_string(link_state x) {
  switch (x) {
  case link_state::connecting:
    return "connecting";
  case link_state::up:
    return "up";
  case link_state::down:
    return "down";
  case link_state::refused:
    return "refused";
  }
  return "unknown";
}

struct uplink_client::impl {
  uplink_client_config config;
  std::uint64_t epoch;
  std::uint32_t run_number;
  uplink_client_callbacks callbacks;

  std::optional<uplink_session> session; // The thread's.
  std::optional<dealer_connection> link; // The thread's.
  wake_event wake;
  std::thread thread;
  std::atomic<bool> stopping{false};
  std::atomic<clock::rep> stop_at{0}; // Of `clock`; set before `stopping`.
  std::atomic<bool> complete{false};

  void run() {
    session->start(clock::now());
    for (;;) {
      auto now = clock::now();
      session->tick(now);
      act();
      if (stopping && finished(now))
        break;
      wait();
      take_changes();
      take_messages();
      act();
    }
    link->close();
  }

  bool finished(clock::time_point now) {
    complete = session->all_acknowledged();
    return complete || now.time_since_epoch().count() >= stop_at;
  }

  void wait() {
    auto until = session->next_tick();
    if (stopping)
      until = std::min(until, clock::time_point{clock::duration{stop_at}});
    auto left = std::chrono::ceil<std::chrono::milliseconds>(
      std::min(until - clock::now(), clock::duration{std::chrono::minutes{1}}));
    auto items = std::vector<zmq::pollitem_t>{{nullptr, wake.fd(), ZMQ_POLLIN, 0}};
    if (link->is_open()) {
      items.push_back({link->monitor_handle(), 0, ZMQ_POLLIN, 0});
      items.push_back({link->socket().handle(), 0, ZMQ_POLLIN, 0});
    }
    zmq_poll(items.data(), static_cast<int>(items.size()),
             std::max<std::int64_t>(left.count(), 0));
    if (items[0].revents != 0) {
      wake.clear();
      session->new_data(clock::now());
    }
  }

  void take_changes() {
    while (auto change = link->next_change()) {
      if (change->up)
        session->connected(clock::now());
      else
        session->lost(clock::now(), change->why, change->refused);
      act(); // It may close the link.
    }
  }

  void take_messages() {
    auto frame = zmq::message_t{};
    for (auto i = 0; i < messages_per_round && link->is_open()
                     && try_receive(link->socket(), frame);
         ++i) {
      drop_rest(link->socket(), frame);
      if (auto message = decode_uplink(frame.to_string_view()))
        session->received(clock::now(), *message);
      else
        session->received_unreadable(clock::now(), message.error().message);
      act();
    }
  }

  /// Does what the session wants, until it wants nothing more.
  void act() {
    for (auto actions = session->take_actions(); !actions.empty();
         actions = session->take_actions())
      for (auto& action : actions)
        std::visit([this](auto& x) { perform(x); }, action);
  }

  void perform(open_link&) {
    if (auto opened = link->open(); !opened)
      session->lost(clock::now(), opened.error().message, false);
  }

  void perform(close_link&) {
    link->close();
  }

  void perform(send_message& x) {
    if (!link->is_open())
      return;
    auto bytes = encode_uplink(x.message);
    // The session's window keeps the queue short: full means that nothing
    // moves.
    if (zmq_send(link->socket().handle(), bytes.data(), bytes.size(), ZMQ_DONTWAIT) < 0)
      session->lost(clock::now(), config.endpoint + " takes no more messages", false);
  }

  void perform(report_acked& x) {
    if (callbacks.on_ack)
      callbacks.on_ack(x.position);
  }

  void perform(report_missing& x) {
    if (callbacks.on_missing)
      callbacks.on_missing(x.first_seq, x.last_seq);
  }

  void perform(report_contact&) {
    if (callbacks.on_contact)
      callbacks.on_contact();
  }

  void perform(report_state& x) {
    if (callbacks.on_state)
      callbacks.on_state(x.state, x.why);
  }
};

uplink_client::uplink_client(uplink_client_config config, std::uint64_t epoch,
                             std::uint32_t run, uplink_client_callbacks callbacks)
  : impl_{std::make_unique<impl>()} {
  impl_->config = std::move(config);
  impl_->epoch = epoch;
  impl_->run_number = run;
  impl_->callbacks = std::move(callbacks);
}

uplink_client::~uplink_client() {
  stop(std::chrono::milliseconds{0});
}

expected<void, error> uplink_client::start() {
  auto& x = *impl_;
  auto endpoint = check(x.config, x.callbacks);
  if (!endpoint)
    return unexpected(endpoint.error());
  if (x.thread.joinable() || x.stopping)
    return unexpected(
      error{errc::invalid_config, "the uplink has been started before"});
  auto settings = dealer_connection::settings{};
  settings.endpoint = *endpoint;
  settings.keys = x.config.keys;
  if (!x.config.keys.encrypted())
    settings.routing_id = x.config.name;
  settings.message_bytes_max = uplink_message_bytes_max;
  x.link.emplace(std::move(settings));
  x.session.emplace(session_config(x.config, x.epoch, x.run_number),
                    session_sources(x.callbacks));
  x.thread = std::thread{[this] { impl_->run(); }};
  return {};
}

void uplink_client::notify() {
  impl_->wake.signal();
}

bool uplink_client::stop(std::chrono::milliseconds deadline) {
  impl_->stop_at = (clock::now() + deadline).time_since_epoch().count();
  impl_->stopping = true;
  impl_->wake.signal();
  if (impl_->thread.joinable())
    impl_->thread.join();
  return impl_->complete;
}

} // namespace weir::transport
