#include "transport/uplink.hpp"

#include "transport/uplink_answers.hpp"
#include "transport/uplink_credit.hpp"
#include "transport/uplink_messages.hpp"
#include "transport/zap.hpp"
#include "transport/zmq_support.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

namespace weir::transport {

namespace {

using clock = std::chrono::steady_clock;

constexpr auto messages_per_round = 256;
/// Received and not yet read, per edge: its window is bounded by bytes, this is
/// for those who do not keep to it.
constexpr auto receive_hwm = 64;
/// Greeted per round: each costs a look into the store, and when a fleet comes back
/// at once the edges that are up have to be heard all the same.
constexpr auto hellos_per_round = 64;
/// An edge that was silent for so long gives its place to another one.
constexpr auto forget_after = std::chrono::minutes{1};
/// How often all sessions are looked through; everything else is by edge.
constexpr auto review_interval = std::chrono::seconds{1};

std::int64_t wall_clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

/// The edge's newest connection, named by ZeroMQ's routing id.
struct edge_session {
  std::string routing_id;
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  uplink_credit::account credit;
  unanswered_batches unanswered;
  bool told_double = false; ///< on_error knows of a second live connection.
  bool told_excess = false; ///< on_error knows that it sends too much.
};

struct waiting_hello {
  std::string routing_id;
  hello_message hello;
};

template <class Value>
using by_edge = std::unordered_map<std::string, Value>;

} // namespace

struct uplink_server::impl {
  uplink_server_config config;
  uplink_server_callbacks callbacks;

  // Destroyed from the last to the first: the context waits for the others.
  std::optional<zmq::context_t> context;
  wake_event wake;
  std::atomic<bool> stopping{false};
  std::optional<zap_handler> zap;
  zmq::socket_t router;
  std::thread thread;

  // The thread's.
  by_edge<edge_session> sessions;
  std::optional<uplink_credit> credit;
  by_edge<waiting_hello> hellos; // The newest of each edge, at most edges_max.
  std::deque<std::string> hello_order;
  clock::time_point review_at{};
  clock::time_point make_room_at{};

  uplink_answers answers; // Of any thread.
  std::atomic<std::size_t> credit_total{0};

  void report(const std::string& edge, errc code, std::string message) {
    if (callbacks.on_error)
      callbacks.on_error(edge, error{code, std::move(message)});
  }

  // -- start and end ---------------------------------------------------------

  expected<std::string, error> open() {
    if (auto valid = validate(config.keys); !valid)
      return unexpected(valid.error());
    auto encrypted = config.keys.encrypted();
    auto endpoint = usable_endpoint(config.endpoint, encrypted);
    if (!endpoint)
      return unexpected(endpoint.error());
    credit.emplace(credit_total);
    context.emplace();
    router = zmq::socket_t{*context, zmq::socket_type::router};
    set_limits(router, config.message_bytes_max, receive_hwm);
    set_keys(router, config.keys);
    router.set(zmq::sockopt::router_mandatory, true);
    // Without keys the routing id is the edge's name, and a new connection
    // takes it from the one before. With keys nobody may take another's.
    router.set(zmq::sockopt::router_handover, !encrypted);
    if (encrypted) {
      zap.emplace(*context, config.keys.allowed, [this] { wake.signal(); });
      zap->watch(router);
      // Before the socket is bound: until it runs, any key would get in.
      if (auto started = zap->start(); !started)
        return unexpected(started.error());
    }
    return listen_on(router, *endpoint);
  }

  void close() {
    zap.reset();
    router.close();
    context.reset();
  }

  // -- the thread ------------------------------------------------------------

