// The command line of weir-chaos.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace weir::chaos {

struct options {
  std::size_t kills = 30; ///< SIGKILLs in all, spread evenly over the programs.
  std::uint64_t seed = 1;
  std::vector<std::string> faults{"edge", "centre", "broker", "stop", "partition"};
  std::size_t rate = 2000; ///< Events a second, all feeds together.
  std::size_t gap_min_ms = 150;
  std::size_t gap_max_ms = 1200;
  std::filesystem::path bin_directory;
  std::filesystem::path mosquitto_conf;
  std::filesystem::path directory; ///< Empty: a temporary one.
  std::string mutant;              ///< Breaks the system on purpose; see main.cpp.
  bool expect_loss = false;        ///< Succeeds only if the verdict is bad.
  bool overlap = true;             ///< MQTT feeds repeat what a broker may forget.
  bool failpoints = false;         ///< Go through every commit point instead.
  bool keep = false;               ///< Keep the files of a good run, too.

  bool wants(const std::string& fault) const;
};

/// Prints what is wrong and returns false, with the status to exit with.
bool read_options(int argc, char** argv, options& out, int& status);

} // namespace weir::chaos
