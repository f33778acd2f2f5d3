// One thread of our own connects, subscribes, publishes and reconnects; Paho's
// thread hands over messages and tells what became of our requests.
//
// Locks: Paho calls back with its own lock held and we then take `mutex`; so we
// never call Paho with `mutex` held.
#include "transport/mqtt_client.hpp"

#include "transport/backoff.hpp"
#include "transport/mqtt_settings.hpp"
#include "transport/state_reports.hpp"

#include <mqtt/async_client.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace weir::transport {

namespace {

using clock = std::chrono::steady_clock;

/// Given to Paho and not yet acknowledged. Small: what is not acknowledged when
/// a connection ends is sent again.
constexpr std::size_t in_flight_max = 100;
constexpr auto connect_limit = std::chrono::seconds{5};
constexpr auto disconnect_limit = std::chrono::seconds{1};

constexpr auto refused_user = "the broker refuses us: check user and password_file";

struct outgoing {
  std::uint64_t id = 0;
  mqtt::const_message_ptr message;
};

/// Numbers of requests travel through Paho as the user context.
void* as_context(std::uint64_t id) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(id));
}

/// MQTT 5's errors. Paho gives 255 for "none" where the connection is
/// MQTT 3.1.1.
bool is_refusal(int reason_code) {
  return reason_code >= mqtt::UNSPECIFIED_ERROR && reason_code < 255;
}

std::string explain(int reason_code) {
  if (reason_code == mqtt::BAD_USER_NAME_OR_PASSWORD
      || reason_code == mqtt::NOT_AUTHORIZED)
    return refused_user;
  return mqtt::exception::reason_code_str(reason_code);
}

std::string describe(const mqtt::token& token) {

  // MQTT 5's reasons come in one or the other.
  for (auto code : {static_cast<int>(token.get_reason_code()), token.get_return_code()})
    if (is_refusal(code))
      return explain(code);
  switch (token.get_return_code()) {
  case MQTTASYNC_FAILURE:
    return "nothing answers there, or not as it should";
  case 1: // MQTT 3.1.1's answers to CONNECT.
    return "the broker does not speak this version of MQTT";
  case 2:
    return "the broker does not accept the client_id";
  case 3:
    return "the broker is there, but not available";
  case 4:
  case 5:
    return refused_user;
  default:
    return mqtt::exception::error_str(token.get_return_code());
  }
}

} // namespace

struct mqtt_client::impl {
  struct connection;

  /// What became of the request that the thread waits for.
  struct answer {
    bool ok = false;
    std::string why;
  };

  mqtt_config config;
  mqtt_callbacks callbacks;
  mqtt_settings settings;
  state_reports<bool> reports; // The thread's.
  std::thread thread;

  mutable std::mutex mutex;
  std::condition_variable changed;
  // All below under the mutex.
  bool stopping = false;
  clock::time_point stop_at;
  std::deque<outgoing> queue;     // Not given to Paho yet.
  std::deque<outgoing> in_flight; // Given, in order.
  std::size_t window = in_flight_max;
  std::uint64_t next_id = 1;
  std::optional<std::string> lost; // The connection at hand has ended, and why.
  std::optional<answer> answered;
  std::optional<std::string> refusal; // Of a published message, to be reported.

  // -- the thread ------------------------------------------------------------

  void run();
  void serve(connection& link);
  std::optional<std::string> connect(connection& link);
  std::optional<std::string> subscribe(connection& link);
  void disconnect(connection& link);
  void set_window(const mqtt::properties& from_broker);
  void requeue_in_flight();
  mqtt::connect_options connect_options();

  /// Waits for `done()`, the given time, or the end, whichever comes first.
  template <class Done>
  void wait(std::unique_lock<std::mutex>& lock, clock::time_point until, Done done) {
    while (!done() && !over() && clock::now() < until)
      changed.wait_until(lock, stopping ? std::min(until, stop_at) : until);
  }

  void wait_for_answer(std::unique_lock<std::mutex>& lock, clock::time_point until) {
    wait(lock, until, [this] { return answered || lost; });
  }

  bool attempt_ended() const {
    auto guard = std::lock_guard{mutex};
    return answered.has_value();
  }

  bool can_publish() const {
    return !queue.empty() && in_flight.size() < window;
  }

  /// Told to stop, and either nothing is left to publish or the time is up.
  bool over() const {
    return stopping
           && (clock::now() >= stop_at || (queue.empty() && in_flight.empty()));
  }

