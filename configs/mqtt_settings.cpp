#include "configs/mqtt_settings.hpp"

namespace weir::configs {

std::filesystem::path resolve(const std::filesystem::path& base,
                              const std::string& path) {
  return path.empty() ? std::filesystem::path{} : base / path;
}

transport::mqtt_config read_mqtt(table_reader& table, const std::filesystem::path& base,
                                 const std::string& default_client_id) {
  transport::mqtt_config result;
  result.uri = table.text("uri", result.uri);
  result.client_id = table.text("client_id", default_client_id);
  result.qos = static_cast<int>(table.integer("qos", result.qos, 0, 1));
  auto version = table.one_of("version", "5", {"5", "3.1.1"});
  result.version = version == "5" ? 5 : 4;
  result.keep_alive = std::chrono::seconds{
    table.integer("keep_alive_s", result.keep_alive.count(), 1, 65'535)};
  result.session_expiry = std::chrono::seconds{
    table.integer("session_expiry_s", result.session_expiry.count(), 0, 4'294'967'295)};
  result.user = table.text("user", "");
  result.password_file = resolve(base, table.text("password_file", ""));
  result.payload_bytes_max = static_cast<std::size_t>(table.integer(
    "payload_bytes_max", static_cast<std::int64_t>(result.payload_bytes_max), 1024,
    256 << 20));
  auto tls = table.table("tls");
  result.tls.ca_file = resolve(base, tls.text("ca_file", ""));
  result.tls.certificate_file = resolve(base, tls.text("certificate_file", ""));
  result.tls.key_file = resolve(base, tls.text("key_file", ""));
  result.tls.verify_server = tls.boolean("verify_server", true);
  tls.finish();
  return result;
}

} // namespace weir::configs
