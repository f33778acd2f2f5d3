#include "transport/curve.hpp"

#include "transport/private_file.hpp"
#include "transport/zmq_support.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::transport {

namespace {

constexpr std::size_t key_text_size = 40;

error bad(errc code, std::string message) {
  return error{code, std::move(message)};
}

/// Closes on every way out.
struct owned_fd {
  int fd = -1;

  ~owned_fd() {
    if (fd >= 0)
      ::close(fd);
  }
};

expected<std::string, error> public_key_of(const std::string& secret) {
  auto result = std::array<char, key_text_size + 1>{};
  if (zmq_curve_public(result.data(), secret.c_str()) != 0)
    return unexpected(
      bad(errc::unsupported, "this build of ZeroMQ has no CURVE encryption"));
  return std::string{result.data(), key_text_size};
}

} // namespace

curve_key_pair make_curve_keys() {
  auto result = curve_key_pair{std::string(key_text_size + 1, '\0'),
                               std::string(key_text_size + 1, '\0')};
  // Fails only in a build without CURVE; validate() then refuses the empty
  // keys.
  if (zmq_curve_keypair(result.public_key.data(), result.secret_key.data()) != 0)
    return {};
  result.public_key.resize(key_text_size);
  result.secret_key.resize(key_text_size);
  return result;
}

bool is_curve_key(std::string_view text) {
  if (text.size() != key_text_size)
    return false;
  auto raw = std::array<std::uint8_t, 32>{};
  return zmq_z85_decode(raw.data(), std::string{text}.c_str()) != nullptr;
}

bool is_peer_name(std::string_view name) {
  auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 64
         && std::all_of(name.begin(), name.end(), fits);
}

expected<curve_key_pair, error> read_secret_key(const std::filesystem::path& file) {
  auto secret = read_private_line(file, "the secret key");
  if (!secret)
    return unexpected(secret.error());
  if (!is_curve_key(*secret))
    return unexpected(
      bad(errc::malformed, file.string()
                             + " holds no CURVE key: one line of 40 characters "
                               "of Z85 is expected"));
  auto result = curve_key_pair{};
  result.secret_key = std::move(*secret);
  auto derived = public_key_of(result.secret_key);
  if (!derived)
    return unexpected(derived.error());
  result.public_key = std::move(*derived);
  return result;
}

expected<void, error> write_secret_key(const std::filesystem::path& file,
                                       const curve_key_pair& keys) {
  auto name = file.string();
  if (!is_curve_key(keys.secret_key))
    return unexpected(
      bad(errc::invalid_config, "there is no valid secret key to write to " + name));
  auto out
    = owned_fd{::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (out.fd < 0 && errno == EEXIST)
    return unexpected(
      bad(errc::invalid_config, name
                                  + " exists and a key is never overwritten: move "
                                    "it away or choose another name"));
  auto line = keys.secret_key + "\n";
  auto done
    = out.fd >= 0
      && ::write(out.fd, line.data(), line.size()) == static_cast<ssize_t>(line.size())
      && ::fsync(out.fd) == 0;
  auto why = errno;
  sodium_memzero(line.data(), line.size());
  if (!done)
    return unexpected(bad(errc::unreadable_file, "cannot write the secret key " + name
                                                   + ": " + std::strerror(why)));
  return {};
}

expected<void, error> validate(const curve_client_keys& keys) {
  if (!keys.encrypted())
    return {};
  if (!is_curve_key(keys.server_public_key))
    return unexpected(
      bad(errc::invalid_config, "server_public_key \"" + keys.server_public_key
                                  + "\" is no CURVE key: 40 characters of Z85 are "
                                    "expected"));
  if (!is_curve_key(keys.own.public_key) || !is_curve_key(keys.own.secret_key))
    return unexpected(bad(errc::invalid_config,
                          "an encrypted connection needs an own key pair: set "
                          "the secret key's file"));
  return {};
}

expected<void, error> validate(const curve_server_keys& keys) {
  if (!keys.encrypted()) {
    if (!keys.allowed.empty())
      return unexpected(bad(errc::invalid_config,
                            "there is an allow-list but no secret key of the "
                            "server's own: nothing could be checked"));
    return {};
  }
  if (!is_curve_key(keys.own.public_key) || !is_curve_key(keys.own.secret_key))
    return unexpected(bad(errc::invalid_config,
                          "the server's own keys are no CURVE keys: 40 "
                          "characters of Z85 each are expected"));
  auto names = std::set<std::string_view>{};
  auto known = std::set<std::string_view>{};
  for (const auto& peer : keys.allowed) {
    if (!is_peer_name(peer.name))
      return unexpected(
        bad(errc::invalid_config, "allowed peer \"" + peer.name
                                    + "\": a name has 1 to 64 of A-Z a-z 0-9 . _ -"));
    if (!is_curve_key(peer.public_key))
      return unexpected(bad(errc::invalid_config, "allowed peer " + peer.name + ": \""
                                                    + peer.public_key
                                                    + "\" is no CURVE key"));
    if (!names.insert(peer.name).second)
      return unexpected(
        bad(errc::invalid_config, "allowed peer " + peer.name + " is listed twice"));
    if (!known.insert(peer.public_key).second)
      return unexpected(bad(errc::invalid_config, "allowed peer " + peer.name
                                                    + " has the key of another one"));
  }
  return {};
}

} // namespace weir::transport