  void report(bool up, const std::string& why) {
    if (callbacks.on_state && reports.worth_telling(up, why, clock::now()))
      callbacks.on_state(up, why);
  }
};

/// Paho's client for one connection, and for the attempts before it: made anew
/// after each, so that nothing of the one before (its queues, its tokens) can
/// come back.
struct mqtt_client::impl::connection final : mqtt::callback, mqtt::iaction_listener {
  impl& owner;
  mqtt::async_client client;

  explicit connection(impl& x)
    : owner{x}, client{x.settings.server_uri, x.config.client_id,
                       mqtt::create_options{x.config.version == 5 ? MQTTVERSION_5
                                                                  : MQTTVERSION_3_1_1},
                       nullptr} {
    client.set_callback(*this);
    client.set_disconnected_handler(
      [this](const mqtt::properties&, mqtt::ReasonCode code) noexcept {
        lose("the broker ended the connection: "
             + mqtt::exception::reason_code_str(code));
      });
  }

  void lose(const std::string& why) noexcept {
    {
      auto guard = std::lock_guard{owner.mutex};
      if (!owner.lost)
        owner.lost = why;
    }
    owner.changed.notify_all();
  }

  // -- mqtt::callback, on Paho's thread --------------------------------------

  void connection_lost(const std::string& cause) noexcept override {
    lose(cause.empty() ? "the connection to the broker was lost"
                       : "the connection to the broker was lost: " + cause);
  }

  void message_arrived(mqtt::const_message_ptr message) noexcept override {
    if (!owner.callbacks.on_message)
      return;
    const auto& payload = message->get_payload();
    auto result
      = mqtt_message{message->get_topic(), payload, message->is_retained(), false};
    if (payload.size() > owner.config.payload_bytes_max) {
      result.payload = {};
      result.oversized = true;
    }
    owner.callbacks.on_message(result);
  }

  // -- mqtt::iaction_listener, on Paho's thread ------------------------------

  void on_success(const mqtt::token& token) noexcept override {
    {
      auto guard = std::lock_guard{owner.mutex};
      if (token.get_type() == mqtt::token::PUBLISH)
        finish(token);
      else
        owner.answered = answer{true, {}};
    }
    owner.changed.notify_all();
  }

  void on_failure(const mqtt::token& token) noexcept override {
    {
      auto guard = std::lock_guard{owner.mutex};
      if (token.get_type() != mqtt::token::PUBLISH) {
        owner.answered = answer{false, describe(token)};
      } else if (is_refusal(token.get_reason_code())) {
        // It would refuse it for ever.
        owner.refusal = "the broker refused a message: " + describe(token);
        finish(token);
      } else if (!owner.lost) {
        owner.lost = "a message could not be sent: " + describe(token);
      }
    }
    owner.changed.notify_all();
  }

  void finish(const mqtt::token& token) {
    auto same
      = [&](const outgoing& x) { return as_context(x.id) == token.get_user_context(); };
    auto& sent = owner.in_flight;
    if (auto found = std::find_if(sent.begin(), sent.end(), same); found != sent.end())
      sent.erase(found);
  }
};

void mqtt_client::impl::run() {
  auto pause = backoff{config.backoff_min, config.backoff_max, random_seed()};
  // Kept from one failed attempt to the next: Paho takes up to a second to end
  // one.
  auto link = std::optional<connection>{};
  for (;;) {
    try {
      if (!link)
        link.emplace(*this);
      if (auto session = connect(*link)) {
        auto topics = subscribe(*link);
        if (topics) {
          pause.reset();
          report(true, "connected to " + config.uri + ", " + *session + *topics);
          serve(*link);
        }
        disconnect(*link);
        link.reset();
      } else if (!attempt_ended()) {
        link.reset();
      }
    } catch (const std::exception& e) {
      link.reset();
      report(false, config.uri + ": " + e.what());
    }
    requeue_in_flight();
    auto lock = std::unique_lock{mutex};
    wait(lock, clock::now() + pause.next(), [] { return false; });
    if (over())
      return;
  }
}

