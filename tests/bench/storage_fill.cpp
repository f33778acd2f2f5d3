#include "tests/bench/storage_fill.hpp"

#include "tests/bench/measure.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace weir::bench {

namespace {

constexpr std::size_t maintain_rows = 10'000;

template <class Result>
auto checked(Result&& result) {
  if (!result)
    std::exit(fail(result.error().message));
  return std::forward<Result>(result);
}

/// Collects blocks of all edges, commits them when they are enough, and moves recent
/// windows on between commits.
class filler {
public:
  filler(storage::store& store, const fill_options& options)
    : store_(store), options_(options), next_seq_(options.edges, 1) {
    auto known = checked(store.positions());
    for (const auto& x : *known)
      for (std::size_t i = 0; i < options.edges; ++i)
        if (x.edge == edge_name(i))
          next_seq_[i] = x.through_seq + 1;
  }

  bool is_late() const {
    return options_.seconds_max > 0 && sum_.seconds() > options_.seconds_max;
  }

  /// All windows of the times [first, last) of a group.
  void add(const sample_group& group, std::size_t first, std::size_t last) {
    for (std::size_t e = 0; e < options_.edges; ++e) {
      analytics::record_block block;
      block.series = group.series;
      for (auto i = first; i < last; ++i)
        for (std::size_t s = 0; s < group.series.size(); ++s) {
          auto value = group.values[s][i];
          if (std::isnan(value))
            continue;
          auto end_ns = group.ends_ns[i];
          block.summaries.push_back(
            options_.full
              ? full_summary(end_ns, group.width_ns, value,
                             static_cast<std::uint32_t>(i * 7919 + s), options_.fat)
              : plain_summary(end_ns, group.width_ns, value));
          block.summaries.back().series = static_cast<analytics::series_id>(s);
        }
      if (!block.summaries.empty())
        add(e, std::move(block));
    }
    now_ns_ = std::max(now_ns_, group.ends_ns[last - 1]);
    if (waiting_records_ >= options_.commit_records)
      commit();
  }

  fill_result finish() {
    if (!waiting_.empty())
      commit();
    sum_.flushed = store_.stats().recent;
    timed(sum_.flush_s, nullptr, [&] { checked(store_.flush(now_ns_)); });
    sum_.commit_p99_ms = quantile(commit_ms_, 0.99);
    sum_.maintain_p99_ms = quantile(maintain_ms_, 0.99);
    return sum_;
  }

private:
  void add(std::size_t edge, analytics::record_block block) {
    auto count = block.record_count();
    waiting_.push_back({.edge = edge_name(edge),
                        .epoch = 7,
                        .run = 1,
                        .first_seq = next_seq_[edge],
                        .seq_span = count,
                        .records = std::move(block)});
    next_seq_[edge] += count;
    sum_.records += count;
    waiting_records_ += count;
  }

  void commit() {
    timed(sum_.commit_s, &commit_ms_,
          [&] { checked(store_.commit(waiting_, now_ns_)); });
    ++sum_.commits;
    waiting_.clear();
    waiting_records_ = 0;
    for (auto more = options_.maintains; more;)
      timed(sum_.maintain_s, &maintain_ms_,
            [&] { more = checked(store_.maintain(maintain_rows, now_ns_)).value(); });
  }

  template <class Fun>
  void timed(double& seconds, std::vector<double>* all_ms, Fun&& fun) {
    auto begin = clock::now();
    auto begin_cpu_s = cpu_seconds();
    fun();
    auto took = seconds_since(begin);
    seconds += took;
    sum_.cpu_s += cpu_seconds() - begin_cpu_s;
    if (all_ms != nullptr)
      all_ms->push_back(took * 1e3);
  }

  storage::store& store_;
  const fill_options& options_;
  std::vector<std::uint64_t> next_seq_;
  std::vector<storage::incoming_block> waiting_;
  std::size_t waiting_records_ = 0;
  std::int64_t now_ns_ = 0;
  std::vector<double> commit_ms_;
  std::vector<double> maintain_ms_;
  fill_result sum_;
};

} // namespace

std::string edge_name(std::size_t edge) {
  return edge == 0 ? sample_edge : "edge-" + std::to_string(edge);
}

storage::store_config bench_store(const std::filesystem::path& directory) {
  storage::store_config result;
  result.directory = directory;
  result.size_bytes_max = 64ull << 30;
  result.keep.raw_ns = result.keep.minute_ns = result.keep.hour_ns = 0;
  return result;
}

fill_result fill_store(storage::store& store, const sample_set& set,
                       const fill_options& options) {
  filler result{store, options};
  auto add = [&](const sample_group& group) {
    auto series = std::max<std::size_t>(group.series.size(), 1);
    auto times = std::max<std::size_t>(options.block_records_max / series, 1);
    for (std::size_t i = 0; i < group.ends_ns.size() && !result.is_late(); i += times)
      result.add(group, i, std::min(i + times, group.ends_ns.size()));
  };
  for (const auto& group : set)
    if (options.by_series)
      for (std::size_t s = 0; s < group.series.size(); ++s)
        add({group.width_ns, group.ends_ns, {group.series[s]}, {group.values[s]}});
    else
      add(group);
  return result.finish();
}

} // namespace weir::bench
