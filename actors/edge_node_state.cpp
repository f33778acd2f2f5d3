// The part of an EDGE NODE that keeps its shards' state over a stop, and changes what
// they do.
#include "actors/edge_node_impl.hpp"

#include "actors/log.hpp"
#include "analytics/byte_io.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <set>
#include <string>
#include <thread>
#include <utility>

namespace weir::actors {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Names of the parts of a checkpoint.
constexpr std::string_view gate_part = "gate";
constexpr std::string_view accounts_part = "accounts";
constexpr std::string_view alerts_part = "alerts"; // Not yet with their broker.
constexpr std::string_view shard_part = "shard/";  // Then its number.

constexpr std::size_t replay_batch_events = 4096;

/// The state of format version 1: u64 size and bytes of each shard.
std::vector<std::string_view> shards_of_version_1(std::string_view saved) {
  std::vector<std::string_view> result;
  analytics::byte_reader in{saved};
  while (!in.at_end()) {
    auto bytes = in.get_bytes(in.get<std::uint64_t>());
    if (in.ok())
      result.push_back(bytes);
  }
  return result;
}

} // namespace

std::vector<storage::state_part> edge_node::impl::node_parts(const node_state& node) {
  std::vector<storage::state_part> result;
  result.push_back({std::string{gate_part}, node.gate.state});
  auto violations = accounts.violations();
  result.push_back({std::string{accounts_part}, accounts.at_cut(node)});
  if (accounts.violations() != violations)
    log_error("the ledger does not add up: {}. Please report this with the log.",
              accounts.newest_violation());
  if (alert_client)
    result.push_back({std::string{alerts_part}, unpublished_alerts()});
  return result;
}

/// Alerts that a crash now would keep from their broker.
std::string edge_node::impl::unpublished_alerts() const {
  // Those of this checkpoint may still be on the way to the publisher.
  auto until = steady_clock::now() + milliseconds{100};
  while (alerts->taken < alerts->handed && steady_clock::now() < until)
    std::this_thread::sleep_for(milliseconds{1});
  std::string result;
  analytics::byte_writer out{result};
  for (const auto& x : alert_client->unpublished()) {
    out.put_text(x.topic);
    out.put_text(x.payload);
  }
  return result;
}

void edge_node::impl::publish_again(std::string_view saved) {
  if (!alert_client)
    return;
  analytics::byte_reader in{saved};
  while (!in.at_end()) {
    auto topic = in.get_text();
    auto payload = in.get_text();
    if (in.ok())
      static_cast<void>(
        alert_client->publish(std::string{topic}, std::string{payload}, 1, false));
  }
}

void edge_node::impl::restore_state() {
  replay_batches.resize(config.shards);
  auto saved = outbox->load_checkpoint();
  if (saved && *saved) {
    if (!restore_checkpoint(**saved)) {
      static_cast<void>(outbox->drop_checkpoint());
      static_cast<void>(outbox->begin_run());
    }
    return;
  }
  if (!saved) {
    log_error("the last checkpoint cannot be read: {}. It has been set aside; windows "
              "start anew from what the journal holds.",
              saved.error().message);
    static_cast<void>(outbox->drop_checkpoint());
    static_cast<void>(outbox->begin_run());
    ++files_set_aside;
  } else if (auto old = outbox->legacy_state(); old && *old) {
    restore_shards(shards_of_version_1(**old));
  }
  replay_journal(std::nullopt);
}

/// False: something of it is lost.
bool edge_node::impl::restore_checkpoint(const storage::checkpoint& saved) {
  std::vector<std::string_view> of_shards;
  bool is_whole = true;
  auto check = [&](const expected<void, std::string>& done) {
    if (done)
      return;
    is_whole = false;
    log_error("a part of the last checkpoint cannot be taken up: {}", done.error());
  };
  for (const auto& part : saved.parts) {
    if (part.name == gate_part)
      check(gate->restore(part.bytes));
    else if (part.name == accounts_part)
      check(accounts.restore(part.bytes));
    else if (part.name == alerts_part)
      publish_again(part.bytes);
    else if (part.name.starts_with(shard_part))
      of_shards.push_back(part.bytes);
  }
  is_whole = restore_shards(of_shards) && is_whole;
  if (!journal)
    return is_whole;
  // A checkpoint made without a journal covers all that there is; one that is ahead of
  // the journal had another one (it lay on a tmpfs).
  auto from = saved.journal_number == 0 ? journal->next_number() : saved.journal_number;
  journal->skip_to(from);
  journal->recycle(from); // Else a journal that is full stays so, and nothing comes in.
  if (saved.journal_number == 0) {
    auto renewed = storage::pack(saved);
    renewed.journal_number = from;
    static_cast<void>(outbox->commit({}, &renewed));
  }
  replay_journal(from);
  return is_whole;
}

