// What a power cut could have left of recorded files: synced writes stand; of the
// others each sector of 512 bytes has any of the contents it had since its last sync.
#pragma once

#include "tests/support/write_recorder.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace weir::test {

struct crash_image {
  std::vector<std::string> files; ///< As recording::files.
  std::uint64_t promised = 0;     ///< The last note before the cut.
  std::size_t event = 0;          ///< The cut comes in this event or right before it.
};

struct crash_plan {
  std::size_t images = 100;
  unsigned seed = 1;

  /// As a disk, or a program, that does not care for syncs.
  bool ignore_syncs = false;
};

/// Hands `plan.images` images to `use`, at random moments of the recording.
void for_each_crash_image(const recording& from, const crash_plan& plan,
                          const std::function<void(const crash_image&)>& use);

/// Writes the image's files into `directory`, which is made anew.
void write_image(const recording& from, const crash_image& image,
                 const std::filesystem::path& directory);

} // namespace weir::test
