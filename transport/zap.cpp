// ZAP 1.0, rfc.zeromq.org/spec/27. A request has 7 frames for CURVE: version,
// request id, domain, address, identity, mechanism, key (32 bytes).
#include "transport/zap.hpp"

#include "transport/zmq_support.hpp"

#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>

namespace weir::transport {

namespace {

constexpr std::size_t frames_max = 8;
constexpr auto failed_handshakes
  = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;

std::string raw_key(const std::string& text) {
  auto raw = std::array<std::uint8_t, 32>{};
  zmq_z85_decode(raw.data(), text.c_str());
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::string key_text(std::string_view raw) {
  auto text = std::array<char, 41>{};
  zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(raw.data()),
                 raw.size());
  return {text.data(), 40};
}

} // namespace

struct zap_handler::impl {
  zmq::context_t& context;
  std::function<void()> on_refusal;
  std::unordered_map<std::string, std::string> names; // By raw key.
  zmq::socket_t replies;
  std::deque<connection_monitor> monitors;
  wake_event stop;
  std::thread thread;
  std::atomic<std::uint64_t> refused{0};
  std::mutex mutex;
  std::vector<error> refusals; // Under the mutex.

  impl(zmq::context_t& ctx, std::function<void()> wake)
    : context{ctx}, on_refusal{std::move(wake)} {
  }

  void refuse(errc code, std::string why) {
    refused.fetch_add(1, std::memory_order_relaxed);
    {
      auto guard = std::lock_guard{mutex};
      if (refusals.size() < refusals_max)
        refusals.push_back({code, std::move(why)});
    }
    on_refusal();
  }

  void run() {
    auto items = std::vector<zmq::pollitem_t>{{replies.handle(), 0, ZMQ_POLLIN, 0},
                                              {nullptr, stop.fd(), ZMQ_POLLIN, 0}};
    for (auto& monitor : monitors)
      items.push_back({monitor.handle(), 0, ZMQ_POLLIN, 0});
    for (;;) {
      if (zmq_poll(items.data(), static_cast<int>(items.size()), -1) < 0) {
        if (zmq_errno() == EINTR)
          continue;
        return; // The context has ended.
      }
      if (items[1].revents != 0)
        return;
      answer_all();
      for (auto& monitor : monitors)
        while (auto event = monitor.next())
          refuse(errc::not_authorized,
                 "a connection broke off before it showed a key: the client "
                 "has no CURVE keys, or a wrong server_public_key");
    }
  }

  void answer_all() {
    auto frames = std::array<zmq::message_t, frames_max>{};
    while (try_receive(replies, frames[0])) {
      auto count = std::size_t{1};
      while (frames[count - 1].more() && count < frames_max
             && try_receive(replies, frames[count]))
        ++count;
      drop_rest(replies, frames[count - 1]);
      answer(frames, count);
    }
  }

  void answer(std::array<zmq::message_t, frames_max>& frames, std::size_t count) {
    auto request = count > 1 ? frames[1].to_string() : std::string{};
    auto address = count > 3 ? frames[3].to_string() : std::string{"unknown"};
    if (count != 7 || frames[5].to_string_view() != "CURVE" || frames[6].size() != 32) {
      refuse(errc::not_authorized, address + " came without a CURVE key");
      reply(request, "400", {});
      return;
    }
    auto found = names.find(frames[6].to_string());
    if (found != names.end()) {
      reply(request, "200", found->second);
      return;
    }
    refuse(errc::not_authorized, address + " came with the unknown key "
                                   + key_text(frames[6].to_string_view())
                                   + ": add it to the allow-list if it should come in");
    reply(request, "400", {});
  }

  void reply(const std::string& request, std::string_view status,
             const std::string& name) {
    auto text = status == "200" ? std::string_view{"OK"}
                                : std::string_view{"not in the allow-list"};
    auto more = zmq::send_flags::sndmore;
    replies.send(zmq::str_buffer("1.0"), more);
    replies.send(zmq::buffer(request), more);
    replies.send(zmq::buffer(status), more);
    replies.send(zmq::buffer(text), more);
    replies.send(zmq::buffer(name), more);
    replies.send(zmq::const_buffer{}, zmq::send_flags::none);
  }
};

zap_handler::zap_handler(zmq::context_t& context, std::vector<allowed_peer> allowed,
                         std::function<void()> on_refusal)
  : impl_{std::make_unique<impl>(context, std::move(on_refusal))} {
  for (auto& peer : allowed)
    impl_->names.emplace(raw_key(peer.public_key), std::move(peer.name));
}

zap_handler::~zap_handler() {
  impl_->stop.signal();
  if (impl_->thread.joinable())
    impl_->thread.join();
}

void zap_handler::watch(zmq::socket_t& server) {
  impl_->monitors.emplace_back(impl_->context, server, failed_handshakes);
}

expected<void, error> zap_handler::start() {
  try {
    impl_->replies = zmq::socket_t{impl_->context, zmq::socket_type::rep};
    impl_->replies.set(zmq::sockopt::linger, 0);
    impl_->replies.bind("inproc://zeromq.zap.01");
  } catch (const zmq::error_t& e) {
    return unexpected(
      error{errc::cannot_bind, std::string{"cannot start to check keys: "} + e.what()});
  }
  impl_->thread = std::thread{[this] {
    try {
      impl_->run();
    } catch (const zmq::error_t&) {
      // Only when the context ends under it: then there is nobody to check.
    }
  }};
  return {};
}

std::vector<error> zap_handler::take_refusals() {
  auto guard = std::lock_guard{impl_->mutex};
  return std::exchange(impl_->refusals, {});
}

std::uint64_t zap_handler::refused_total() const {
  return impl_->refused.load(std::memory_order_relaxed);
}

} // namespace weir::transport
