// Puts samples into a store, as the centre does with what its edges send, and notes how
// long it took.
#pragma once

#include "tests/bench/storage_samples.hpp"

#include "storage/store.hpp"

namespace weir::bench {

struct fill_options {
  std::size_t edges = 1; ///< Each has all series; above one: see edge_name().
  std::size_t commit_records = 20'000; ///< Windows in a transaction.
  std::size_t block_records_max = 1'000;
  bool by_series = false; ///< One series after another instead of in the order of time.
  bool full = false;      ///< Windows of ten events instead of one.
  bool fat = false;       ///< Those with values of all bits.
  bool maintains = true;  ///< Calls maintain() between commits, else commits do it.
  double seconds_max = 0; ///< Ends before the set does; 0: no limit.
};

struct fill_result {
  std::uint64_t records = 0;
  std::uint64_t commits = 0;
  double commit_s = 0;   ///< All calls of commit().
  double maintain_s = 0; ///< All calls of maintain().
  double flush_s = 0;    ///< The last flush(), of what stood as rows still.
  std::uint64_t flushed = 0;
  double commit_p99_ms = 0;
  double maintain_p99_ms = 0;
  double cpu_s = 0; ///< Of all three.

  double seconds() const {
    return commit_s + maintain_s + flush_s;
  }
};

/// All edges but the first have names of their own.
std::string edge_name(std::size_t edge);

/// How the bench opens its stores: large, and nothing is dropped for its age.
storage::store_config bench_store(const std::filesystem::path& directory);

/// Ends the program with a message if the store refuses something.
fill_result fill_store(storage::store& store, const sample_set& set,
                       const fill_options& options);

} // namespace weir::bench
