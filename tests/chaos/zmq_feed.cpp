#include "tests/chaos/feed.hpp"

#include "transport/zmq_ingest.hpp"

#include <deque>
#include <stdexcept>
#include <thread>

namespace weir::chaos {

namespace {

using namespace std::chrono_literals;

class zmq_feed final : public feed {
public:
  zmq_feed(feed_config config, worker_ledger& ledger)
    : config_(std::move(config)), ledger_(ledger) {
    transport::zmq_publisher::config settings;
    settings.endpoint = config_.endpoint;
    settings.window_max = config_.window_max;
    // As quick as can be: the time to the first ack after a kill is to be the edge's.
    settings.backoff_min = 10ms;
    settings.backoff_max = 30ms;
    auto publisher = transport::zmq_publisher::connect(std::move(settings));
    if (!publisher)
      throw std::runtime_error(publisher.error().message);
    publisher_ = std::move(*publisher);
    thread_ = std::thread{[this] { run(); }};
  }

  ~zmq_feed() override {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
  }

  bool finish(std::chrono::milliseconds limit) override {
    finish_limit_ = limit;
    finishing_ = true;
    thread_.join();
    return complete_;
  }

private:
  void run() {
    due_events due{config_.grid, config_.tick, config_.steps_max};
    auto deadline = std::chrono::steady_clock::time_point::max();
    while (!stopping_ && std::chrono::steady_clock::now() < deadline) {
      if (finishing_ && !ended_) {
        ended_ = true;
        due.end();
        deadline = std::chrono::steady_clock::now() + finish_limit_.load();
      }
      if (auto range = due.next(); range.first < range.last)
        send(range);
      else if (!publisher_->drain(2ms) || !pending_.empty())
        take_acks();
      else
        std::this_thread::sleep_for(1ms); // Nothing is due and nothing on its way.
      take_acks();
      if (due.done() && pending_.empty()) {
        complete_ = true;
        return;
      }
    }
  }

  void send(due_events::range range) {
    ledger_.sending(range.first, range.last);
    auto payload = config_.grid.payload(config_.worker, range.first, range.last);
    while (!publisher_->send(payload, 20ms)) { // Not taken: the window is full.
      take_acks();
      if (stopping_)
        return;
    }
    pending_.push_back(range);
  }

  void take_acks() {
    for (auto now = publisher_->acknowledged(); taken_ < now; ++taken_) {
      ledger_.acknowledged(pending_.front().first, pending_.front().last);
      pending_.pop_front();
      acknowledged_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  const feed_config config_;
  worker_ledger& ledger_;
  std::unique_ptr<transport::zmq_publisher> publisher_;
  std::deque<due_events::range> pending_;
  std::uint64_t taken_ = 0;
  bool ended_ = false;
  bool complete_ = false; // Read after join().
  std::atomic<std::chrono::milliseconds> finish_limit_{0ms};
  std::atomic<bool> finishing_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

} // namespace

std::unique_ptr<feed> make_zmq_feed(feed_config config, worker_ledger& ledger) {
  return std::make_unique<zmq_feed>(std::move(config), ledger);
}

} // namespace weir::chaos
