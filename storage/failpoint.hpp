// FAILPOINTS: named moments at which a test lets the process die as by kill -9. They
// stand before and after each step that makes something durable, so that a test can
// go through all of them.
//
//   WEIR_FAILPOINT=outbox.commit.before:3 weir-edge ...
//
// ends the process with exit code 137 when it passes that point for the third time.
// Without the variable a failpoint costs the reading of one flag.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// The one table of failpoints: add a line here for each new one. Names are
/// "<component>.<step>.<before|after>", before or after the step became durable.
inline constexpr auto failpoint_names = std::to_array<std::string_view>({
  "journal.append.before",
  "journal.append.after",
  "journal.segment.before", // A fresh file gets its header: appends go there next.
  "journal.segment.after",
  "journal.sync.before",
  "journal.sync.after",
  "outbox.commit.before",
  "outbox.commit.after",
  "outbox.acknowledge.before",
  "outbox.acknowledge.after",
  "outbox.offer.before", // Marks what may be at the centre.
  "outbox.offer.after",
  "outbox.give_up.before", // Blocks become holes.
  "outbox.give_up.after",
  "outbox.coalesce.before",
  "outbox.coalesce.after",
  "outbox.begin_run.before",
  "outbox.begin_run.after",
  "outbox.drop_checkpoint.before",
  "outbox.drop_checkpoint.after",
  "outbox.renew_epoch.before",
  "outbox.renew_epoch.after",
  "store.commit.before",
  "store.commit.after",
  "store.switch.before", // The other table of recent windows takes over.
  "store.switch.after",
  "store.flush.before", // Recent windows move into blocks.
  "store.flush.after",
  "store.retention.before",
  "store.retention.after",
  "rotation.batch.before", // Values under a new data key.
  "rotation.batch.after",
  "backup.data.before",
  "backup.data.after",
  "backup.manifest.before",
  "backup.manifest.after",
  "backup.publish.before", // The copy gets its name.
  "backup.publish.after",
  "restore.data.before",
  "restore.data.after",
  "restore.publish.before",
  "restore.publish.after",
});

/// The exit code of a process that ended at a failpoint: what a shell shows for kill -9.
inline constexpr int failpoint_exit_code = 137;

/// A name of the table; any other does not compile.
class failpoint_name {
public:
  consteval failpoint_name(const char* name)
    : index_{static_cast<std::size_t>(std::ranges::find(failpoint_names, name)
                                      - failpoint_names.begin())} {
    if (index_ == failpoint_names.size())
      throw "not in failpoint_names";
  }
  constexpr std::size_t index() const {
    return index_;
  }

private:
  std::size_t index_;
};

/// The names as texts.
inline std::vector<std::string> all_failpoints() {
  return {failpoint_names.begin(), failpoint_names.end()};
}

/// Sets the failpoint of this process as WEIR_FAILPOINT does: "name:n", n from 1; an
/// empty text sets none. For tests that fork. False: no such name or number; none is
/// set then.
bool set_failpoint(std::string_view name_and_pass);

namespace detail {
extern std::atomic<bool> failpoint_is_set;
void pass_failpoint(std::size_t index);
} // namespace detail

/// A moment to die at. Thread-safe. Ends with _exit: no destructor runs, nothing is
/// flushed; what the kernel already has stays.
inline void failpoint(failpoint_name name) {
  if (detail::failpoint_is_set.load(std::memory_order_relaxed)) [[unlikely]]
    detail::pass_failpoint(name.index());
}

} // namespace weir::storage