  void run() {
    while (!stopping) {
      zmq::pollitem_t items[]
        = {{nullptr, wake.fd(), ZMQ_POLLIN, 0}, {router.handle(), 0, ZMQ_POLLIN, 0}};
      if (zmq_poll(items, 2, poll_ms()) < 0) {
        if (zmq_errno() == EINTR)
          continue;
        report({}, errc::stopped,
               std::string{"the uplink server has ended: "}
                 + zmq_strerror(zmq_errno()));
        return;
      }
      if (items[0].revents != 0)
        wake.clear();
      review(clock::now());
      take_messages();
      greet_some();
      send_answers(clock::now());
      if (zap)
        for (const auto& refusal : zap->take_refusals())
          report({}, refusal.code, refusal.message);
    }
    send_answers(clock::now());
  }

  long poll_ms() const {
    if (!hello_order.empty())
      return 0;
    return answers.has_unsent() ? uplink_answers::retry_interval.count() : -1;
  }

  std::uint64_t grant(edge_session& session) {
    credit->set_total(credit_total);
    return credit->grant(session.credit);
  }

  /// Who was silent for long no longer counts when the credit is shared.
  void review(clock::time_point now) {
    if (now < review_at)
      return;
    review_at = now + review_interval;
    for (auto& [edge, session] : sessions)
      credit->check(session.credit, now);
  }

  void take_messages() {
    auto routing_id = zmq::message_t{};
    auto frame = zmq::message_t{};
    for (auto i = 0; i < messages_per_round && !stopping; ++i) {
      if (!try_receive(router, routing_id))
        return;
      if (!routing_id.more() || !try_receive(router, frame))
        continue;
      auto more = frame.more();
      drop_rest(router, frame);
      auto name = user_id(frame);
      if (!config.keys.encrypted())
        name = routing_id.to_string_view();
      take(std::string{name}, routing_id.to_string(), frame.to_string_view(), more);
    }
  }

  void take(const std::string& edge, const std::string& routing_id,
            std::string_view frame, bool more) {
    if (!is_peer_name(edge)) { // Only possible without keys.
      turn_away({}, routing_id, reject_code::not_authorized,
                "an edge without CURVE keys needs a name: 1 to 64 of "
                "A-Z a-z 0-9 . _ -");
      return;
    }
    if (more) {
      turn_away(edge, routing_id, reject_code::malformed,
                "a message has exactly one frame");
      return;
    }
    auto message = decode_uplink(frame);
    if (!message) {
      auto code = message.error().code == errc::unsupported
                    ? reject_code::unsupported_version
                    : reject_code::malformed;
      turn_away(edge, routing_id, code, message.error().message);
      return;
    }
    if (auto* hello = std::get_if<hello_message>(&*message)) {
      take_hello(edge, routing_id, std::move(*hello));
      return;
    }
    if (auto* session = session_of(edge, routing_id, *message))
      std::visit([&](auto& x) { on_message(edge, *session, x); }, *message);
  }

  /// The session that the message belongs to, if it is the edge's newest.
  edge_session* session_of(const std::string& edge, const std::string& routing_id,
                           const uplink_message& message) {
    auto found = sessions.find(edge);
    if (found == sessions.end()) {
      turn_away(edge, routing_id, reject_code::out_of_order,
                std::string{name_of(message)} + " came before hello");
      return nullptr;
    }
    auto& session = found->second;
    if (session.routing_id != routing_id) {
      if (!std::exchange(session.told_double, true))
        report(edge, errc::not_authorized,
               "two connections use the key of edge " + edge
                 + " at the same time; only the newer one counts: give each "
                   "edge its own key");
      return nullptr;
    }
    credit->heard(session.credit, clock::now());
    return &session;
  }

  void take_hello(const std::string& edge, const std::string& routing_id,
                  hello_message hello) {
    if (hello.wire_version < uplink_wire_version) {
      turn_away(edge, routing_id, reject_code::unsupported_version,
                "this centre speaks version " + std::to_string(uplink_wire_version)
                  + " of the link, the edge only " + std::to_string(hello.wire_version)
                  + ": update the edge");
      return;
    }
    if (hellos.size() >= config.edges_max && !hellos.contains(edge))
      return; // It will say it again.
    if (hellos.insert_or_assign(edge, waiting_hello{routing_id, std::move(hello)})
          .second)
      hello_order.push_back(edge);
  }

