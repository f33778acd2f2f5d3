// A directory of its own for each test, in memory where the system offers that
// (the tests then do not wait for a disk), removed at the end.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace weir::test {

class temp_directory {
public:
  temp_directory() {
    std::error_code failed;
    auto base = std::filesystem::is_directory("/dev/shm", failed)
                  ? std::filesystem::path{"/dev/shm"}
                  : std::filesystem::temp_directory_path();
    auto name = (base / "weir-storage-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~temp_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temp_directory(const temp_directory&) = delete;
  temp_directory& operator=(const temp_directory&) = delete;

  const std::filesystem::path& path() const {
    return path_;
  }
  std::filesystem::path operator/(const char* name) const {
    return path_ / name;
  }

private:
  std::filesystem::path path_;
};

} // namespace weir::test
