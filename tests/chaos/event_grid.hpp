// The events of a run. Each has an identity that can be computed: worker, device and
// number k on a grid of times; the value follows from it. So the ledger of what is
// owed needs no more than the numbers, and an event that was changed, lost or counted
// twice is seen in the one window that it has to itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::chaos {

struct event_grid {
  std::uint64_t seed = 1;
  std::int64_t start_ns = 0;         ///< Time of the events with k = 0; whole seconds.
  std::int64_t step_ns = 10'000'000; ///< From one event of a series to the next.
  std::int64_t wide_ns = 1'000'000'000; ///< Width of the windows that hold many.
  std::size_t devices = 5;              ///< Series of each worker.

  std::int64_t time_ns(std::uint64_t k) const {
    return start_ns + static_cast<std::int64_t>(k) * step_ns;
  }

  /// How many events of a series are due at `now_ns`.
  std::uint64_t due(std::int64_t now_ns) const {
    return now_ns < start_ns
             ? 0
             : static_cast<std::uint64_t>((now_ns - start_ns) / step_ns);
  }

  /// A whole number below 1,000,000: sums of them are exact in doubles.
  double value(std::size_t worker, std::size_t device, std::uint64_t k) const;

  static std::string source(std::size_t worker, std::size_t device);

  /// Where `source` says so; false for names that are not ours.
  static bool parse_source(const std::string& source, std::size_t& worker,
                           std::size_t& device);

  /// The payload of the events [first, last) of all devices of a worker, as a JSON
  /// array. Every other device gives its events an `id`, the others leave it to the
  /// edge to tell them apart by series, time and value.
  std::string payload(std::size_t worker, std::uint64_t first,
                      std::uint64_t last) const;
};

} // namespace weir::chaos