mqtt::connect_options mqtt_client::impl::connect_options() {
  auto result = mqtt::connect_options{};
  if (config.version == 5) {
    result.set_mqtt_version(MQTTVERSION_5);
    result.set_clean_start(false);
    auto seconds = static_cast<std::uint32_t>(config.session_expiry.count());
    result.set_properties(
      {{mqtt::property::SESSION_EXPIRY_INTERVAL, static_cast<std::int32_t>(seconds)}});
  } else {
    result.set_mqtt_version(MQTTVERSION_3_1_1);
    result.set_clean_session(false);
  }
  result.set_keep_alive_interval(config.keep_alive);
  result.set_connect_timeout(connect_limit);
  result.set_max_inflight(static_cast<int>(in_flight_max));
  result.set_automatic_reconnect(false);
  if (!config.user.empty())
    result.set_user_name(config.user);
  if (!settings.password.empty())
    result.set_password(settings.password);
  if (settings.tls) {
    auto tls = mqtt::ssl_options{};
    if (!config.tls.ca_file.empty())
      tls.set_trust_store(config.tls.ca_file.string());
    if (!config.tls.certificate_file.empty()) {
      tls.set_key_store(config.tls.certificate_file.string());
      tls.set_private_key(config.tls.key_file.string());
    }
    tls.set_enable_server_cert_auth(config.tls.verify_server);
    tls.set_verify(config.tls.verify_server);
    // Not set_error_handler(): Paho C++ 1.2 keeps the address of options that
    // are gone by the time of the error.
    result.set_ssl(tls);
  }
  return result;
}

/// What the broker said of the session, or nothing if there is no connection;
/// then `answered` tells whether Paho is done with the attempt.
std::optional<std::string> mqtt_client::impl::connect(connection& link) {
  {
    auto guard = std::lock_guard{mutex};
    lost.reset();
    answered.reset();
  }
  auto token = link.client.connect(connect_options(), nullptr, link);
  auto lock = std::unique_lock{mutex};
  wait_for_answer(lock, clock::now() + connect_limit + disconnect_limit);
  if (answered && answered->ok) {
    lock.unlock();
    auto response = token->get_connect_response();
    set_window(response.get_properties());
    return response.is_session_present()
             ? "the broker kept our session"
             : "new session: what was sent to us before is not coming";
  }
  if (over())
    return std::nullopt;
  auto why = answered ? answered->why : lost.value_or("no answer in time");
  if (settings.tls && answered)
    why += "; if it is there, it failed our check or we failed its: see ca_file, "
           "the names in its certificate, our certificate and both clocks";
  lock.unlock();
  report(false, "cannot connect to " + config.uri + ": " + why);
  return std::nullopt;
}

/// What to say about the subscriptions, or nothing if the connection was lost.
/// Subscribes on every one, whatever the broker says of the session: brokers
/// have lost subscriptions before.
std::optional<std::string> mqtt_client::impl::subscribe(connection& link) {
  if (config.topics.empty())
    return "";
  auto filters = mqtt::string_collection::create(config.topics);
  auto qos = mqtt::async_client::qos_collection(config.topics.size(), config.qos);
  auto options = std::vector<mqtt::subscribe_options>{};
  if (config.version == 5) // Or each reconnect would bring all retained ones.
    options.assign(config.topics.size(),
                   mqtt::subscribe_options{
                     false, false, mqtt::subscribe_options::SEND_RETAINED_ON_NEW});
  {
    auto guard = std::lock_guard{mutex};
    answered.reset();
  }
  auto token = link.client.subscribe(filters, qos, nullptr, link, options);
  auto refused = std::string{};
  {
    auto lock = std::unique_lock{mutex};
    // No time limit: the answer stands in line behind messages that on_message
    // works on.
    wait_for_answer(lock, clock::time_point::max());
    if (!answered)
      return std::nullopt;
    refused = answered->why;
  }
  if (refused.empty()) {
    auto codes = token->get_subscribe_response().get_reason_codes();
    for (std::size_t i = 0; i < codes.size() && i < config.topics.size(); ++i)
      if (codes[i] >= mqtt::UNSPECIFIED_ERROR) // In 3.1.1 and 5 alike.
        refused += (refused.empty() ? "" : ", ") + config.topics[i];
  }
  return refused.empty() ? refused : "; but it refused to subscribe us: " + refused;
}

/// Publishes until the connection is lost or the end has come.
void mqtt_client::impl::serve(connection& link) {
  auto lock = std::unique_lock{mutex};
  for (;;) {
    wait(lock, clock::time_point::max(),
         [this] { return lost || refusal || can_publish(); });
    if (auto why = std::exchange(refusal, std::nullopt)) {
      lock.unlock();
      report(true, *why);
      lock.lock();
    }
    if (lost || over())
      break;
    if (!can_publish())
      continue;
    in_flight.push_back(std::move(queue.front()));
    queue.pop_front();
    auto next = in_flight.back();
    lock.unlock();
    link.client.publish(next.message, as_context(next.id), link);
    lock.lock();
  }
  auto why = lost.value_or("");
  lock.unlock();
  if (!why.empty())
    report(false, why);
}

