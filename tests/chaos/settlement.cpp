#include "tests/chaos/settlement.hpp"

#include <optional>
#include <thread>

namespace weir::chaos {

namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

/// Waits until the last windows are closed, sent and stored: the outbox is empty and
/// nothing new is stored for 3 s. False after `limit`.
bool wait_until_quiet(const world& system, std::chrono::milliseconds idle_timeout,
                      std::chrono::seconds limit) {
  auto deadline = steady::now() + limit;
  std::this_thread::sleep_for(idle_timeout + 1500ms);
  std::optional<std::uint64_t> before;
  for (auto quiet = 0; steady::now() < deadline;) {
    auto now = system.centre_progress();
    quiet = now && now == before && system.outbox_records() == std::uint64_t{0}
              ? quiet + 1
              : 0;
    if (quiet == 6)
      return true;
    before = now;
    std::this_thread::sleep_for(500ms);
  }
  return false;
}

/// The books of the centre must add up, and nothing may be missing any more.
void check_books(const read_store& store, settlement& result) {
  auto find = [&](std::string what) { result.findings.push_back(std::move(what)); };
  auto number = [](std::uint64_t x) { return std::to_string(x); };
  if (store.positions.size() != 1)
    find("the centre knows " + number(store.positions.size())
         + " epochs of the edge instead of one");
  for (auto& x : store.positions) {
    if (!x.books)
      continue;
    result.given_up += x.books->expired + x.books->shed;
    if (x.lane_numbers != 0)
      find("a lane of " + number(x.lane_numbers) + " numbers is still open");
    if (x.books->sum() != x.through_seq + x.lane_numbers)
      find("the ledger has fates for " + number(x.books->sum()) + " of "
           + number(x.through_seq + x.lane_numbers) + " numbers");
    if (x.books->sent_seq != x.through_seq)
      find("the ledger misses numbers: " + number(x.through_seq) + " of "
           + number(x.books->sent_seq) + " are there");
    if (x.books->coalesced + x.books->unreadable + x.books->violations > 0)
      find("the ledger has " + number(x.books->coalesced) + " coalesced, "
           + number(x.books->unreadable) + " unreadable, " + number(x.books->violations)
           + " violations");
  }
}

} // namespace

bool settlement::good() const {
  auto others = events;
  others.lost = 0;
  others.wide_missing = 0;
  return findings.empty() && others.good()
         && events.lost + events.wide_missing <= given_up;
}

settlement settle(world& system, const feeds& sources, const event_grid& grid,
                  const std::vector<std::unique_ptr<worker_ledger>>& ledgers,
                  std::chrono::milliseconds idle_timeout) {
  settlement result;
  for (auto& x : sources.all)
    if (!x->finish(60s))
      result.findings.push_back("a feed's last messages were not acknowledged in 60 s");
  if (!wait_until_quiet(system, idle_timeout, 120s))
    result.findings.push_back("the outbox was not empty after 120 s");
  for (auto x : {program::edge, program::centre, program::broker})
    if (auto status = system.stop(x); status != 0)
      result.findings.push_back(std::string{"the "} + to_string(x)
                                + " stopped with status " + std::to_string(status));
  auto store = read_whole_store(system.store_directory());
  result.events = compare(grid, ledgers, store, "edge-1");
  result.quarantined = store.quarantined;
  result.outbox_blocks = count_outbox_blocks(system.edge_directory() / "outbox");
  if (result.outbox_blocks > 0)
    result.findings.push_back(std::to_string(result.outbox_blocks)
                              + " blocks are left in the outbox");
  check_books(store, result);
  return result;
}

} // namespace weir::chaos
