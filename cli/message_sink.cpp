#include "cli/message_sink.hpp"

#include "transport/zmq_ingest.hpp"

#include <cstdio>
#include <thread>

namespace weir::cli {

namespace {

using namespace std::chrono_literals;

/// Also the most that is lost from a killed program's queue.
constexpr std::size_t pending_max = 1000;

void say(const std::string& line) {
  std::fprintf(stderr, "weir: %s\n", line.c_str());
}

/// Tells at once, then every ten seconds, that there is a wait.
class waiting_note {
public:
  void tell(const std::string& why) {
    auto now = std::chrono::steady_clock::now();
    if (now < next_)
      return;
    if (next_ != std::chrono::steady_clock::time_point{})
      say(why);
    next_ = now + 10s;
  }
  void reset() {
    next_ = {};
  }

private:
  std::chrono::steady_clock::time_point next_{};
};

class mqtt_sink final : public message_sink {
public:
  mqtt_sink(transport::mqtt_config config, stop_signal& stop)
    : uri_(config.uri), qos_(config.qos), stop_(stop),
      client_(std::move(config),
              {.on_message = nullptr,
               .on_state = [uri = uri_](bool up, const std::string& why) {
                 say(up ? "connected to " + uri
                        : "not connected to " + uri + ": " + why);
               }}) {
  }

  expected<void, transport::error> start() {
    return client_.start();
  }

  payload_form form() const override {
    return payload_form::json;
  }

  send_result send(const std::string& topic, const std::string& payload) override {
    for (;;) {
      auto done = client_.publish(topic, payload, qos_, false);
      if (done) {
        note_.reset();
        return send_result::sent;
      }
      if (done.error().code != transport::errc::queue_full) {
        say(done.error().message);
        return send_result::failed;
      }
      note_.tell("waiting for " + uri_ + ": "
                 + std::to_string(client_.publish_pending())
                 + " messages are not acknowledged yet");
      if (stop_.wait_for(2ms))
        return send_result::stopped;
    }
  }

  std::uint64_t finish(std::chrono::milliseconds deadline) override {
    auto until = std::chrono::steady_clock::now() + deadline;
    while (client_.publish_pending() > 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(2ms);
    auto left = client_.publish_pending();
    client_.stop(1s);
    return left;
  }

private:
  std::string uri_;
  int qos_;
  stop_signal& stop_;
  waiting_note note_;
  transport::mqtt_client client_;
};

class zmq_sink final : public message_sink {
public:
  zmq_sink(std::unique_ptr<transport::zmq_publisher> publisher, std::string endpoint,
           stop_signal& stop)
    : publisher_(std::move(publisher)), endpoint_(std::move(endpoint)), stop_(stop) {
  }

  payload_form form() const override {
    return payload_form::msgpack;
  }

  send_result send(const std::string&, const std::string& payload) override {
    for (;;) {
      auto done = publisher_->send(payload, 250ms);
      if (done) {
        sent_ += 1;
        note_.reset();
        return send_result::sent;
      }
      if (done.error().code != transport::errc::cannot_connect
          && done.error().code != transport::errc::queue_full) {
        say(done.error().message);
        return send_result::failed;
      }
      note_.tell("waiting for " + endpoint_ + ": " + done.error().message);
      if (stop_.requested())
        return send_result::stopped;
    }
  }

  std::uint64_t finish(std::chrono::milliseconds deadline) override {
    if (auto done = publisher_->drain(deadline); !done)
      say(done.error().message);
    return sent_ - publisher_->acknowledged();
  }

private:
  std::unique_ptr<transport::zmq_publisher> publisher_;
  std::string endpoint_;
  stop_signal& stop_;
  waiting_note note_;
  std::uint64_t sent_ = 0;
};

class stdout_sink final : public message_sink {
public:
  payload_form form() const override {
    return payload_form::json;
  }

  send_result send(const std::string&, const std::string& payload) override {
    auto complete
      = std::fwrite(payload.data(), 1, payload.size(), stdout) == payload.size()
        && std::fputc('\n', stdout) == '\n';
    if (!complete) {
      say("cannot write to standard output: its reader has gone, or the disk is "
          "full");
      return send_result::failed;
    }
    return send_result::sent;
  }

  std::uint64_t finish(std::chrono::milliseconds) override {
    return std::fflush(stdout) == 0 ? 0 : 1;
  }
};

} // namespace

expected<sink_ptr, std::string> make_mqtt_sink(mqtt_sink_config config,
                                               stop_signal& stop) {
  config.client.publish_pending_max = pending_max;
  auto result = std::make_unique<mqtt_sink>(std::move(config.client), stop);
  if (auto started = result->start(); !started)
    return unexpected(started.error().message);
  return sink_ptr{std::move(result)};
}

expected<sink_ptr, std::string> make_zmq_sink(zmq_sink_config config,
                                              stop_signal& stop) {
  auto endpoint = config.endpoint;
  auto publisher = transport::zmq_publisher::connect(
    {.endpoint = std::move(config.endpoint), .keys = std::move(config.keys)});
  if (!publisher)
    return unexpected(publisher.error().message);
  return sink_ptr{
    std::make_unique<zmq_sink>(std::move(*publisher), std::move(endpoint), stop)};
}

sink_ptr make_stdout_sink() {
  return std::make_unique<stdout_sink>();
}

} // namespace weir::cli
