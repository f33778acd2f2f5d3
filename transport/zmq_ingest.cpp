#include "transport/zmq_ingest.hpp"

#include "transport/ingest_frames.hpp"
#include "transport/zap.hpp"
#include "transport/zmq_support.hpp"

#include <algorithm>
#include <atomic>
#include <list>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

namespace weir::transport {

namespace {

/// Taken per round and socket before the acknowledgements go out.
constexpr auto messages_per_round = 256;
constexpr std::string_view anonymous = "zmq";

/// One connection of a DEALER. ZeroMQ names each by a routing id of its own.
struct client {
  std::string routing_id;
  std::uint64_t through = 0; ///< Number of the last message taken.
  bool ack_due = false;
  bool complained = false; ///< on_error has heard of this one.
};

/// Remembers connections, least recently used last.
class client_table {
public:
  explicit client_table(std::size_t size_max) : size_max_{size_max} {
  }

  client& at(std::string_view routing_id) {
    // Runs of messages from one client are the rule.
    if (!clients_.empty() && clients_.front().routing_id == routing_id)
      return clients_.front();
    if (auto found = index_.find(routing_id); found != index_.end()) {
      clients_.splice(clients_.begin(), clients_, found->second);
      return clients_.front();
    }
    if (clients_.size() >= size_max_)
      erase(clients_.back().routing_id);
    clients_.push_front({std::string{routing_id}});
    index_.emplace(clients_.front().routing_id, clients_.begin());
    return clients_.front();
  }

  client* find(std::string_view routing_id) {
    auto found = index_.find(routing_id);
    return found == index_.end() ? nullptr : &*found->second;
  }

  void erase(std::string_view routing_id) {
    auto found = index_.find(routing_id);
    if (found == index_.end())
      return;
    auto position = found->second;
    index_.erase(found);
    clients_.erase(position);
  }

private:
  std::size_t size_max_;
  std::list<client> clients_;
  std::unordered_map<std::string_view, std::list<client>::iterator> index_;
};

} // namespace

struct zmq_ingest::impl {
  zmq_ingest_config config;
  zmq_handlers handlers;
  std::function<void(const error&)> on_error;

  // Destroyed from the last to the first: the context waits for the others.
  std::optional<zmq::context_t> context;
  wake_event wake;
  std::atomic<bool> stopping{false};
  std::optional<zap_handler> zap;
  zmq::socket_t router;
  zmq::socket_t pull;
  std::thread thread;

  client_table clients;
  std::vector<std::string> due; // Routing ids with an acknowledgement to send.
  zmq::message_t frame;         // Reused by every receive.
  zmq::message_t payload;
  bool is_unsettled = false;

  impl(zmq_ingest_config settings, zmq_handlers with,
       std::function<void(const error&)> complain)
    : config{std::move(settings)}, handlers{std::move(with)},
      on_error{std::move(complain)}, clients{
                                       std::max<std::size_t>(config.clients_max, 1)} {
  }

  void report(errc code, std::string message) {
    if (on_error)
      on_error(error{code, std::move(message)});
  }

  void open(zmq::socket_t& socket, zmq::socket_type type) {
    socket = zmq::socket_t{*context, type};
    set_limits(socket, config.message_bytes_max, config.receive_hwm);
    set_keys(socket, config.keys);
    if (type == zmq::socket_type::router)
      socket.set(zmq::sockopt::router_mandatory, true);
    if (zap)
      zap->watch(socket);
  }

  expected<zmq_bound_endpoints, error> open_all() {
    auto valid = validate(config.keys);
    if (!valid)
      return unexpected(valid.error());
    if (config.router_endpoint.empty() && config.pull_endpoint.empty())
      return unexpected(
        error{errc::invalid_config,
              "ZeroMQ ingest has neither router_endpoint nor pull_endpoint"});
    auto encrypted = config.keys.encrypted();
    auto at_router = std::string{};
    auto at_pull = std::string{};
    for (auto [from, to] : {std::pair{&config.router_endpoint, &at_router},
                            std::pair{&config.pull_endpoint, &at_pull}}) {
      if (from->empty())
        continue;
      auto usable = usable_endpoint(*from, encrypted);
      if (!usable)
        return unexpected(usable.error());
      *to = std::move(*usable);
    }
    context.emplace();
    if (encrypted)
      zap.emplace(*context, config.keys.allowed, [this] { wake.signal(); });
    if (!at_router.empty())
      open(router, zmq::socket_type::router);
    if (!at_pull.empty())
      open(pull, zmq::socket_type::pull);
    // Before the sockets are bound: until it runs, any key would get in.
    if (zap)
      if (auto started = zap->start(); !started)
        return unexpected(started.error());
    return bind_all(at_router, at_pull);
  }

  expected<zmq_bound_endpoints, error> bind_all(const std::string& at_router,
                                                const std::string& at_pull) {
    auto result = zmq_bound_endpoints{};
    if (router) {
      auto bound = listen_on(router, at_router);
      if (!bound)
        return unexpected(bound.error());
      result.router = std::move(*bound);
    }
    if (pull) {
      auto bound = listen_on(pull, at_pull);
      if (!bound)
        return unexpected(bound.error());
      result.pull = std::move(*bound);
    }
    return result;
  }

  void close() {
    zap.reset();
    router.close();
    pull.close();
    context.reset();
  }

