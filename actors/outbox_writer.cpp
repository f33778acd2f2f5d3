#include "actors/outbox_writer.hpp"

#include <iterator>
#include <utility>

namespace weir::actors {

namespace {

using self_pointer = outbox_writer_actor::stateful_pointer<outbox_writer_state>;

void report(self_pointer self, const std::string& problem) {
  auto& st = self->state;
  if (problem == st.problem)
    return;
  st.problem = problem;
  if (st.parts.on_problem)
    st.parts.on_problem(problem);
}

/// Writes everything that waits; the error's text, or nothing.
std::string write_all(self_pointer self) {
  auto& st = self->state;
  auto blocks = st.builder->take_blocks();
  std::move(blocks.begin(), blocks.end(), std::back_inserter(st.unwritten));
  if (st.unwritten.empty())
    return {};
  auto first_seq = st.parts.outbox->append(st.unwritten);
  if (!first_seq)
    return first_seq.error().message;
  st.unwritten.clear();
  *st.parts.backlog -= std::exchange(st.counted, 0);
  if (st.parts.on_committed)
    st.parts.on_committed();
  return {};
}

void on_commit(self_pointer self) {
  auto& st = self->state;
  st.commit_is_due = false;
  auto problem = write_all(self);
  report(self, problem);
  if (!problem.empty()) {
    st.commit_is_due = true;
    self->delayed_send(self, st.config.retry_interval, commit_v);
  }
}

void on_records_added(self_pointer self) {
  auto& st = self->state;
  if (st.builder->record_count() >= st.config.commit_records && st.unwritten.empty()) {
    on_commit(self);
  } else if (!std::exchange(st.commit_is_due, true)) {
    self->delayed_send(self, st.config.commit_interval, commit_v);
  }
}

} // namespace

outbox_writer_actor::behavior_type outbox_writer(self_pointer self,
                                                 outbox_writer_config config,
                                                 outbox_writer_parts parts) {
  auto& st = self->state;
  st.config = config;
  st.parts = std::move(parts);
  st.builder = std::make_unique<block_builder>(*st.parts.series);
  return {
    [self](const shard_output_ptr& records) {
      auto& state = self->state;
      state.counted += records->summaries.size() + records->anomalies.size()
                       + records->alerts.size();
      state.builder->add(*records);
      on_records_added(self);
    },
    [self](const rejection_batch& samples) {
      self->state.builder->add(samples);
      on_records_added(self);
    },
    [self](commit) { on_commit(self); },
    [self](finish, const node_snapshot& snapshot) {
      outcome result{write_all(self)};
      if (result.error.empty()) {
        auto saved = self->state.parts.outbox->save_state(snapshot.bytes);
        if (!saved)
          result.error = saved.error().message;
      }
      return result;
    },
  };
}

} // namespace weir::actors
