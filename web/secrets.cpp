#include "web/secrets.hpp"

#include <sodium.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::web {

namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t key_size_min = 32; // Characters; ours has 64.
constexpr std::size_t key_size_max = 256;

/// A file descriptor that closes itself.
struct file {
  explicit file(int fd_) : fd(fd_) {
  }
  ~file() {
    if (fd >= 0)
      ::close(fd);
  }
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  int fd;
};

error file_error(const std::filesystem::path& path, std::string_view what) {
  return {errc::unreadable_file,
          "The key file " + path.string() + " " + std::string{what} + "."};
}

error system_error(const std::filesystem::path& path, std::string_view what) {
  return file_error(path, std::string{what} + ": " + std::strerror(errno));
}

expected<std::string, error> read_key(const std::filesystem::path& path,
                                      const file& opened) {
  struct stat status {};
  if (::fstat(opened.fd, &status) != 0)
    return unexpected(system_error(path, "cannot be looked at"));
  if (!S_ISREG(status.st_mode))
    return unexpected(file_error(path, "is not a regular file"));
  if ((status.st_mode & 077) != 0)
    return unexpected(
      file_error(path, "may be read by others than its owner: who reads it is "
                       "the admin. Set its mode to 0600 (chmod 600), and "
                       "delete it to get a new key if others have seen it"));
  std::string text(key_size_max + 2, '\0');
  auto size = ::read(opened.fd, text.data(), text.size());
  if (size < 0)
    return unexpected(system_error(path, "cannot be read"));
  text.resize(static_cast<std::size_t>(size));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  if (text.size() < key_size_min || text.size() > key_size_max
      || text.find_first_of(" \t\r\n") != text.npos)
    return unexpected(file_error(path, "must hold one line of 32 to 256 "
                                       "characters; delete it to get a new "
                                       "key"));
  return text;
}

expected<std::string, error> write_key(const std::filesystem::path& path,
                                       const file& opened) {
  auto key = make_secret();
  auto line = key + '\n';
  bool written
    = ::write(opened.fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (!written || ::fsync(opened.fd) != 0) {
    auto why = system_error(path, "cannot be written");
    ::unlink(path.c_str());
    return unexpected(why);
  }
  return key;
}

} // namespace

digest digest_of(std::string_view secret) {
  digest result{};
  crypto_generichash(result.data(), result.size(),
                     reinterpret_cast<const unsigned char*>(secret.data()),
                     secret.size(), nullptr, 0);
  return result;
}

bool same_digest(const digest& a, const digest& b) {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string make_secret() {
  static const bool ready = sodium_init() >= 0;
  (void)ready; // It fails only where there is no random source at all: it aborts.
  std::array<unsigned char, secret_bytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, secret_bytes * 2 + 1> text{};
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  sodium_memzero(bytes.data(), bytes.size());
  return {text.data(), secret_bytes * 2};
}

std::string to_base64(std::string_view bytes) {
  constexpr auto variant = sodium_base64_VARIANT_ORIGINAL;
  std::string result(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(result.data(), result.size(),
                    reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    variant);
  result.pop_back(); // The terminating zero.
  return result;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string result(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  auto failed = sodium_base642bin(reinterpret_cast<unsigned char*>(result.data()),
                                  result.size(), text.data(), text.size(), nullptr,
                                  &size, nullptr, sodium_base64_VARIANT_ORIGINAL);
  if (failed != 0)
    return std::nullopt;
  result.resize(size);
  return result;
}

expected<std::string, error> load_or_create_key(const std::filesystem::path& data_dir) {
  auto path = data_dir / "api.key";
  file fresh{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (fresh.fd >= 0)
    return write_key(path, fresh);
  if (errno != EEXIST)
    return unexpected(system_error(path, "cannot be made"));
  // Not through a link, and never waiting for the other end of a pipe.
  file there{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (there.fd < 0)
    return unexpected(system_error(path, "cannot be opened"));
  return read_key(path, there);
}

} // namespace weir::web
