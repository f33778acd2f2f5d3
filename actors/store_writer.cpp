#include "actors/store_writer.hpp"

#include "actors/log.hpp"
#include "actors/store_answers.hpp"
#include "transport/block_codec.hpp"

#include <utility>

namespace weir::actors {

namespace {

using self_pointer = store_writer_actor::stateful_pointer<store_writer_state>;
using storage::commit_result;

// Edges that are not asked again send again by themselves, only later.
constexpr std::size_t refused_max = 10'000;
constexpr std::size_t hellos_max = 10'000;
constexpr std::size_t edge_name_bytes_max = 255; // What the store takes.

void set_problem(store_writer_state& st, const std::string& problem) {
  if (problem == st.problem)
    return;
  st.problem = problem;
  st.parts.on_problem(problem);
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
  st.waiting_bytes = 0;
  auto& counters = *st.parts.counters;
  counters.oldest_waiting_ns = 0;
  counters.queue_blocks = 0;
  counters.queue_bytes = 0;
}

void add_waiting(store_writer_state& st, storage::incoming_block block) {
  auto& counters = *st.parts.counters;
  st.waiting_records += block.records.record_count();
  st.waiting_bytes += memory_bytes(block);
  st.waiting.push_back(std::move(block));
  counters.queue_blocks = st.waiting.size();
  counters.queue_bytes = st.waiting_bytes;
  if (st.waiting.size() == 1)
    counters.oldest_waiting_ns = st.parts.now_ns();
}

/// Edges of which blocks were dropped while the store could not be written send them
/// again.
void ask_again(store_writer_state& st) {
  for (const auto& [edge, epoch, live_lane] : std::exchange(st.refused, {})) {
    auto position = st.parts.store->position(edge, epoch);
    storage::commit_outcome at;
    if (position && *position)
      at = {commit_result::gap, (*position)->through_seq, (*position)->lane_first,
            (*position)->lane_through, live_lane};
    st.parts.resend(edge, epoch, at.resend_from_seq(), live_lane);
  }
}

/// Commits what waits; the error's text, or nothing.
std::string write_all(self_pointer self) {
  auto& st = self->state;
  if (st.waiting.empty() && st.hellos.empty())
    return {};
  auto& counters = *st.parts.counters;
  auto report = st.parts.store->commit(st.waiting, st.parts.now_ns(), st.hellos);
  if (!report && report.error().code == storage::errc::malformed
      && !st.waiting.empty()) {
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
  counters.ledger_violations += report->violations.size();
  answer_edges(st.parts, st.waiting, *report);
  note_lag(st.parts, st.waiting, *report);
  drop_waiting(st);
  st.hellos.clear();
  st.parts.on_report(
    std::make_shared<const storage::commit_report>(std::move(*report)));
  return {};
}

void commit_each_alone(self_pointer self) {
  auto& st = self->state;
  auto blocks = std::exchange(st.waiting, {});
  drop_waiting(st);
  for (auto& block : blocks) {
    add_waiting(st, std::move(block));
    write_all(self); // What fails for the disk's sake stays and is tried again.
  }
}

void on_commit(self_pointer self) {
  auto& st = self->state;
  st.commit_is_due = false;
  auto problem = write_all(self);
  set_problem(st, problem);
  if (problem.empty() && !st.refused.empty())
    ask_again(st);
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
  if (!st.problem.empty() && st.waiting_bytes >= st.config.waiting_bytes_max) {
    ++st.parts.counters->blocks_refused;
    if (st.refused.size() < refused_max)
      st.refused.emplace(entry.edge, entry.epoch, entry.live_lane);
    return;
  }
  add_waiting(st, decode(st, entry));
  bool is_full = st.waiting_records >= st.config.commit_records
                 || st.waiting_bytes >= st.config.commit_bytes;
  if (is_full && st.problem.empty())
    on_commit(self);
  else if (!std::exchange(st.commit_is_due, true))
    self->delayed_send(self, st.config.commit_interval, commit_v);
}

/// Keeps what the edges say about themselves over a restart of the centre.
void keep_counters(store_writer_state& st) {
  std::vector<storage::edge_counters> changed;
  for (const auto& edge : st.parts.fleet->view(st.parts.now_ns()).edges) {
    auto& kept_ns = st.kept_ns[edge.name];
    if (edge.ledger_ns <= kept_ns)
      continue;
    kept_ns = edge.ledger_ns;
    changed.push_back(to_counters(edge));
  }
  if (changed.empty())
    return;
  if (auto put = st.parts.store->put_counters(changed); !put)
    log_warn("the counters of {} edges were not kept: {}", changed.size(),
             put.error().message);
}

/// With the next group commit: a fleet that comes back at once costs one transaction.
void on_hello(self_pointer self, const storage::edge_hello& hello) {
  auto& st = self->state;
  bool is_named = !hello.edge.empty() && hello.edge.size() <= edge_name_bytes_max;
  if (!is_named || st.hellos.size() >= hellos_max)
    return; // Many wait only while nothing can be written; blocks tell the same.
  st.hellos.push_back(hello);
  if (!std::exchange(st.commit_is_due, true))
    self->delayed_send(self, st.config.commit_interval, commit_v);
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

/// Blocks that came meanwhile go first: they stand in the mailbox before the next part.
void on_upkeep(self_pointer self) {
  auto& st = self->state;
  auto more = st.parts.store->maintain(st.config.upkeep_rows, st.parts.now_ns());
  auto problem = more ? std::string{} : more.error().message;
  if (problem != st.upkeep_problem && !problem.empty())
    log_error("the store cannot move windows into blocks: {} They stay where they are, "
              "and it is tried again.",
              problem);
  st.upkeep_problem = problem;
  if (more && *more)
    self->send(self, compact_v);
  else
    self->delayed_send(self, st.config.upkeep_interval, compact_v);
}

} // namespace

store_writer_actor::behavior_type
store_writer(self_pointer self, store_writer_config config, store_writer_parts parts) {
  self->state.config = config;
  self->state.parts = std::move(parts);
  self->delayed_send(self, config.counters_interval, tick_v);
  self->delayed_send(self, config.upkeep_interval, compact_v);
  return {
    [self](const received_block& block) { on_block(self, block); },
    [self](const storage::edge_hello& hello) { on_hello(self, hello); },
    [self](const storage::stored_alert& alert) { on_own_alert(self, alert); },
    [self](commit) { on_commit(self); },
    [self](tick) {
      keep_counters(self->state);
      self->delayed_send(self, self->state.config.counters_interval, tick_v);
    },
    [self](compact) { on_upkeep(self); },
    [self](finish) {
      auto problem = write_all(self);
      keep_counters(self->state);
      return outcome{std::move(problem)};
    },
  };
}

} // namespace weir::actors