  void run() {
    auto items = std::vector<zmq::pollitem_t>{{nullptr, wake.fd(), ZMQ_POLLIN, 0}};
    if (router)
      items.push_back({router.handle(), 0, ZMQ_POLLIN, 0});
    if (pull)
      items.push_back({pull.handle(), 0, ZMQ_POLLIN, 0});
    while (!stopping) {
      if (zmq_poll(items.data(), static_cast<int>(items.size()), -1) < 0) {
        if (zmq_errno() == EINTR)
          continue;
        report(errc::stopped,
               std::string{"ZeroMQ ingest has ended: "} + zmq_strerror(zmq_errno()));
        return;
      }
      if (items[0].revents != 0)
        wake.clear();
      if (router)
        drain_router();
      if (pull)
        drain_pull();
      if (zap)
        for (const auto& refusal : zap->take_refusals())
          report(refusal.code, refusal.message);
    }
  }

  void drain_router() {
    for (auto i = 0; i < messages_per_round && !stopping; ++i) {
      if (!try_receive(router, frame))
        break;
      take_numbered();
    }
    if (settle())
      send_acks();
    else
      forget_due();
  }

  /// One message of a DEALER; `frame` holds its routing id.
  void take_numbered() {
    if (!frame.more())
      return;
    auto& from = clients.at(frame.to_string_view());
    auto header = std::optional<std::uint64_t>{};
    if (try_receive(router, frame)) {
      header = decode_ingest_header(frame.to_string_view());
      if (!header || !frame.more()) {
        drop_rest(router, frame);
        complain(from, "sent a message that is not a header of "
                       "version 1 and a payload");
        return;
      }
    }
    if (!try_receive(router, payload) || payload.more()) {
      drop_rest(router, payload);
      complain(from, "sent a message of more than two frames");
      return;
    }
    schedule_ack(from);
    if (*header != from.through + 1) {
      // Its acknowledgement repeats what we have, so that a client that lost
      // messages between two connections sees it.
      complain(from, "sent message " + std::to_string(*header) + " where "
                       + std::to_string(from.through + 1)
                       + " was due: each connection counts from 1");
      return;
    }
    hand_over(payload);
    from.through = *header;
  }

  void complain(client& from, const std::string& what) {
    if (std::exchange(from.complained, true))
      return; // One line per connection is enough.
    report(errc::malformed, "a client of " + config.router_endpoint + " " + what);
  }

  void schedule_ack(client& from) {
    if (!std::exchange(from.ack_due, true))
      due.push_back(from.routing_id);
  }

  void hand_over(zmq::message_t& message) {
    auto name = user_id(message);
    handlers.take(name.empty() ? anonymous : name, message.to_string_view());
    is_unsettled = true;
  }

  bool settle() {
    return !std::exchange(is_unsettled, false) || !handlers.settle || handlers.settle();
  }

  void send_acks() {
    for (const auto& routing_id : due) {
      auto* to = clients.find(routing_id);
      if (to == nullptr)
        continue;
      to->ack_due = false;
      auto ack = encode_ingest_ack(to->through);
      auto sent = zmq_send(router.handle(), routing_id.data(), routing_id.size(),
                           ZMQ_SNDMORE | ZMQ_DONTWAIT);
      if (sent >= 0)
        sent = zmq_send(router.handle(), ack.data(), ack.size(), ZMQ_DONTWAIT);
      // EAGAIN: it does not read its acks; the next one will say it all.
      if (sent < 0 && zmq_errno() == EHOSTUNREACH)
        clients.erase(routing_id);
    }
    due.clear();
  }

  /// What they sent was not taken: no later acknowledgement may cover it.
  void forget_due() {
    for (const auto& routing_id : due)
      clients.erase(routing_id);
    due.clear();
  }

  void drain_pull() {
    for (auto i = 0; i < messages_per_round && !stopping; ++i) {
      if (!try_receive(pull, payload))
        break;
      if (payload.more()) {
        drop_rest(pull, payload);
        report(errc::malformed, "a client of " + config.pull_endpoint
                                  + " sent a message of more than one frame");
        continue;
      }
      hand_over(payload);
    }
    settle();
  }
};

zmq_ingest::zmq_ingest(zmq_ingest_config config, zmq_handlers handlers,
                       std::function<void(const error&)> on_error)
  : impl_{std::make_unique<impl>(std::move(config), std::move(handlers),
                                 std::move(on_error))} {
}

zmq_ingest::~zmq_ingest() {
  stop();
}

expected<zmq_bound_endpoints, error> zmq_ingest::start() {
  if (impl_->context)
    return unexpected(
      error{errc::invalid_config, "ZeroMQ ingest has been started before"});
  auto result = expected<zmq_bound_endpoints, error>{};
  try {
    result = impl_->open_all();
  } catch (const zmq::error_t& e) {
    result = unexpected(error{errc::invalid_config,
                              std::string{"cannot start ZeroMQ ingest: "} + e.what()});
  }
  if (!result) {
    impl_->close();
    return result;
  }
  impl_->thread = std::thread{[this] { impl_->run(); }};
  return result;
}

void zmq_ingest::stop() {
  impl_->stopping = true;
  impl_->wake.signal();
  if (impl_->thread.joinable())
    impl_->thread.join();
  impl_->close();
}

} // namespace weir::transport
