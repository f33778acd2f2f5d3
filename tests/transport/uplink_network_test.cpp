// A centre that keeps to the contract behind a network that does not: it loses, repeats
// and re-orders messages, cuts the connection, and what an earlier connection brought is
// stored after the next one has begun.
#include "tests/transport/centre_model.hpp"
#include "tests/transport/uplink_session_fixture.hpp"

#include <algorithm>
#include <deque>
#include <random>

using namespace weir::transport;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

struct world {
  explicit world(unsigned seed) : random{seed}, edge{config(seed)} {
    merges_holes = seed % 3 == 0;
    edge.session.start(edge.now);
    edge.collect();
  }

  static uplink_session_config config(unsigned seed) {
    auto result = session_fixture::make_config();
    constexpr std::size_t windows[] = {700, 1000, 5000, 20'000, 200'000};
    result.window_bytes_max = windows[seed % 5];
    result.backlog = seed % 4 == 0 ? backlog_mode::in_order : backlog_mode::live_first;
    result.backlog_bytes_per_s_max = seed % 7 == 0 ? 20'000 : 0;
    return result;
  }

  bool chance(int percent) {
    return static_cast<int>(random() % 100) < percent;
  }

  void add_records(int entries_max) {
    for (auto i = random() % static_cast<unsigned>(entries_max + 1); i > 0; --i)
      edge.box.add(1 + static_cast<std::uint32_t>(random() % 9), 30 + random() % 400);
  }

  void expire_oldest() {
    if (edge.box.entries.size() < 3)
      return;
    auto first = edge.box.entries.begin();
    edge.box.expire(first->first);
    auto second = std::next(first);
    if (!merges_holes || second->second.first_seq != first->second.last_seq() + 1)
      return;
    edge.box.expire(second->first);
    first->second.seq_span += second->second.seq_span;
    edge.box.entries.erase(second);
  }

  void answer(const uplink_message& message) {
    if (auto* hello = std::get_if<hello_message>(&message))
      to_edge.push_back(
        welcome_message{hello->epoch, centre.position(), credit(), 0, 0});
    else if (std::holds_alternative<status_message>(message))
      to_edge.push_back(pong_message{0, 0, credit()});
    else if (auto* batch = std::get_if<batch_message>(&message))
      to_store.push_back(*batch);
  }

  void store_some(std::size_t batches_max) {
    for (; batches_max > 0 && !to_store.empty(); --batches_max) {
      for (auto& x : to_store.front().entries)
        if (auto again = centre.take(x, to_store.front().live_lane))
          to_edge.push_back(resend_message{epoch, again->from_seq, again->live_lane});
      to_store.pop_front();
      to_edge.push_back(ack_message{epoch, centre.position(), credit()});
    }
  }

  std::uint64_t credit() {
    return faulty && chance(10) ? random() % 3000 : 1 << 20;
  }

  template <class Take>
  void carry(std::vector<uplink_message>& queue, Take take) {
    auto messages = std::exchange(queue, {});
    if (faulty && chance(20))
      std::shuffle(messages.begin(), messages.end(), random);
    for (auto& message : messages) {
      if (faulty && chance(8))
        continue;
      take(message);
      if (faulty && chance(8))
        take(message);
    }
  }

  void round() {
    edge.tick(100ms);
    check_window();
    if (std::exchange(edge.opened, 0) > 0)
      edge.connect();
    std::move(edge.sent.begin(), edge.sent.end(), std::back_inserter(to_centre));
    edge.sent.clear();
    carry(to_centre, [this](auto& x) { answer(x); });
    store_some(faulty ? random() % 4 : 1000);
    carry(to_edge, [this](auto& x) { edge.receive(x); });
    check_window();
    for (auto& position : std::exchange(edge.acked, {}))
      edge.box.acknowledge(position);
    if (std::exchange(edge.closed, 0) > 0) {
      to_centre.clear();
      to_edge.clear();
    }
  }

  /// Only a single entry may be larger than the window.
  void check_window() {
    constexpr std::size_t largest = 430 + beside;
    auto limit = std::max(edge.config.window_bytes_max, largest);
    CHECK(edge.session.in_flight_bytes() <= limit);
  }

  std::mt19937 random;
  session_fixture edge;
  centre_model centre;
  bool merges_holes = false;
  bool faulty = true;
  std::vector<uplink_message> to_centre;
  std::vector<uplink_message> to_edge;
  std::deque<batch_message> to_store; ///< Has come, and is not yet on disk.
};

} // namespace

TEST_CASE("every number arrives exactly once whatever the network",
          "[uplink_session]") {
  auto seed = GENERATE(range(1u, 141u));
  INFO("seed " << seed);
  auto w = world{seed};
  for (int outage = 0; outage < 4; ++outage) {
    w.edge.lose("cut");
    w.add_records(800); // An outage, at once.
    for (int i = 0; i < 150; ++i) {
      w.add_records(3);
      if (w.chance(1))
        w.edge.lose("cut");
      if (w.chance(2))
        w.expire_oldest();
      w.round();
    }
  }
  w.faulty = false;
  w.edge.box.add(1); // So that a hole at the end is told, too.
  for (int i = 0; i < 5000 && !w.edge.session.all_acknowledged(); ++i)
    w.round();

  CHECK(w.edge.session.all_acknowledged());
  CHECK(w.centre.position() == uplink_position{w.edge.box.next_seq - 1, 0, 0});
  CHECK(w.centre.violations == 0);
  CHECK(w.centre.numbers == w.edge.box.next_seq - 1);
  CHECK(w.edge.box.entries.empty());
  if (!w.merges_holes)
    CHECK(w.edge.missing.empty());
  if (w.edge.config.backlog == backlog_mode::in_order)
    CHECK(w.centre.lanes_opened == 0);
}
