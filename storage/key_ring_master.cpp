#include "storage/key_ring_master.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::storage {

namespace {

constexpr std::string_view header = "weir-master-key ";
constexpr std::string_view header_line = "weir-master-key 1\n";
constexpr int version = 1;
constexpr std::size_t file_bytes_max = 256;
constexpr mode_t others = 077;
constexpr mode_t others_of_credential = 037;

/// Closes on every way out.
struct owned_fd {
  int fd = -1;

  ~owned_fd() {
    if (fd >= 0)
      ::close(fd);
  }
};

using file_text = wiped_array<char, file_bytes_max + 1>;

error bad_file(const std::string& origin, const std::string& what) {
  return {errc::bad_key_file, "the master key (" + origin + ") " + what};
}

error system_error(const std::string& origin, const std::string& what) {
  return bad_file(origin, what + ": " + std::strerror(errno));
}

std::string fingerprint_of(const secret_key& key) {
  std::array<unsigned char, 16> hash;
  keyed_hash(key, "weir master key fingerprint 1", hash);
  constexpr auto digits = "0123456789abcdef";
  std::string result;
  for (std::size_t i = 0; i < 8; ++i)
    result += {digits[hash[i] >> 4], digits[hash[i] & 15]};
  return result;
}

/// Who else could read the key, or could put another one there.
expected<void, error> check_access(const struct stat& info, const std::string& name,
                                   const std::string& origin, mode_t forbidden) {
  if (!S_ISREG(info.st_mode))
    return unexpected(bad_file(origin, "is not a regular file"));
  if (info.st_uid != 0 && info.st_uid != ::geteuid())
    return unexpected(bad_file(origin, "belongs to user " + std::to_string(info.st_uid)
                                         + ", who could exchange it: run chown "
                                         + std::to_string(::geteuid()) + " " + name));
  if ((info.st_mode & forbidden) != 0)
    return unexpected(
      bad_file(origin, "is open to others than its owner: run chmod 600 " + name
                         + "; if others may have read it, make a new one and change "
                           "to it"));
  return {};
}

/// Everything up to file_bytes_max + 1 bytes.
expected<std::size_t, error> read_file(int fd, file_text& text,
                                       const std::string& origin) {
  std::size_t size = 0;
  while (size < text.size()) {
    auto got = ::read(fd, text.data() + size, text.size() - size);
    if (got == 0)
      break;
    if (got < 0 && errno != EINTR)
      return unexpected(system_error(origin, "cannot be read"));
    if (got > 0)
      size += static_cast<std::size_t>(got);
  }
  return size;
}

expected<master_key, error> read_from(const std::filesystem::path& file,
                                      const std::string& origin, mode_t forbidden) {
  auto name = file.string();
  // Does not wait for the other end of a pipe.
  owned_fd in{::open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  struct stat info {};
  if (in.fd < 0 && errno == ENOENT)
    return unexpected(bad_file(origin, "does not exist: restore it from where it is "
                                       "kept; for a new store, weir keys store "
                                         + name + " makes one"));
  if (in.fd < 0 || ::fstat(in.fd, &info) != 0)
    return unexpected(system_error(origin, "cannot be opened"));
  if (auto safe = check_access(info, name, origin, forbidden); !safe)
    return unexpected(safe.error());
  file_text text;
  auto size = read_file(in.fd, text, origin);
  if (!size)
    return unexpected(size.error());
  return decode_master_key({text.data(), *size}, origin);
}

/// Takes one line off; nothing if there is none.
std::optional<std::string_view> take_line(std::string_view& text) {
  if (text.empty())
    return std::nullopt;
  auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  return line;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno != EINTR)
      return false;
    if (done > 0)
      bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

/// The new name is on disk, too.
bool sync_directory_of(const std::filesystem::path& file) {
  auto parent = file.has_parent_path() ? file.parent_path() : ".";
  owned_fd in{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  return in.fd >= 0 && ::fsync(in.fd) == 0;
}

} // namespace

master_key::master_key(secret_key key, std::string origin)
  : key_(std::move(key)), origin_(std::move(origin)),
    fingerprint_(fingerprint_of(key_)) {
}

master_key master_key::random(std::string origin) {
  return {secret_key::random(), std::move(origin)};
}

expected<master_key, error> decode_master_key(std::string_view text,
                                              const std::string& origin) {
  auto wrong_form = [&](const std::string& what) {
    return unexpected(bad_file(origin, what
                                         + "; expected are the line \"weir-master-key "
                                           "1\" and a line with 32 bytes as 64 hex "
                                           "digits or as base64"));
  };
  if (text.size() > file_bytes_max)
    return wrong_form("is longer than 256 bytes");
  auto first = take_line(text);
  if (!first || !first->starts_with(header))
    return wrong_form("does not begin with \"weir-master-key \"");
  auto digits = first->substr(header.size());
  int given = 0;
  auto [end, failed]
    = std::from_chars(digits.data(), digits.data() + digits.size(), given);
  if (failed != std::errc{} || end != digits.data() + digits.size() || given < 1)
    return wrong_form("has no version in its first line");
  if (given > version)
    return unexpected(
      error{errc::unsupported,
            "the master key (" + origin + ") has version " + std::to_string(given)
              + "; this program knows version 1: " + "start the newer program"});
  auto second = take_line(text);
  if (!second)
    return wrong_form("has no second line");
  auto key = secret_key::from_text(*second);
  if (!key)
    return wrong_form("has a second line of " + std::to_string(second->size())
                      + " characters that are no key");
  if (text.find_first_not_of("\r\n") != text.npos)
    return wrong_form("has more than two lines");
  return master_key{std::move(*key), origin};
}

expected<master_key, error> read_master_key(const std::filesystem::path& file) {
  return read_from(file, "file " + file.string(), others);
}

std::filesystem::path credentials_directory() {
  const char* name = std::getenv("CREDENTIALS_DIRECTORY");
  return name == nullptr ? "" : name;
}

expected<master_key, error>
read_master_credential(const std::string& name,
                       const std::filesystem::path& directory) {
  auto origin = "credential " + name;
  if (directory.empty())
    return unexpected(bad_file(origin, "is not there: systemd has not set "
                                       "CREDENTIALS_DIRECTORY. Put LoadCredential="
                                         + name + ":FILE into the service's unit"));
  if (name.empty() || name.find('/') != name.npos || name == "." || name == "..")
    return unexpected(bad_file(origin, "has no valid name: it is one file name, "
                                       "without a slash"));
  return read_from(directory / name, origin, others_of_credential);
}

expected<void, error> write_master_key(const std::filesystem::path& file,
                                       const master_key& key) {
  auto name = file.string();
  auto origin = "file " + name;
  owned_fd out{::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (out.fd < 0 && errno == EEXIST)
    return unexpected(
      bad_file(origin, "exists already and is never overwritten: what it opens would "
                       "be lost. Choose another name"));
  if (out.fd < 0)
    return unexpected(system_error(origin, "cannot be made"));
  wiped_array<char, header_line.size() + secret_key::hex_size + 1> text;
  auto hex = key.key().hex();
  auto* end = std::copy(header_line.begin(), header_line.end(), text.data());
  *std::copy(hex.begin(), hex.end(), end) = '\n';
  wipe(hex.data(), hex.size());
  if (write_all(out.fd, {text.data(), text.size()}) && ::fsync(out.fd) == 0
      && sync_directory_of(file))
    return {};
  auto why = system_error(origin, "cannot be written");
  ::unlink(name.c_str()); // Half a key is worse than none.
  return unexpected(why);
}

bool is_master_key_file(const std::filesystem::path& file) {
  owned_fd in{::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  std::array<char, header.size()> first;
  return in.fd >= 0
         && ::read(in.fd, first.data(), first.size())
              == static_cast<ssize_t>(first.size())
         && std::string_view{first.data(), first.size()} == header;
}

} // namespace weir::storage