/// Gives every shard the saved state of every shard: each takes the series that are
/// its own, however many shards there were. False: some of it is lost.
bool edge_node::impl::restore_shards(std::span<const std::string_view> saved) {
  analytics::shard::restore_report total;
  bool is_whole = true;
  for (auto bytes : saved)
    for (auto& parts : shards) {
      auto report = parts.core->restore(bytes, {steady_now_ns()}, replayed);
      if (!report) {
        log_error("the state of some series cannot be taken up, they start anew: {}",
                  report.error());
        is_whole = false;
        break;
      }
      total.series += report->series;
      total.refused += report->refused;
      total.views.closed.insert(total.views.closed.end(), report->views.closed.begin(),
                                report->views.closed.end());
    }
  log_info("took up {} series from the last checkpoint", total.series);
  if (total.refused > 0)
    log_error("{} saved series found no room: ingest.series_max is smaller now",
              total.refused);
  std::set<std::string> names{total.views.closed.begin(), total.views.closed.end()};
  for (const auto& x : names)
    log_warn(
      "{} have another shape than at the last checkpoint: what was open has been "
      "sent as it was",
      x);
  return is_whole;
}

// -- replay of the journal -----------------------------------------------------------

void edge_node::impl::replay_journal(std::optional<std::uint64_t> from) {
  if (!journal)
    return;
  auto began_ns = steady_now_ns();
  auto report = gate->replay(
    from, [this](std::span<const analytics::event> events) { replay_events(events); });
  for (std::size_t i = 0; i < replay_batches.size(); ++i)
    replay_batch(i);
  if (!report) {
    log_error("the journal cannot be read: {}", report.error());
    return;
  }
  if (report->events > 0)
    log_info("replayed {} events from the journal in {:.0f} ms", report->events,
             static_cast<double>(steady_now_ns() - began_ns) * 1e-6);
  if (report->unreadable + report->homeless + report->journal.missing > 0)
    log_error("of the journal {} records cannot be read, {} are missing, and {} events "
              "find no room: ingest.series_max is smaller now",
              report->unreadable, report->journal.missing, report->homeless);
}

void edge_node::impl::replay_events(std::span<const analytics::event> events) {
  for (const auto& x : events) {
    auto shard = series.shard_of(x.series);
    replay_batches[shard].push_back(x);
    if (replay_batches[shard].size() >= replay_batch_events)
      replay_batch(shard);
  }
}

/// Hands a batch to its shard, and on to others what that makes for their groups.
void edge_node::impl::replay_batch(std::size_t shard) {
  analytics::batch_time now{steady_now_ns(), shards[shard].wall_ns()};
  shards[shard].core->process(replay_batches[shard], now, replayed);
  replay_batches[shard].clear();
  for (std::size_t i = 0; i < replayed.routed.size(); ++i) {
    auto routed_events = std::exchange(replayed.routed[i], {});
    if (!routed_events.empty())
      shards[i].core->process_routed(routed_events, now, replayed);
  }
  replayed.late.clear(); // They were told when they first came.
}

/// What closed before the actors were there.
void edge_node::impl::flush_replayed() {
  if (!replayed.has_records())
    return;
  *backlog += record_bytes(replayed);
  auto records
    = std::make_shared<const analytics::shard_output>(std::exchange(replayed, {}));
  if (publisher && !records->alerts.empty()) {
    alerts->handed += records->alerts.size();
    caf::anon_send(publisher, records);
  }
  caf::anon_send(writer, shard_records{0, std::move(records)});
}

std::string edge_node::impl::save_everything(steady_clock::time_point until) {
  caf::scoped_actor self{system.get(), true};
  std::string problem;
  self->request(writer, left_until(until) + milliseconds{1}, finish_v)
    .receive(
      [&](outcome& result) {
        if (!result.error.empty())
          problem = result.error;
      },
      [&](caf::error& err) {
        problem
          = "the outbox was not written in time (" + system.get().render(err) + ")";
      });
  return problem;
}

expected<analytics::change_report, std::string>
edge_node::change_stream(analytics::stream_config stream) {
  auto program = analytics::stream_program::compile(std::move(stream));
  if (!program)
    return unexpected(program.error().front());
  auto& x = *impl_;
  analytics::change_report report;
  std::string problem;
  caf::scoped_actor self{x.system.get(), true};
  for (auto& shard : x.shard_actors)
    self->request(shard, std::chrono::seconds{30}, stream_program_ptr{*program})
      .receive([&](analytics::change_report& done) { report = std::move(done); },
               [&](caf::error& err) {
                 problem = "a shard did not change its configuration in time ("
                           + x.system.get().render(err) + ")";
               });
  if (!problem.empty())
    return unexpected(std::move(problem));
  return report;
}

} // namespace weir::actors
