#include "tests/chaos/checker.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <unordered_map>

namespace weir::chaos {

namespace {

constexpr std::size_t findings_max = 20;

struct place {
  std::size_t worker = 0;
  std::size_t device = 0;
  bool wide = false;
};

/// Which of our series a canonical text names: v{source="w0-d1"} or, of the wide
/// windows, v{source="w0-d1",view="wide"}.
std::optional<place> place_of(const std::string& canonical) {
  constexpr std::string_view begin = "v{source=\"";
  if (!canonical.starts_with(begin))
    return std::nullopt;
  auto quote = canonical.find('"', begin.size());
  if (quote == std::string::npos)
    return std::nullopt;
  place result;
  if (!event_grid::parse_source(canonical.substr(begin.size(), quote - begin.size()),
                                result.worker, result.device))
    return std::nullopt;
  auto rest = canonical.substr(quote + 1);
  if (rest == ",view=\"wide\"}")
    result.wide = true;
  else if (rest != "}")
    return std::nullopt;
  return result;
}

/// What is stored of one series.
struct series_content {
  std::vector<std::uint8_t> counts; ///< By k; 255 is that or more.
  std::vector<read_window> wide;
};

struct wide_oracle {
  std::uint64_t count = 0;
  double sum = 0;
  double min = 0;
  double max = 0;

  void add(double x) {
    min = count == 0 ? x : std::min(min, x);
    max = count == 0 ? x : std::max(max, x);
    sum += x;
    ++count;
  }
};

class comparison {
public:
  comparison(const event_grid& grid,
             const std::vector<std::unique_ptr<worker_ledger>>& ledgers,
             const read_store& store)
    : grid_(grid), ledgers_(ledgers), store_(store),
      content_(ledgers.size() * grid.devices) {
  }

  verdict run(const std::string& edge) {
    for (auto& x : store_.windows)
      take(x, edge);
    for (std::size_t worker = 0; worker < ledgers_.size(); ++worker)
      for (std::size_t device = 0; device < grid_.devices; ++device) {
        compare_events(worker, device);
        compare_wide(worker, device);
      }
    return std::move(result_);
  }

private:
  series_content& content(std::size_t worker, std::size_t device) {
    return content_[worker * grid_.devices + device];
  }

  std::string name(std::size_t worker, std::size_t device, std::uint64_t k) const {
    return event_grid::source(worker, device) + " #" + std::to_string(k) + " ("
           + std::to_string(grid_.time_ns(k) / 1'000'000) + " ms)";
  }

  void find(std::string what) {
    if (result_.findings.size() < findings_max)
      result_.findings.push_back(std::move(what));
  }

  void take(const read_window& x, const std::string& edge) {
    auto series = store_.series.find(x.series);
    if (series == store_.series.end())
      return find("a window of series " + std::to_string(x.series)
                  + ", which has no name");
    auto where = place_of(series->second.canonical);
    if (!where || series->second.edge != edge || where->worker >= ledgers_.size()
        || where->device >= grid_.devices) {
      ++result_.strange;
      return find("a window of " + series->second.edge + " "
                  + series->second.canonical);
    }
    if (where->wide)
      content(where->worker, where->device).wide.push_back(x);
    else
      take_event(x, *where);
  }

  /// A window of the grid's step: one event.
  void take_event(const read_window& x, const place& where) {
    auto from_start = x.start_ns - grid_.start_ns;
    auto k = static_cast<std::uint64_t>(from_start / grid_.step_ns);
    if (x.width_ns != grid_.step_ns || from_start < 0 || from_start % grid_.step_ns != 0
        || ledgers_[where.worker]->of(k) == debt::none) {
      ++result_.strange;
      return find("nothing was ever sent for the window of "
                  + event_grid::source(where.worker, where.device) + " at "
                  + std::to_string(x.start_ns));
    }
    auto& counts = content(where.worker, where.device).counts;
    if (counts.size() <= k)
      counts.resize(ledgers_[where.worker]->end());
    auto once = grid_.value(where.worker, where.device, k);
    counts[k]
      = static_cast<std::uint8_t>(std::min<std::uint64_t>(counts[k] + x.count, 255));
    if (x.count == 1 && (x.sum != once || x.min != once || x.max != once)) {
      ++result_.changed;
      find(name(where.worker, where.device, k) + " has another value");
    }
  }

  void compare_events(std::size_t worker, std::size_t device) {
    auto& counts = content(worker, device).counts;
    counts.resize(ledgers_[worker]->end());
    for (std::uint64_t k = 0; k < counts.size(); ++k) {
      auto debt = ledgers_[worker]->of(k);
      result_.events += debt == debt::owed ? 1 : 0;
      result_.in_doubt += debt == debt::sent ? 1 : 0;
      if (counts[k] == 0 && debt == debt::owed) {
        ++result_.lost;
        find(name(worker, device, k) + " is lost");
      }
      if (counts[k] > 1) {
        result_.doubled += counts[k] - 1u;
        find(name(worker, device, k) + " counts " + std::to_string(counts[k])
             + " times");
      }
    }
  }

  /// The wide windows tell of the same events: those that the narrow ones hold, each
  /// once.
  void compare_wide(std::size_t worker, std::size_t device) {
    std::unordered_map<std::int64_t, wide_oracle> expected;
    auto& content_here = content(worker, device);
    for (std::uint64_t k = 0; k < content_here.counts.size(); ++k) {
      auto debt = ledgers_[worker]->of(k);
      if (debt == debt::owed || (debt == debt::sent && content_here.counts[k] > 0))
        expected[grid_.time_ns(k) / grid_.wide_ns * grid_.wide_ns].add(
          grid_.value(worker, device, k));
    }
    result_.wide_windows += expected.size();
    for (auto& x : content_here.wide) {
      auto found = expected.find(x.start_ns);
      auto good = found != expected.end() && x.width_ns == grid_.wide_ns
                  && x.count == found->second.count && x.sum == found->second.sum
                  && x.min == found->second.min && x.max == found->second.max
                  && !x.early;
      if (!good)
        wide_is_wrong(worker, device, x,
                      found == expected.end() ? 0 : found->second.count);
      if (found != expected.end())
        expected.erase(found);
    }
    for (auto& x : expected) {
      ++result_.wide_missing;
      find("the wide window of " + event_grid::source(worker, device) + " at "
           + std::to_string(x.first / 1'000'000) + " ms is not there");
    }
  }

  void wide_is_wrong(std::size_t worker, std::size_t device, const read_window& x,
                     std::uint64_t expected) {
    ++result_.wide_wrong;
    find("the wide window of " + event_grid::source(worker, device) + " at "
         + std::to_string(x.start_ns / 1'000'000) + " ms counts "
         + std::to_string(x.count) + " of " + std::to_string(expected) + " events");
  }

  const event_grid& grid_;
  const std::vector<std::unique_ptr<worker_ledger>>& ledgers_;
  const read_store& store_;
  std::vector<series_content> content_;
  verdict result_;
};

} // namespace

verdict compare(const event_grid& grid,
                const std::vector<std::unique_ptr<worker_ledger>>& ledgers,
                const read_store& store, const std::string& edge) {
  return comparison{grid, ledgers, store}.run(edge);
}

} // namespace weir::chaos
