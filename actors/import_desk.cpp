#include "actors/import_desk.hpp"

#include "transport/block_codec.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace weir::actors {

namespace {

// What the store takes (storage/store.hpp): the writer would pass over such a block.
constexpr std::int64_t start_ns_min = -(std::int64_t{1} << 61);
constexpr std::int64_t start_ns_max = std::int64_t{1} << 62;
constexpr std::int64_t width_ns_max = std::int64_t{1} << 55;

bool is_possible(const analytics::summary& x) {
  return x.width_ns > 0 && x.width_ns <= width_ns_max && x.start_ns >= start_ns_min
         && x.start_ns <= start_ns_max;
}

} // namespace

bool import_desk::wait(std::uint64_t epoch, std::uint64_t last_seq,
                       import_callback done) {
  std::lock_guard lock{mutex_};
  if (waiting_.size() >= waiting_max)
    return false;
  waiting_.push_back({epoch, last_seq, std::move(done)});
  return true;
}

/// Callbacks run outside the lock: they may post again.
template <class Test>
void import_desk::answer(const Test& test, const import_answer& what) {
  std::vector<waiter> told;
  {
    std::lock_guard lock{mutex_};
    auto first = std::stable_partition(waiting_.begin(), waiting_.end(),
                                       [&](const waiter& x) { return !test(x); });
    std::move(first, waiting_.end(), std::back_inserter(told));
    waiting_.erase(first, waiting_.end());
  }
  for (const auto& x : told)
    x.done(what);
}

void import_desk::acknowledge(std::uint64_t epoch, std::uint64_t through_seq) {
  answer([&](const waiter& x) { return x.epoch == epoch && x.last_seq <= through_seq; },
         {import_result::stored, through_seq});
}

void import_desk::refuse(std::uint64_t epoch, std::uint64_t through_seq) {
  answer([&](const waiter& x) { return x.epoch == epoch && x.last_seq > through_seq; },
         {import_result::gap, through_seq,
          "records before this block are missing: the centre has those up to "
            + std::to_string(through_seq)});
}

void import_desk::fail_all(const std::string& why) {
  answer([](const waiter&) { return true; }, {import_result::unavailable, 0, why});
}

expected<received_block, std::string>
to_import_block(std::uint64_t epoch, std::uint64_t first_seq, std::string bytes) {
  auto records = transport::decode_block(bytes);
  if (!records)
    return unexpected("the body is no block of records (transport/WIRE.md): "
                      + records.error().message);
  auto count = records->summaries.size();
  if (count == 0 || count != records->record_count())
    return unexpected(
      std::string{"a block to import has windows, and nothing but windows"});
  for (const auto& x : records->summaries)
    if (!is_possible(x))
      return unexpected(std::string{"a window lies at an impossible time"});
  if (first_seq == 0 || first_seq > std::numeric_limits<std::uint64_t>::max() - count)
    return unexpected(std::string{"records are numbered from 1"});
  received_block result;
  result.edge = import_edge;
  result.epoch = epoch;
  result.run = 1;
  result.first_seq = first_seq;
  result.seq_span = count;
  result.record_count = static_cast<std::uint32_t>(count);
  result.bytes = std::move(bytes);
  return result;
}

} // namespace weir::actors
