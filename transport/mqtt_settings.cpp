#include "transport/mqtt_settings.hpp"

#include "transport/private_file.hpp"
#include "transport/utf8.hpp"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <unistd.h>

namespace weir::transport {

namespace {

error invalid(std::string message) {
  return error{errc::invalid_config, std::move(message)};
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5
         && text.find_first_not_of("0123456789") == std::string_view::npos;
}

expected<mqtt_settings, error> parse_uri(const std::string& uri) {
  auto result = mqtt_settings{};
  auto rest = std::string_view{uri};
  if (rest.starts_with("mqtt://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("mqtts://")) {
    rest.remove_prefix(8);
    result.tls = true;
  } else {
    return unexpected(
      invalid("MQTT uri \"" + uri + "\" begins with neither mqtt:// nor mqtts://"));
  }
  // A colon inside [...] belongs to an IPv6 address.
  auto colon = rest.rfind(':');
  if (colon != std::string_view::npos && rest.find(']', colon) != rest.npos)
    colon = std::string_view::npos;
  auto host = rest.substr(0, colon);
  auto port = colon == std::string_view::npos
                ? std::string_view{result.tls ? "8883" : "1883"}
                : rest.substr(colon + 1);
  if (host.empty() || host.find_first_of("/@ ") != std::string_view::npos
      || !is_port(port))
    return unexpected(
      invalid("MQTT uri \"" + uri + "\" is not of the form mqtt://HOST:PORT"));
  result.server_uri = std::string{result.tls ? "ssl://" : "tcp://"} + std::string{host}
                      + ":" + std::string{port};
  return result;
}

expected<void, error> check_readable(const std::filesystem::path& file,
                                     const char* what) {
  if (file.empty() || ::access(file.c_str(), R_OK) == 0)
    return {};
  return unexpected(error{errc::unreadable_file, "cannot read " + std::string{what}
                                                   + " " + file.string() + ": "
                                                   + std::strerror(errno)});
}

expected<void, error> check_tls(const mqtt_tls_config& tls) {
  if (auto ok = check_readable(tls.ca_file, "the MQTT broker's CA file"); !ok)
    return ok;
  if (auto ok = check_readable(tls.certificate_file, "the MQTT client certificate");
      !ok)
    return ok;
  if (auto ok = check_readable(tls.key_file, "the MQTT client key"); !ok)
    return ok;
  if (tls.certificate_file.empty() != tls.key_file.empty())
    return unexpected(
      invalid("an MQTT client certificate needs both certificate_file and "
              "key_file"));
  return {};
}

expected<void, error> check_values(const mqtt_config& config) {
  if (config.client_id.empty() || !is_utf8(config.client_id))
    return unexpected(
      invalid("MQTT needs a client_id that stays the same: it names the "
              "session in which the broker keeps messages"));
  if (config.qos != 0 && config.qos != 1)
    return unexpected(
      invalid("MQTT qos is " + std::to_string(config.qos) + ", it must be 0 or 1"));
  if (config.version != 5 && config.version != 4)
    return unexpected(invalid("MQTT version is " + std::to_string(config.version)
                              + ", it must be 5, or 4 for MQTT 3.1.1"));
  if (config.keep_alive.count() < 1 || config.keep_alive.count() > 65'535)
    return unexpected(invalid("MQTT keep_alive must be 1 to 65535 seconds"));
  if (config.session_expiry.count() < 0 || config.session_expiry.count() > 0xffff'ffff)
    return unexpected(invalid("MQTT session_expiry must be 0 to 4294967295 seconds"));
  for (const auto& topic : config.topics)
    if (topic.empty() || topic.size() > 65'535 || !is_utf8(topic))
      return unexpected(
        invalid("MQTT topic filter \"" + topic + "\" is empty, too long or not UTF-8"));
  return {};
}

} // namespace

expected<mqtt_settings, error> check(const mqtt_config& config) {
  auto result = parse_uri(config.uri);
  if (!result)
    return result;
  if (auto ok = check_values(config); !ok)
    return unexpected(ok.error());
  if (result->tls)
    if (auto ok = check_tls(config.tls); !ok)
      return unexpected(ok.error());
  if (!config.password_file.empty()) {
    auto password = read_private_line(config.password_file, "the MQTT password file");
    if (!password)
      return unexpected(password.error());
    result->password = std::move(*password);
  }
  return result;
}

bool is_topic_name(std::string_view topic) {
  return !topic.empty() && topic.size() <= 65'535 && is_utf8(topic)
         && topic.find_first_of(std::string_view{"+#\0", 3}) == std::string_view::npos;
}

} // namespace weir::transport
