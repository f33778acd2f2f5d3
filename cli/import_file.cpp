#include "cli/import_file.hpp"

#include "analytics/series.hpp"

#include <filesystem>
#include <iostream>
#include <vector>

#include <stdlib.h>
#include <unistd.h>

namespace weir::cli {

namespace {

constexpr std::size_t chunk_bytes = 64 << 10;

/// A file without a name, which holds all of standard input.
expected<std::ifstream, std::string> spool() {
  std::error_code failed;
  auto directory = std::filesystem::temp_directory_path(failed);
  auto path
    = (failed ? std::string{"/tmp"} : directory.string()) + "/weir-import-XXXXXX";
  auto handle = mkstemp(path.data());
  if (handle < 0)
    return unexpected("cannot make a temporary file in " + path);
  close(handle);
  std::ofstream out{path, std::ios::binary};
  std::ifstream in{path, std::ios::binary};
  unlink(path.c_str());
  std::vector<char> chunk(chunk_bytes);
  while (std::cin.read(chunk.data(), chunk_bytes), std::cin.gcount() > 0)
    out.write(chunk.data(), std::cin.gcount());
  out.close();
  if (!out || !in)
    return unexpected(std::string{"standard input does not fit into the directory for "
                                  "temporary files: set TMPDIR, or name a file"});
  return in;
}

} // namespace

expected<import_file, std::string> import_file::open(const std::string& path) {
  import_file result;
  if (path == "-") {
    auto in = spool();
    if (!in)
      return unexpected(in.error());
    result.in_ = std::move(*in);
    return result;
  }
  std::error_code failed;
  if (std::filesystem::exists(path, failed)
      && !std::filesystem::is_regular_file(path, failed))
    return unexpected(path + " is no regular file: it is read twice. Use - for a pipe");
  result.in_.open(path, std::ios::binary);
  if (!result.in_)
    return unexpected("cannot read " + path);
  return result;
}

expected<std::uint64_t, std::string> import_file::number(std::string_view recipe) {
  auto hash = analytics::stable_hash(recipe, 1);
  std::vector<char> chunk(chunk_bytes);
  while (in_.read(chunk.data(), chunk_bytes), in_.gcount() > 0)
    hash = analytics::stable_hash(
      {chunk.data(), static_cast<std::size_t>(in_.gcount())}, hash);
  if (in_.bad())
    return unexpected(std::string{"the file cannot be read to its end"});
  return hash == 0 ? 1 : hash;
}

} // namespace weir::cli
