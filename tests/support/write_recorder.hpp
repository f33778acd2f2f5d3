// Records what a program asks of its files: every write and every sync, in order. From
// that, crash_images (crash_images.hpp) makes what a power cut could have left.
//
//   write_recorder recorder{directory};   // files as they are now
//   ... work on the files ...
//   recorder.note(n);                     // "n is promised from here on"
//   auto recording = recorder.stop();
//
// Link weir_write_recorder to the test program: it puts itself before the C library's
// pwrite, writev, fdatasync and so on, also for shared libraries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace weir::test {

struct file_event {
  enum class kind : std::uint8_t { write, sync, note };

  kind what = kind::write;
  std::size_t file = 0;   ///< Index into recording::files.
  std::size_t offset = 0; ///< write
  std::string bytes;      ///< write
  bool through = false;   ///< write: on a descriptor with O_DSYNC, so synced itself.
  std::uint64_t note = 0; ///< note
};

struct recorded_file {
  std::filesystem::path name; ///< Relative to the directory.
  std::string bytes;          ///< When the recording began; all of it durable.
};

struct recording {
  std::vector<recorded_file> files;
  std::vector<file_event> events;
};

/// One at a time in a process. Files must be there when it begins; no file is made,
/// renamed or cut meanwhile (stop() throws if so). Thread-safe.
class write_recorder {
public:
  explicit write_recorder(const std::filesystem::path& directory);
  ~write_recorder();
  write_recorder(const write_recorder&) = delete;
  write_recorder& operator=(const write_recorder&) = delete;

  void note(std::uint64_t n);
  recording stop();
};

/// Makes the next calls fail, for files below the recorder's directory: after `passes`
/// more writes (or syncs) they give `code` (an errno) `times` times. A write that
/// fails does so after half of its bytes where `short_first` is set.
struct write_fault {
  int code = 0;
  int passes = 0;
  int times = 1;
  bool short_first = false;
};
void fail_writes(const write_fault& fault);
void fail_syncs(const write_fault& fault);

} // namespace weir::test
