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

namespace weir::actors {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

void edge_node::impl::restore_state() {
  auto saved = outbox->take_state();
  if (!saved) {
    log_error("the state saved at the last shutdown cannot be read: {}. "
              "Windows start anew.",
              saved.error().message);
  } else if (*saved) {
    restore_shards(**saved);
  }
  for (auto& parts : shards)
    shard_actors.push_back(system.get().spawn(shard_behavior, shard_actor_config{},
                                              parts, writer, publisher));
  *peers = shard_actors;
}

/// Gives every shard the saved state of every shard: each takes the series that are
/// its own, however many shards there were.
void edge_node::impl::restore_shards(std::string_view saved) {
  analytics::shard_output closed;
  analytics::shard::restore_report total;
  analytics::byte_reader in{saved};
  while (!in.at_end()) {
    auto bytes = in.get_bytes(in.get<std::uint64_t>());
    if (!in.ok()) {
      log_error("the end of the saved state is damaged: some series start anew");
      break;
    }
    for (auto& parts : shards) {
      auto report = parts.core->restore(bytes, {steady_now_ns()}, closed);
      if (!report) {
        log_error("the state of some series cannot be taken up, they start anew: {}",
                  report.error());
        break;
      }
      total.series += report->series;
      total.refused += report->refused;
      total.views.closed.insert(total.views.closed.end(), report->views.closed.begin(),
                                report->views.closed.end());
    }
  }
  if (closed.has_records())
    caf::anon_send(writer,
                   std::make_shared<const analytics::shard_output>(std::move(closed)));
  log_info("took up {} series from the last shutdown", total.series);
  if (total.refused > 0)
    log_error("{} saved series found no room: ingest.series_max is smaller now",
              total.refused);
  std::set<std::string> names{total.views.closed.begin(), total.views.closed.end()};
  for (const auto& x : names)
    log_warn("{} have another shape than at the last shutdown: what was open has been "
             "sent as it was",
             x);
}

std::string edge_node::impl::save_everything(steady_clock::time_point until) {
  caf::scoped_actor self{system.get(), true};
  node_snapshot snapshot;
  std::string problem;
  auto note_problem = [&](caf::error& err) {
    problem
      = "a shard did not give its state in time (" + system.get().render(err) + ")";
  };
  // First all take what waits, which may send events to other shards; then all save.
  for (auto& x : shard_actors)
    self->request(x, left_until(until) + milliseconds{1}, finish_v)
      .receive([](outcome&) {}, note_problem);
  for (auto& x : shard_actors)
    self->request(x, left_until(until) + milliseconds{1}, save_v)
      .receive(
        [&](shard_snapshot& saved) {
          analytics::byte_writer{snapshot.bytes}.put(
            static_cast<std::uint64_t>(saved.bytes.size()));
          snapshot.bytes += saved.bytes;
        },
        note_problem);
  self
    ->request(writer, left_until(until) + milliseconds{1}, finish_v,
              std::move(snapshot))
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
