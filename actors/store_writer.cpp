#include "actors/store_writer.hpp"

#include "actors/log.hpp"
#include "transport/block_codec.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace weir::actors {

namespace {

using self_pointer = store_writer_actor::stateful_pointer<store_writer_state>;
using storage::commit_result;

void set_problem(store_writer_state& st, const std::string& problem) {
  if (problem == st.problem)
    return;
  st.problem = problem;
  st.parts.on_problem(problem);
}

/// Tells each edge how far it is; one message an edge and commit.
void answer_edges(const store_writer_state& st, const storage::commit_report& report) {
  std::map<std::pair<std::string, std::uint64_t>, storage::commit_outcome> last;
  for (std::size_t i = 0; i < st.waiting.size(); ++i) {
    const auto& block = st.waiting[i];
    const auto& outcome = report.outcomes[i];
    last[{block.edge, block.epoch}] = outcome;
    auto& counters = *st.parts.counters;
    switch (outcome.result) {
    case commit_result::stored:
      ++counters.blocks_stored;
      counters.records_stored += block.records.record_count();
      break;
    case commit_result::duplicate:
      ++counters.blocks_duplicate;
      break;
    case commit_result::gap:
      ++counters.blocks_gap;
      break;
    }
  }
  for (const auto& [key, outcome] : last) {
    const auto& [edge, epoch] = key;
    if (outcome.result == commit_result::gap)
      st.parts.resend(edge, epoch, outcome.through_seq + 1);
    else
      st.parts.acknowledge(edge, epoch, outcome.through_seq);
  }
}

void note_lag(const store_writer_state& st, const storage::commit_report& report) {
  std::map<std::string_view, std::int64_t> newest_end_ns;
  for (std::size_t i = 0; i < st.waiting.size(); ++i)
    if (report.outcomes[i].result == commit_result::stored)
      for (const auto& x : st.waiting[i].records.summaries) {
        auto& end_ns = newest_end_ns[st.waiting[i].edge];
        end_ns = std::max(end_ns, x.start_ns + x.width_ns);
      }
  for (const auto& [edge, end_ns] : newest_end_ns)
    st.parts.fleet->on_commit(std::string{edge}, end_ns, st.parts.now_ns());
}

/// A block that will never be readable is passed over, so that it does not hold up
/// its edge for ever: the edge's ledger counts its records as lost on the way, and the
/// operator is told.
void pass_over(const store_writer_state& st, const storage::incoming_skip& range,
               const std::string& why) {
  ++st.parts.counters->blocks_malformed;
  log_error("records {} to {} of {} cannot be read and are passed over: {}",
            range.first_seq, range.through_seq, range.edge, why);
  auto moved = st.parts.store->skip(range);
  if (!moved)
    return; // The disk: the edge sends the block again.
  if (moved->result == commit_result::gap)
    st.parts.resend(range.edge, range.epoch, moved->through_seq + 1);
  else
    st.parts.acknowledge(range.edge, range.epoch, moved->through_seq);
}

/// One bad block fails the transaction of all: finds it by committing each alone.
void commit_each_alone(self_pointer self);

/// Commits what waits; the error's text, or nothing.
std::string write_all(self_pointer self) {
  auto& st = self->state;
  if (st.waiting.empty())
    return {};
  auto& counters = *st.parts.counters;
  auto report = st.parts.store->commit(st.waiting);
  if (!report && report.error().code == storage::errc::malformed) {
    if (st.waiting.size() > 1) {
      commit_each_alone(self);
      return {};
    }
    auto block = std::move(st.waiting.front());
    st.waiting.clear();
    st.waiting_records = 0;
    auto last = block.first_seq + block.records.record_count() - 1;
    pass_over(st, {block.edge, block.epoch, block.first_seq, last},
              report.error().message);
    return {};
  }
  if (!report) {
    ++counters.commit_errors;
    return report.error().message;
  }
  ++counters.commits;
  counters.last_commit_ns = st.parts.now_ns();
  counters.oldest_waiting_ns = 0;
  counters.queue_blocks = 0;
  answer_edges(st, *report);
  note_lag(st, *report);
  st.waiting.clear();
  st.waiting_records = 0;
  st.parts.on_report(
    std::make_shared<const storage::commit_report>(std::move(*report)));
  return {};
}

void commit_each_alone(self_pointer self) {
  auto& st = self->state;
  auto blocks = std::exchange(st.waiting, {});
  for (auto& block : blocks) {
    st.waiting.push_back(std::move(block));
    st.waiting_records = st.waiting.back().records.record_count();
    write_all(self); // What fails for the disk's sake stays and is tried again.
  }
}

void on_commit(self_pointer self) {
  auto& st = self->state;
  st.commit_is_due = false;
  auto problem = write_all(self);
  set_problem(st, problem);
  if (!problem.empty()) {
    st.commit_is_due = true;
    self->delayed_send(self, st.config.retry_interval, commit_v);
  }
}

void on_block(self_pointer self, const received_block& block) {
  auto& st = self->state;
  auto& counters = *st.parts.counters;
  auto records = transport::decode_block(block.bytes);
  if (!records || records->record_count() != block.record_count) {
    // Asking again would bring the same bytes: damaged at the edge, or of a version
    // that this centre does not know.
    set_problem(st, write_all(self)); // In order with the blocks before it.
    pass_over(st,
              {block.edge, block.epoch, block.first_seq,
               block.first_seq + block.record_count - 1},
              records ? "the number of records differs from the block's header"
                      : records.error().message);
    return;
  }
  st.waiting.push_back(
    {block.edge, block.epoch, block.run, block.first_seq, std::move(*records)});
  st.waiting_records += block.record_count;
  counters.queue_blocks = st.waiting.size();
  if (st.waiting.size() == 1)
    counters.oldest_waiting_ns = st.parts.now_ns();
  if (st.waiting_records >= st.config.commit_records && st.problem.empty())
    on_commit(self);
  else if (!std::exchange(st.commit_is_due, true))
    self->delayed_send(self, st.config.commit_interval, commit_v);
}

void on_skip(self_pointer self, const storage::incoming_skip& range) {
  auto& st = self->state;
  // In order with the blocks before it.
  set_problem(st, write_all(self));
  auto moved = st.parts.store->skip(range);
  if (!moved)
    set_problem(st, moved.error().message);
  else if (moved->result == commit_result::gap)
    st.parts.resend(range.edge, range.epoch, moved->through_seq + 1);
  else
    st.parts.acknowledge(range.edge, range.epoch, moved->through_seq);
}

void on_own_alert(self_pointer self, const storage::stored_alert& alert) {
  auto& st = self->state;
  if (auto put = st.parts.store->put_alert(alert); !put) {
    set_problem(st, put.error().message);
    return;
  }
  auto report = std::make_shared<storage::commit_report>();
  report->alerts.push_back({alert.edge, alert.series_text, alert.value});
  st.parts.on_report(std::move(report));
}

} // namespace

store_writer_actor::behavior_type
store_writer(self_pointer self, store_writer_config config, store_writer_parts parts) {
  self->state.config = config;
  self->state.parts = std::move(parts);
  return {
    [self](const received_block& block) { on_block(self, block); },
    [self](const storage::incoming_skip& range) { on_skip(self, range); },
    [self](const storage::stored_alert& alert) { on_own_alert(self, alert); },
    [self](commit) { on_commit(self); },
    [self](finish) { return outcome{write_all(self)}; },
  };
}

} // namespace weir::actors
