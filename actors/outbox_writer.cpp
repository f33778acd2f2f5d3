#include "actors/outbox_writer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::actors {

namespace {

using self_pointer = outbox_writer_actor::stateful_pointer<outbox_writer_state>;
using time_point = outbox_writer_state::time_point;
using std::chrono::milliseconds;

time_point now_of(self_pointer self) {
  return time_point{self->clock().now().time_since_epoch()};
}

void report(self_pointer self, const std::string& problem) {
  auto& st = self->state;
  if (problem == st.problem)
    return;
  st.problem = problem;
  if (st.parts.on_problem)
    st.parts.on_problem(problem);
}

/// Asks for a `commit` at `when`, unless an earlier one is on its way.
void wake(self_pointer self, time_point when) {
  auto& st = self->state;
  if (st.wake_at && *st.wake_at <= when)
    return;
  st.wake_at = when;
  self->delayed_send(self, std::max(when - now_of(self), time_point::duration{0}),
                     commit_v);
}

outbox_writer_state::generation& generation_of(outbox_writer_state& st,
                                               std::size_t shard) {
  auto is_behind = st.pending && st.pending->given[shard];
  return st.generations[is_behind ? 1 : 0];
}

// -- writing -----------------------------------------------------------------------

/// So much more wear is better than sources that stand still.
constexpr int urgent_wear = 4;

/// When the next cuts may begin, so that the limits of the config hold.
void rest_after(outbox_writer_state& st, time_point now, std::uint64_t bytes) {
  auto took = now - st.pending->began;
  auto by_cost = std::chrono::duration_cast<time_point::duration>(
    std::chrono::duration<double>(took) / std::max(st.config.cost_max, 0.001));
  auto by_wear = std::chrono::duration_cast<time_point::duration>(
    std::chrono::duration<double>(static_cast<double>(bytes)
                                  / static_cast<double>(std::max<std::size_t>(
                                    st.config.write_bytes_per_s_max, 1))));
  time_point::duration least = st.config.commit_interval;
  st.urgent_cut_at = now + std::max(least, by_wear / urgent_wear);
  st.next_cut_at = now + std::max({least, by_wear, by_cost});
}

bool has_records(const outbox_writer_state& st) {
  return st.generations[0].builder->record_count() > 0 || !st.unwritten.empty();
}

/// When the next cut is due.
time_point cut_due_at(const outbox_writer_state& st) {
  if (*st.parts.backlog >= st.config.backlog_urgent_bytes
      || (st.parts.is_filling && st.parts.is_filling()))
    return st.urgent_cut_at;
  return has_records(st) ? st.next_cut_at : std::max(st.next_cut_at, st.state_due_at);
}

/// The records of the generation that is to be written next.
void take_records(outbox_writer_state& st) {
  auto& before = st.generations[0];
  auto blocks = before.builder->take_blocks();
  std::move(blocks.begin(), blocks.end(), std::back_inserter(st.unwritten));
  st.unwritten_counted += std::exchange(before.counted, 0);
}

storage::packed_checkpoint make_checkpoint(outbox_writer_state& st) {
  storage::packed_checkpoint result;
  result.journal_number = st.pending->node.gate.journal_number;
  for (std::size_t i = 0; i < st.pending->states.size(); ++i)
    result.parts.push_back(
      {"shard/" + std::to_string(i), std::move(st.pending->states[i])});
  for (auto& x : st.parts.node_parts(st.pending->node))
    result.parts.push_back({std::move(x.name), storage::packed_state{x.bytes}});
  return result;
}

void on_written(self_pointer self) {
  auto& st = self->state;
  st.unwritten.clear();
  *st.parts.backlog -= std::exchange(st.unwritten_counted, 0);
}

/// The error's text, or nothing.
std::string write_records(self_pointer self) {
  auto& st = self->state;
  take_records(st);
  if (st.unwritten.empty())
    return {};
  auto done = st.parts.outbox->commit(st.unwritten, nullptr);
  if (!done)
    return done.error().message;
  on_written(self);
  if (st.parts.on_committed)
    st.parts.on_committed(0);
  return {};
}

void answer_finish(self_pointer self, const std::string& problem) {
  auto& st = self->state;
  st.finish_begun = false;
  for (auto& promise : std::exchange(st.finishing, {}))
    promise.deliver(outcome{problem});
}

void begin_cut(self_pointer self) {
  auto& st = self->state;
  auto& cut = st.pending.emplace();
  cut.number = ++st.cuts;
  cut.began = now_of(self);
  cut.missing = st.parts.shards;
  cut.given.resize(st.parts.shards);
  cut.states.resize(st.parts.shards);
  cut.node.shards.resize(st.parts.shards);
  st.finish_begun = !st.finishing.empty();
  st.progress_kept = st.parts.progress();
  st.state_due_at = cut.began + st.config.checkpoint_interval;
  cut.node.gate = st.parts.begin_cut(cut.number);
}

/// All shards have given their state: records, states and place in one transaction.
void write_checkpoint(self_pointer self) {
  auto& st = self->state;
  take_records(st);
  // Made anew at each try: its bytes move into it, and back if it fails.
  auto checkpoint = make_checkpoint(st);
  auto written_before = st.parts.outbox->stats().checkpoint_written_bytes;
  auto done = st.parts.outbox->commit(st.unwritten, &checkpoint);
  if (!done) {
    for (std::size_t i = 0; i < st.pending->states.size(); ++i)
      st.pending->states[i] = std::move(checkpoint.parts[i].state);
    report(self, done.error().message);
    if (st.finish_begun)
      answer_finish(self, done.error().message);
    wake(self, now_of(self) + st.config.retry_interval);
    return;
  }
  report(self, {});
  on_written(self);
  if (st.parts.committed)
    *st.parts.committed = st.pending->number;
  auto journal_number = checkpoint.journal_number;
  rest_after(st, now_of(self),
             st.parts.outbox->stats().checkpoint_written_bytes - written_before);
  st.pending.reset();
  std::swap(st.generations[0], st.generations[1]);
  if (st.parts.on_committed)
    st.parts.on_committed(journal_number);
  if (st.finish_begun)
    answer_finish(self, {});
  if (!st.finishing.empty())
    begin_cut(self); // Asked for while this one was under way.
  else
    wake(self, cut_due_at(st));
}

// -- what comes in -------------------------------------------------------------------

bool has_state_to_keep(const outbox_writer_state& st) {
  return st.parts.progress && st.parts.progress() != st.progress_kept;
}

void commit_records_alone(self_pointer self) {
  auto& st = self->state;
  auto problem = write_records(self);
  report(self, problem);
  if (!problem.empty())
    wake(self, now_of(self) + st.config.retry_interval);
}

void on_commit(self_pointer self) {
  auto& st = self->state;
  st.wake_at.reset();
  auto now = now_of(self);
  if (st.pending) {
    if (st.pending->is_complete())
      write_checkpoint(self); // The last try failed.
    return;
  }
  if (!st.config.checkpoints) {
    commit_records_alone(self);
    return;
  }
  auto due = cut_due_at(st);
  if (now < due)
    wake(self, due);
  else if (has_records(st) || has_state_to_keep(st))
    begin_cut(self);
  else
    wake(self, st.state_due_at = now + st.config.checkpoint_interval);
}

void on_records_added(self_pointer self) {
  auto& st = self->state;
  auto now = now_of(self);
  auto is_full = st.generations[0].builder->record_count() >= st.config.commit_records;
  if (st.pending || !st.problem.empty())
    return;
  auto due = cut_due_at(st);
  if (is_full && now >= due)
    on_commit(self);
  else
    wake(self,
         std::max(due, now + (is_full ? milliseconds{0} : st.config.commit_interval)));
}

void on_records(self_pointer self, const shard_records& x) {
  auto& generation = generation_of(self->state, x.shard);
  generation.counted += record_bytes(*x.records);
  generation.builder->add(*x.records);
  on_records_added(self);
}

void on_cut(self_pointer self, shard_cut& x) {
  auto& st = self->state;
  if (!st.pending || st.pending->number != x.number || st.pending->given[x.shard])
    return;
  auto& cut = *st.pending;
  cut.given[x.shard] = true;
  cut.states[x.shard] = std::move(x.packed); // Megabytes.
  cut.node.shards[x.shard] = x.status;
  --cut.missing;
  if (cut.is_complete())
    write_checkpoint(self);
}

} // namespace

outbox_writer_actor::behavior_type outbox_writer(self_pointer self,
                                                 outbox_writer_config config,
                                                 outbox_writer_parts parts) {
  auto& st = self->state;
  st.config = config;
  st.parts = std::move(parts);
  for (auto& x : st.generations)
    x.builder = std::make_unique<block_builder>(*st.parts.series);
  st.next_cut_at = now_of(self);
  st.urgent_cut_at = st.next_cut_at;
  st.state_due_at = st.next_cut_at + config.checkpoint_interval;
  wake(self, st.state_due_at);
  return {
    [self](const shard_records& records) { on_records(self, records); },
    [self](const rejection_batch& samples) {
      self->state.generations[0].builder->add(samples);
      on_records_added(self);
    },
    [self](shard_cut& x) { on_cut(self, x); },
    [self](commit) { on_commit(self); },
    [self](finish) {
      auto& state = self->state;
      state.finishing.push_back(self->make_response_promise<outcome>());
      auto promise = state.finishing.back();
      if (!state.pending)
        begin_cut(self);
      else if (state.pending->is_complete())
        write_checkpoint(self); // One more try now; the last cut comes behind it.
      return promise;
    },
  };
}

} // namespace weir::actors
