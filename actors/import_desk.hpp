// IMPORT DESK: who waits for blocks that came over the API instead of the uplink. They
// are stored under the edge `import`, one epoch for each file, by the same writer and
// the same rules as the blocks of edges: what is known changes nothing, a gap is
// refused. Thread-safe.
#pragma once

#include "actors/messages.hpp"
#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace weir::actors {

/// The name under which imported windows stand in the store.
inline constexpr std::string_view import_edge = "import";

enum class import_result : std::uint8_t {
  stored,      ///< On disk, now or before.
  malformed,   ///< Nobody can read the block; nothing was changed.
  gap,         ///< Numbers before it are missing; nothing was changed.
  busy,        ///< Too many wait; try again.
  unavailable, ///< The store cannot be written, or the centre stops; try again.
};

struct import_answer {
  import_result result = import_result::stored;
  std::uint64_t through_seq = 0; ///< Of `stored` and `gap`: all up to it is on disk.
  std::string message{};         ///< Of the others: a sentence.
};

using import_callback = std::function<void(const import_answer&)>;

/// Who still waits when it ends is not told: the server that would answer may be gone.
class import_desk {
public:
  /// Blocks that wait for their commit; each has up to 4 MiB of records.
  static constexpr std::size_t waiting_max = 16;

  /// Notes who waits for numbers up to `last_seq` of an epoch. False: too many do.
  bool wait(std::uint64_t epoch, std::uint64_t last_seq, import_callback done);

  /// From the store writer, after a commit.
  void acknowledge(std::uint64_t epoch, std::uint64_t through_seq);
  void refuse(std::uint64_t epoch, std::uint64_t through_seq);

  /// Nothing can be stored, and why: all who wait are told.
  void fail_all(const std::string& why);

private:
  struct waiter {
    std::uint64_t epoch = 0;
    std::uint64_t last_seq = 0;
    import_callback done;
  };
  template <class Test>
  void answer(const Test& test, const import_answer& what);

  std::mutex mutex_;
  std::vector<waiter> waiting_;
};

/// The block as the writer takes it, or why it is none: only windows may be imported,
/// and `first_seq` counts from 1.
expected<received_block, std::string>
to_import_block(std::uint64_t epoch, std::uint64_t first_seq, std::string bytes);

} // namespace weir::actors
