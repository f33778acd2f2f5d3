#include "tests/chaos/small_disk.hpp"

#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

namespace weir::chaos {

namespace {

constexpr const char* ballast = "ballast";

} // namespace

std::unique_ptr<small_disk> small_disk::mount(const std::filesystem::path& directory,
                                              std::size_t size_mb) {
  std::filesystem::create_directories(directory);
  auto size = "size=" + std::to_string(size_mb) + "m,mode=0700";
  if (::mount("weir-chaos", directory.c_str(), "tmpfs", 0, size.c_str()) != 0)
    return nullptr;
  return std::unique_ptr<small_disk>{new small_disk{directory}};
}

small_disk::small_disk(std::filesystem::path directory)
  : directory_(std::move(directory)) {
}

small_disk::~small_disk() {
  ::umount2(directory_.c_str(), MNT_DETACH);
}

void small_disk::fill() const {
  auto fd
    = ::open((directory_ / ballast).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  std::vector<char> bytes(1 << 20);
  // Large pieces first, then whatever is left.
  for (auto size = bytes.size(); size > 0;)
    if (::write(fd, bytes.data(), size) <= 0)
      size /= 2;
  ::close(fd);
}

void small_disk::free() const {
  ::unlink((directory_ / ballast).c_str());
}

void small_disk::save(const std::filesystem::path& target) const {
  std::error_code ignored;
  std::filesystem::copy(directory_, target, std::filesystem::copy_options::recursive,
                        ignored);
}

} // namespace weir::chaos