  void greet_some() {
    for (auto i = 0; i < hellos_per_round && !hello_order.empty(); ++i) {
      auto edge = std::move(hello_order.front());
      hello_order.pop_front();
      auto waiting = hellos.extract(edge);
      greet(edge, waiting.mapped().routing_id, waiting.mapped().hello);
    }
  }

  void greet(const std::string& edge, const std::string& routing_id,
             const hello_message& hello) {
    if (!sessions.contains(edge) && !make_room()) {
      turn_away(edge, routing_id, reject_code::not_authorized,
                "this centre already has its " + std::to_string(config.edges_max)
                  + " edges (edges_max)");
      return;
    }
    auto& session = sessions[edge];
    credit->leave(session.credit);
    // What an earlier connection brought may still wait for the store.
    auto unanswered = session.epoch == hello.epoch ? std::move(session.unanswered)
                                                   : unanswered_batches{};
    session = edge_session{routing_id, hello.epoch, hello.run};
    session.unanswered = std::move(unanswered);
    credit->heard(session.credit, clock::now());
    auto welcome = welcome_message{};
    welcome.epoch = hello.epoch;
    if (callbacks.on_hello)
      welcome.position = merged(callbacks.on_hello(
        edge, {hello.epoch, hello.run, hello.next_seq, hello.unsent_seq}));
    welcome.credit_bytes = grant(session);
    welcome.server_time_ns = wall_clock_ns();
    welcome.heartbeat_ms
      = static_cast<std::uint32_t>(config.heartbeat_interval.count());
    send(routing_id, welcome);
  }

  bool make_room() {
    if (sessions.size() < config.edges_max)
      return true;
    auto now = clock::now();
    if (now < make_room_at)
      return false; // All have been looked through just now.
    make_room_at = now + review_interval;
    for (auto& [edge, session] : sessions)
      credit->check(session.credit, now); // So none that goes still has a share.
    std::erase_if(sessions, [&](const auto& x) {
      return x.second.credit.heard_at < now - forget_after;
    });
    return sessions.size() < config.edges_max;
  }

  void on_message(const std::string& edge, edge_session& session, batch_message& x) {
    if (!same_epoch(edge, session, x.epoch) || !callbacks.on_batch)
      return;
    std::size_t size = 0;
    for (const auto& entry : x.entries)
      size += window_cost(entry);
    if (session.unanswered.take(x.entries.back().last_seq(), size, clock::now()))
      callbacks.on_batch(edge, x.epoch, x.live_lane, std::move(x.entries));
    else if (!std::exchange(session.told_excess, true))
      report(edge, errc::too_large,
             "edge " + edge
               + " sends more than its credit; what is too much is not taken");
  }

  void on_message(const std::string& edge, edge_session& session,
                  const status_message& x) {
    send(session.routing_id,
         pong_message{wall_clock_ns(), x.status.time_ns, grant(session)});
    if (callbacks.on_status)
      callbacks.on_status(edge, x.status);
  }

  template <class Other>
  void
  on_message(const std::string& edge, const edge_session& session, const Other& x) {
    turn_away(edge, session.routing_id, reject_code::out_of_order,
              std::string{name_of(uplink_message{x})} + " is not for an edge to say");
  }

  bool same_epoch(const std::string& edge, const edge_session& session,
                  std::uint64_t epoch) {
    if (session.epoch == epoch)
      return true;
    turn_away(edge, session.routing_id, reject_code::out_of_order,
              "records of another epoch than the hello's");
    return false;
  }

  void turn_away(const std::string& edge, const std::string& routing_id,
                 reject_code code, const std::string& reason) {
    send(routing_id, reject_message{code, reason});
    auto what = code == reject_code::not_authorized        ? errc::not_authorized
                : code == reject_code::unsupported_version ? errc::unsupported
                                                           : errc::malformed;
    report(edge, what,
           (edge.empty() ? "an edge" : "edge " + edge) + " was turned away: " + reason);
  }