void mqtt_client::impl::disconnect(connection& link) {
  if (!link.client.is_connected())
    return;
  try {
    link.client.disconnect(mqtt::disconnect_options{})->wait_for(disconnect_limit);
  } catch (const mqtt::exception&) {
    // It was lost in the meantime: just as good.
  }
}

/// Beyond the broker's own limit Paho waits in a way that costs seconds.
void mqtt_client::impl::set_window(const mqtt::properties& from_broker) {
  auto limit = in_flight_max;
  if (from_broker.contains(mqtt::property::RECEIVE_MAXIMUM))
    limit = mqtt::get<std::uint16_t>(from_broker, mqtt::property::RECEIVE_MAXIMUM);
  auto guard = std::lock_guard{mutex};
  window = std::clamp<std::size_t>(limit, 1, in_flight_max);
}

void mqtt_client::impl::requeue_in_flight() {
  auto guard = std::lock_guard{mutex};
  while (!in_flight.empty()) {
    queue.push_front(std::move(in_flight.back()));
    in_flight.pop_back();
  }
}

// -- mqtt_client -------------------------------------------------------------

mqtt_client::mqtt_client(mqtt_config config, mqtt_callbacks callbacks)
  : impl_{std::make_unique<impl>()} {
  impl_->config = std::move(config);
  impl_->callbacks = std::move(callbacks);
}

mqtt_client::~mqtt_client() {
  stop(std::chrono::milliseconds{0});
}

expected<void, error> mqtt_client::start() {
  auto checked = check(impl_->config);
  if (!checked)
    return unexpected(checked.error());
  if (impl_->thread.joinable())
    return unexpected(
      error{errc::invalid_config, "the MQTT client has been started before"});
  impl_->settings = std::move(*checked);
  impl_->thread = std::thread{[this] { impl_->run(); }};
  return {};
}

expected<void, error> mqtt_client::publish(std::string topic, std::string payload,
                                           int qos, bool retain) {
  if (!is_topic_name(topic))
    return unexpected(
      error{errc::invalid_config,
            "cannot publish to \"" + topic + "\": a topic is UTF-8 without + and #"});
  if (qos != 0 && qos != 1)
    return unexpected(
      error{errc::invalid_config,
            "cannot publish with qos " + std::to_string(qos) + ": it must be 0 or 1"});
  if (payload.size() > impl_->config.payload_bytes_max)
    return unexpected(
      error{errc::too_large, "cannot publish " + std::to_string(payload.size())
                               + " bytes to " + topic + ": the limit is "
                               + std::to_string(impl_->config.payload_bytes_max)});
  auto message
    = mqtt::message::create(std::move(topic), std::move(payload), qos, retain);
  {
    auto guard = std::lock_guard{impl_->mutex};
    if (impl_->stopping)
      return unexpected(error{errc::stopped, "the MQTT client has stopped"});
    if (impl_->queue.size() + impl_->in_flight.size()
        >= impl_->config.publish_pending_max)
      return unexpected(error{
        errc::queue_full, std::to_string(impl_->config.publish_pending_max)
                            + " messages wait for " + impl_->config.uri + " already"});
    impl_->queue.push_back({impl_->next_id++, std::move(message)});
  }
  impl_->changed.notify_all();
  return {};
}

std::size_t mqtt_client::publish_pending() const {
  auto guard = std::lock_guard{impl_->mutex};
  return impl_->queue.size() + impl_->in_flight.size();
}

std::vector<mqtt_publication> mqtt_client::unpublished() const {
  auto guard = std::lock_guard{impl_->mutex};
  std::vector<mqtt_publication> result;
  for (const auto* messages : {&impl_->in_flight, &impl_->queue})
    for (const auto& x : *messages)
      result.push_back({x.message->get_topic(), x.message->to_string()});
  return result;
}

void mqtt_client::stop(std::chrono::milliseconds deadline) {
  {
    auto guard = std::lock_guard{impl_->mutex};
    if (!impl_->stopping)
      impl_->stop_at = clock::now() + deadline;
    impl_->stopping = true;
  }
  impl_->changed.notify_all();
  if (impl_->thread.joinable())
    impl_->thread.join();
}

} // namespace weir::transport
