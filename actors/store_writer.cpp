#include "actors/store_writer.hpp"

#include "actors/log.hpp"
#include "transport/block_codec.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
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

void count(central_counters& counters, const storage::incoming_block& block,
           commit_result result) {
  switch (result) {
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

/// What an edge hears after a commit.
struct answer {
  storage::commit_outcome newest;
  bool has_news = false;        ///< Something was stored, or was known.
  std::array<bool, 2> gap_in{}; ///< By lane: the last block of it was refused.
};

/// Tells each edge how far it is; one message an edge and commit, and one for each
/// lane that has a gap.
void answer_edges(const store_writer_state& st, const storage::commit_report& report) {
  std::map<std::pair<std::string_view, std::uint64_t>, answer> answers;
  for (std::size_t i = 0; i < st.waiting.size(); ++i) {
    const auto& block = st.waiting[i];
    const auto& outcome = report.outcomes[i];
    auto& x = answers[{block.edge, block.epoch}];
    bool refused = outcome.result == commit_result::gap;
    x.newest = outcome;
    x.has_news = x.has_news || !refused;
    x.gap_in[outcome.live_lane ? 1 : 0] = refused;
    count(*st.parts.counters, block, outcome.result);
  }
  for (const auto& [key, x] : answers) {
    auto edge = std::string{key.first};
    if (x.has_news)
      st.parts.acknowledge(edge, key.second, x.newest);
    for (bool live_lane : {false, true})
      if (x.gap_in[live_lane ? 1 : 0]) {
        auto at = x.newest;
        at.live_lane = live_lane;
        st.parts.resend(edge, key.second, at.resend_from_seq(), live_lane);
      }
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
/// its edge for ever: the ledger counts its numbers as unreadable, and the operator is
/// told. It is stored in its turn, with the blocks around it.
void make_unreadable(const store_writer_state& st, storage::incoming_block& block,
                     const std::string& why) {
  ++st.parts.counters->blocks_malformed;
  auto span = block.seq_span != 0 ? block.seq_span : block.records.record_count();
  log_error("records {} to {} of {} cannot be read and are passed over: {}",
            block.first_seq, block.first_seq + span - 1, block.edge, why);
  block.seq_span = span;
  block.fate = storage::range_fate::unreadable;
  block.records = {};
}

/// One bad block fails the transaction of all: finds it by committing each alone.
void commit_each_alone(self_pointer self);

void drop_waiting(store_writer_state& st) {
  st.waiting.clear();
  st.waiting_records = 0;
}

/// Commits what waits; the error's text, or nothing.
std::string write_all(self_pointer self) {
  auto& st = self->state;
  if (st.waiting.empty())
    return {};
  auto& counters = *st.parts.counters;
  auto report = st.parts.store->commit(st.waiting, st.parts.now_ns());
  if (!report && report.error().code == storage::errc::malformed) {
    if (st.waiting.size() > 1) {
      commit_each_alone(self);
      return {};
    }
    auto& block = st.waiting.front();
    bool was_readable = block.fate == storage::range_fate::stored;
    if (was_readable)
      make_unreadable(st, block, report.error().message);
    else
      drop_waiting(st); // Not even its numbers can be noted.
    return was_readable ? write_all(self) : std::string{};
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
  drop_waiting(st);
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

/// The entry as the store takes it, decoded.
storage::incoming_block decode(const store_writer_state& st,
                               const received_block& entry) {
  storage::incoming_block block{
    entry.edge,     entry.epoch,     entry.run,  entry.first_seq,
    entry.seq_span, entry.live_lane, entry.fate, {}};
  if (entry.fate != storage::range_fate::stored)
    return block;
  auto records = transport::decode_block(entry.bytes);
  // Asking again would bring the same bytes: damaged at the edge, or of a version
  // that this centre does not know.
  if (!records)
    make_unreadable(st, block, records.error().message);
  else if (records->record_count() != entry.record_count)
    make_unreadable(st, block, "the number of records differs from the block's header");
  else
    block.records = std::move(*records);
  return block;
}

void on_block(self_pointer self, const received_block& entry) {
  auto& st = self->state;
  auto& counters = *st.parts.counters;
  st.waiting.push_back(decode(st, entry));
  st.waiting_records += entry.record_count;
  counters.queue_blocks = st.waiting.size();
  if (st.waiting.size() == 1)
    counters.oldest_waiting_ns = st.parts.now_ns();
  if (st.waiting_records >= st.config.commit_records && st.problem.empty())
    on_commit(self);
  else if (!std::exchange(st.commit_is_due, true))
    self->delayed_send(self, st.config.commit_interval, commit_v);
}

void on_hello(self_pointer self, const storage::edge_hello& hello) {
  auto& st = self->state;
  auto report = st.parts.store->note_hello(hello, st.parts.now_ns());
  if (!report)
    log_error("the ledger of {} was not written: {}", hello.edge,
              report.error().message);
  else if (!report->events.empty())
    st.parts.on_report(
      std::make_shared<const storage::commit_report>(std::move(*report)));
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
    [self](const storage::edge_hello& hello) { on_hello(self, hello); },
    [self](const storage::stored_alert& alert) { on_own_alert(self, alert); },
    [self](commit) { on_commit(self); },
    [self](finish) { return outcome{write_all(self)}; },
  };
}

} // namespace weir::actors