  /// 0, or the error: EHOSTUNREACH is gone, EAGAIN does not read.
  int send(const std::string& routing_id, const uplink_message& message) {
    auto bytes = encode_uplink(message);
    if (zmq_send(router.handle(), routing_id.data(), routing_id.size(),
                 ZMQ_SNDMORE | ZMQ_DONTWAIT)
        < 0)
      return zmq_errno();
    zmq_send(router.handle(), bytes.data(), bytes.size(), ZMQ_DONTWAIT);
    return 0;
  }

  void send_answers(clock::time_point now) {
    for (auto& [edge, answer] : answers.take(now)) {
      auto found = sessions.find(edge);
      if (found == sessions.end() || found->second.epoch != answer.epoch)
        continue; // It will hear the position in its welcome.
      auto& session = found->second;
      note(session.unanswered, answer);
      auto code = answers.has_unsent(edge) ? EAGAIN : say(session, answer);
      if (code == EAGAIN) {
        answers.keep_unsent(edge, answer);
      } else if (code == EHOSTUNREACH) {
        credit->leave(session.credit);
        sessions.erase(found);
      }
    }
  }

  static void note(unanswered_batches& batches, const uplink_answer& answer) {
    if (answer.position)
      batches.acknowledged(*answer.position);
    for (const auto& from_seq : answer.resend_from)
      if (from_seq)
        batches.asked_again(*from_seq);
  }

  int say(edge_session& session, const uplink_answer& answer) {
    if (answer.position)
      if (auto code = send(session.routing_id,
                           ack_message{answer.epoch, *answer.position, grant(session)}))
        return code;
    for (std::size_t lane = 0; lane < answer.resend_from.size(); ++lane)
      if (auto from_seq = answer.resend_from[lane])
        if (auto code = send(session.routing_id,
                             resend_message{answer.epoch, *from_seq, lane == 1}))
          return code;
    return 0;
  }

  /// Any thread.
  void answer(const std::string& edge, const uplink_answer& x) {
    answers.put(edge, x);
    wake.signal();
  }
};

uplink_server::uplink_server(uplink_server_config config,
                             uplink_server_callbacks callbacks)
  : impl_{std::make_unique<impl>()} {
  impl_->config = std::move(config);
  impl_->credit_total = impl_->config.credit_bytes_total;
  impl_->callbacks = std::move(callbacks);
}

uplink_server::~uplink_server() {
  stop();
}

expected<std::string, error> uplink_server::start() {
  if (impl_->context)
    return unexpected(
      error{errc::invalid_config, "the uplink server has been started before"});
  auto result = expected<std::string, error>{};
  try {
    result = impl_->open();
  } catch (const zmq::error_t& e) {
    result
      = unexpected(error{errc::invalid_config,
                         std::string{"cannot start the uplink server: "} + e.what()});
  }
  if (!result) {
    impl_->close();
    return result;
  }
  impl_->thread = std::thread{[this] { impl_->run(); }};
  return result;
}

void uplink_server::acknowledge(const std::string& edge, std::uint64_t epoch,
                                const uplink_position& position) {
  impl_->answer(edge, {epoch, merged(position)});
}

void uplink_server::resend(const std::string& edge, std::uint64_t epoch,
                           std::uint64_t from_seq, bool live_lane) {
  auto x = uplink_answer{epoch};
  x.resend_from[live_lane ? 1 : 0] = from_seq;
  impl_->answer(edge, x);
}

void uplink_server::set_credit_total(std::size_t bytes) {
  impl_->credit_total = bytes;
}

void uplink_server::stop() {
  impl_->stopping = true;
  impl_->wake.signal();
  if (impl_->thread.joinable())
    impl_->thread.join();
  impl_->close();
}

} // namespace weir::transport
