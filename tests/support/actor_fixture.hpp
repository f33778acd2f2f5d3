// A CAF system that runs on the test thread alone: no worker threads, no real time.
// Nothing happens until a test calls run() or advance().
#pragma once

#include "actors/messages.hpp"

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace weir::test {

class actor_fixture {
public:
  actor_fixture()
    : sys(init(cfg)),
      sched(dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler())),
      self(sys, true) { // Hidden: must not count as a running actor.
  }

  /// Ends all actors first: a self-rearming timer would keep the scheduler spinning
  /// in its stop(), and a live actor would block ~actor_system().
  ~actor_fixture() {
    for (auto& x : owned_)
      caf::anon_send_exit(x, caf::exit_reason::kill);
    run();
  }

  /// Spawns an actor that this fixture ends after the test, and lets it start: CAF
  /// builds a behavior on first resume, and timers count from there.
  template <class F, class... Ts>
  auto spawn(F fun, Ts&&... xs) {
    auto hdl = sys.spawn(std::move(fun), std::forward<Ts>(xs)...);
    owned_.push_back(caf::actor_cast<caf::actor>(hdl));
    run();
    return hdl;
  }

  /// Delivers messages until all mailboxes are empty; time stands still.
  void run() {
    sched.run();
  }

  /// Moves the clock, then delivers what fell due.
  void advance(std::chrono::nanoseconds delta) {
    sched.advance_time(delta);
    run();
  }

  /// Sends a request, runs the system, and returns the reply. Never blocks: an actor
  /// that stays silent yields `sec::request_timeout`.
  template <class Reply, class Handle, class... Ts>
  caf::expected<Reply> ask(const Handle& hdl, Ts&&... xs) {
    auto pending = self->request(hdl, caf::infinite, std::forward<Ts>(xs)...);
    run();
    caf::expected<Reply> result{caf::sec::request_timeout};
    if (self->peek_at_next_mailbox_element() != nullptr)
      pending.receive([&](Reply& x) { result = std::move(x); },
                      [&](caf::error& err) { result = std::move(err); });
    return result;
  }

private:
  static caf::actor_system_config& init(caf::actor_system_config& cfg) {
    cfg.set("scheduler.policy", caf::atom("testing"));
    cfg.set("logger.file-verbosity", caf::atom("quiet"));
    return cfg;
  }

  caf::actor_system_config cfg; // Before sys: order of construction matters.
  std::vector<caf::actor> owned_;

public:
  caf::actor_system sys;
  caf::scheduler::test_coordinator& sched;
  caf::scoped_actor self;
};

} // namespace weir::test
