#include "actors/event_accounts.hpp"

#include "analytics/byte_io.hpp"

#include <algorithm>
#include <utility>

namespace weir::actors {

namespace {

constexpr std::uint8_t state_version = 1;

} // namespace

bool is_balanced(const event_account& x) {
  return x.received
         == x.taken + x.late + x.duplicates + x.quarantined + x.filtered + x.shed
              + x.held + x.in_flight;
}

event_accounts::fates
event_accounts::sum_of(const std::vector<analytics::shard_status>& shards) const {
  auto result = before_;
  for (const auto& x : shards) {
    result.inputs += x.inputs;
    // Derived events have a fate like others, but nobody handed them in.
    result.taken += x.events - std::min(x.events, x.derived);
    result.late += x.late;
    result.filtered += x.filtered + x.sampled_out + x.unconverted;
  }
  return result;
}

expected<void, std::string> event_accounts::restore(std::string_view state) {
  analytics::byte_reader in{state};
  if (in.get<std::uint8_t>() != state_version)
    return unexpected(std::string{"the saved accounts have another version"});
  fates x;
  x.inputs = in.get<std::uint64_t>();
  x.taken = in.get<std::uint64_t>();
  x.late = in.get<std::uint64_t>();
  x.filtered = in.get<std::uint64_t>();
  auto violations = in.get<std::uint64_t>();
  if (!in.ok() || !in.at_end())
    return unexpected(std::string{"the saved accounts are damaged"});
  std::lock_guard lock{mutex_};
  before_ = x;
  violations_ = violations;
  return {};
}

std::string event_accounts::at_cut(const node_state& node) {
  std::lock_guard lock{mutex_};
  auto sum = sum_of(node.shards);
  auto each_is_balanced
    = std::all_of(node.shards.begin(), node.shards.end(),
                  [](const auto& x) { return analytics::is_balanced(x); });
  auto difference = sum.inputs - node.gate.totals.accepted;
  auto is_new = difference != std::exchange(difference_, difference);
  if (is_new || !each_is_balanced) {
    ++violations_;
    newest_violation_ = "the gate let in " + std::to_string(node.gate.totals.accepted)
                        + " events, shards account for " + std::to_string(sum.inputs)
                        + ": " + std::to_string(sum.taken) + " taken, "
                        + std::to_string(sum.late) + " late, "
                        + std::to_string(sum.filtered) + " filtered";
  }
  std::string result;
  analytics::byte_writer out{result};
  out.put(state_version);
  for (auto number : {sum.inputs, sum.taken, sum.late, sum.filtered, violations_})
    out.put(number);
  return result;
}

event_account
event_accounts::now(const ingest_totals& gate,
                    const std::vector<analytics::shard_status>& shards) const {
  std::lock_guard lock{mutex_};
  auto sum = sum_of(shards);
  event_account result;
  result.received = gate.received;
  result.taken = sum.taken;
  result.late = sum.late;
  result.duplicates = gate.duplicates;
  result.quarantined = gate.quarantined();
  result.filtered = sum.filtered;
  result.shed = gate.shed;
  result.held = gate.held;
  result.in_flight = gate.accepted - std::min(gate.accepted, sum.inputs);
  return result;
}

std::uint64_t event_accounts::violations() const {
  std::lock_guard lock{mutex_};
  return violations_;
}

std::string event_accounts::newest_violation() const {
  std::lock_guard lock{mutex_};
  return newest_violation_;
}

} // namespace weir::actors
