#include "transport/private_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::transport {

namespace {

constexpr std::size_t line_bytes_max = 4096;

struct owned_fd {
  int fd = -1;

  ~owned_fd() {
    if (fd >= 0)
      ::close(fd);
  }
};

} // namespace

expected<std::string, error> read_private_line(const std::filesystem::path& file,
                                               std::string_view what) {
  auto name = file.string();
  auto failed = [&] {
    return unexpected(error{errc::unreadable_file, "cannot read " + std::string{what}
                                                     + " " + name + ": "
                                                     + std::strerror(errno)});
  };
  auto in = owned_fd{::open(name.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info {};
  if (in.fd < 0 || ::fstat(in.fd, &info) != 0)
    return failed();
  if ((info.st_mode & 077) != 0)
    return unexpected(
      error{errc::unreadable_file, std::string{what} + " " + name
                                     + " can be read by others than its owner: run "
                                       "chmod 600 "
                                     + name});
  auto buffer = std::array<char, line_bytes_max>{};
  auto size = ::read(in.fd, buffer.data(), buffer.size());
  if (size < 0)
    return failed();
  auto result = std::string{buffer.data(), static_cast<std::size_t>(size)};
  sodium_memzero(buffer.data(), buffer.size());
  if (auto end = result.find_first_of("\r\n"); end != std::string::npos)
    result.resize(end);
  return result;
}

} // namespace weir::transport
