#include "storage/coalesced_blocks.hpp"

#include <algorithm>
#include <utility>

namespace weir::storage {

namespace {

/// Encoded, such a block has at most 64 KB.
constexpr std::size_t block_bytes_wanted = 56 << 10;
constexpr std::size_t factor_max = 16;

struct kind {
  block_priority priority = block_priority::summary;
  bool is_rest = false;
  bool takes_surplus = false;
};

void add(const outbox_config& config, const analytics::record_block& records, kind what,
         std::vector<coalesced_block>& into) {
  auto pieces = analytics::split(records, block_bytes_wanted);
  if (pieces.size() > 1) { // The codec compresses: then more fits in.
    auto size = std::max<std::size_t>(config.encode(pieces.front()).size(), 1);
    auto factor = std::clamp<std::size_t>(block_bytes_wanted / size, 1, factor_max);
    if (factor > 1)
      pieces = analytics::split(records, block_bytes_wanted * factor);
  }
  for (const auto& piece : pieces)
    into.push_back({config.encode(piece),
                    static_cast<std::uint32_t>(piece.record_count()), what.priority,
                    what.is_rest, what.takes_surplus, piece.record_count()});
}

/// Numbers whose records are gone go to the blocks with merged records, by their share.
void spread(std::uint64_t seq_span, std::vector<coalesced_block>& blocks) {
  std::uint64_t records = 0;
  std::uint64_t weight = 0;
  for (const auto& x : blocks) {
    records += x.record_count;
    weight += x.takes_surplus ? x.record_count : 0;
  }
  auto surplus = seq_span - records;
  auto left = surplus;
  for (auto& x : blocks) {
    if (!x.takes_surplus)
      continue;
    // In double: exact enough, and never more than there is.
    auto share = static_cast<std::uint64_t>(static_cast<double>(surplus)
                                            / static_cast<double>(weight)
                                            * static_cast<double>(x.record_count));
    share = std::min(share, left);
    x.seq_span += share;
    left -= share;
  }
  blocks.front().seq_span += left;
}

} // namespace

std::vector<coalesced_block> encode_coalesced(const outbox_config& config,
                                              analytics::coalesce_result&& records,
                                              std::uint64_t seq_span) {
  std::vector<coalesced_block> result;
  auto& all = records.merged;
  add(config, {all.series, {}, {}, std::move(all.alerts), {}},
      {block_priority::alert, false, false}, result);
  add(config, {all.series, std::move(all.summaries), std::move(all.anomalies), {}, {}},
      {block_priority::summary, false, true}, result);
  add(config, {{}, {}, {}, {}, std::move(all.rejections)},
      {block_priority::raw, false, false}, result);
  add(config, records.rest, {block_priority::summary, true, false}, result);
  spread(seq_span, result);
  return result;
}

std::size_t size_of(const std::vector<coalesced_block>& blocks) {
  std::size_t result = 0;
  for (const auto& x : blocks)
    result += x.bytes.size();
  return result;
}

} // namespace weir::storage
