#include "tests/simulation/simulated_link.hpp"

#include <algorithm>
#include <utility>

namespace weir::simulation {

simulated_link::simulated_link(virtual_time& time, seeded random, link_config config,
                               ends to)
  : time_(time), random_(random), config_(config), ends_(std::move(to)) {
}

std::uint64_t simulated_link::open() {
  connection_ = ++opened_;
  time_.after(random_.between(config_.latency_min_ns, config_.latency_max_ns),
              [this, mine = connection_] {
                if (connection_ != mine)
                  return;
                if (!is_cut_ && ends_.centre_listens()) {
                  ++counters_.connections;
                  ends_.on_connected(mine);
                } else if (!is_cut_ || random_.chance(0.3)) {
                  break_connection(); // Refused; else nobody answers at all.
                }
              });
  return connection_;
}

void simulated_link::close() {
  connection_ = 0;
}

void simulated_link::break_connection() {
  if (auto was = std::exchange(connection_, 0); was != 0)
    ends_.on_lost(was);
}

void simulated_link::cut() {
  is_cut_ = true;
  if (random_.chance(0.5))
    break_connection();
}

void simulated_link::heal() {
  is_cut_ = false;
}

void simulated_link::send_to_centre(std::string bytes) {
  if (connection_ != 0)
    send(to_centre, connection_, std::move(bytes));
}

void simulated_link::send_to_edge(std::uint64_t connection, std::string bytes) {
  if (connection == connection_ && connection != 0)
    send(to_edge, connection, std::move(bytes));
}

void simulated_link::send(direction where, std::uint64_t connection,
                          std::string bytes) {
  ++counters_.messages;
  counters_.bytes += bytes.size();
  if (is_cut_ || random_.chance(config_.loss)) {
    ++counters_.lost;
    return;
  }
  if (random_.chance(config_.duplication)) {
    ++counters_.duplicated;
    deliver_later(where, connection, bytes);
  }
  deliver_later(where, connection, std::move(bytes));
}

void simulated_link::deliver_later(direction where, std::uint64_t connection,
                                   std::string bytes) {
  auto arrival_ns
    = time_.now_ns() + random_.between(config_.latency_min_ns, config_.latency_max_ns);
  auto& last_ns = last_arrival_ns_[where];
  if (random_.chance(config_.reordering)) {
    ++counters_.reordered;
    arrival_ns += random_.between(0, config_.overtaken_by_ns);
  } else {
    arrival_ns = last_ns = std::max(arrival_ns, last_ns);
  }
  time_.at(arrival_ns, [this, where, connection, x = std::move(bytes)] {
    if (is_cut_) {
      ++counters_.lost;
    } else if (where == to_centre) {
      ends_.to_centre(connection, x); // Also of a connection that has ended meanwhile.
    } else if (connection == connection_) {
      ends_.to_edge(connection, x);
    }
  });
}

} // namespace weir::simulation
