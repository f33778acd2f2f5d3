// A directory of its own for one test, removed with everything in it at the
// end.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace weir::test {

class temp_dir {
public:
  temp_dir() : temp_dir(std::filesystem::temp_directory_path()) {
  }

  /// In another place than usual, e.g. in memory.
  explicit temp_dir(const std::filesystem::path& parent) {
    auto name = (parent / "weir-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("cannot make a temporary directory " + name);
    path_ = name;
  }

  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;

  ~temp_dir() {
    auto ignored = std::error_code{};
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const {
    return path_;
  }

  std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }

private:
  std::filesystem::path path_;
};

/// Replaces the file's content.
inline void write_file(const std::filesystem::path& file, std::string_view content) {
  auto out = std::ofstream{file, std::ios::binary | std::ios::trunc};
  out << content;
  if (!out.flush())
    throw std::runtime_error("cannot write " + file.string());
}

/// Empty if there is no such file.
inline std::string read_file(const std::filesystem::path& file) {
  auto in = std::ifstream{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
}

} // namespace weir::test
