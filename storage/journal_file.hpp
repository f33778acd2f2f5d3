// INTERNAL: one file of the journal: bytes in and out, and where they may fail. Errors
// are thrown as `failure`.
#pragma once

#include "storage/journal_format.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace weir::storage {

/// Not thread-safe, but for sync(), which may run beside anything but the destructor.
class journal_file {
public:
  /// Opens, or makes and preallocates, the file. An existing one keeps its size.
  journal_file(std::filesystem::path path, std::size_t size_bytes);
  ~journal_file();
  journal_file(journal_file&& other) noexcept;
  journal_file& operator=(journal_file&& other) noexcept;

  const std::filesystem::path& path() const {
    return path_;
  }
  std::size_t size_bytes() const {
    return size_bytes_;
  }

  /// All of it. Pages that the disk does not give come as zeros.
  void read(std::string& into) const;

  /// As many bytes as there are, at most `size`.
  std::string read_head(std::size_t size) const;

  /// All or an error; a part may be there then.
  void write(std::string_view bytes, std::size_t offset);

  /// What was written is on the disk when it returns.
  void sync() const;

private:
  void close() noexcept;

  std::filesystem::path path_;
  std::size_t size_bytes_ = 0;
  int fd_ = -1;
};

/// Of an errno in `doing`, e.g. "write": what to throw.
[[noreturn]] void fail_in(const std::filesystem::path& path, const char* doing,
                          int code);

} // namespace weir::storage
