// A small file system in memory that a test fills and frees. Needs the right to mount;
// without it the test says so and ends.
#pragma once

#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

namespace weir::test {

namespace fs = std::filesystem;

class small_disk {
public:
  small_disk() {
    fs::create_directory(path());
    mounted_ = ::mount("weir-test", path().c_str(), "tmpfs", 0, "size=3m") == 0;
    if (!mounted_)
      WARN("skipped: mounting a small file system is not permitted here ("
           << std::strerror(errno) << ")");
  }
  ~small_disk() {
    if (mounted_)
      ::umount(path().c_str());
  }

  fs::path path() const {
    return directory_ / "disk";
  }
  bool mounted() const {
    return mounted_;
  }

  /// Leaves no byte free.
  void fill() const {
    std::ofstream file{path() / "filler", std::ios::binary};
    auto chunk = std::string(4096, 'f');
    while (file.write(chunk.data(), 4096).flush())
      continue;
  }
  void make_read_only() const {
    ::mount(nullptr, path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
  }
  void free() const {
    fs::remove(path() / "filler");
  }

private:
  temp_directory directory_;
  bool mounted_ = false;
};

} // namespace weir::test
