#include "cli/api_options.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fstream>

namespace weir::cli {

namespace {

std::string refusal(const http_client& api, const http_response& answer) {
  std::string result = api.config().url + " answered " + std::to_string(answer.status);
  auto body = nlohmann::json::parse(answer.body, nullptr, false);
  auto error
    = body.is_object() ? body.value("error", nlohmann::json{}) : nlohmann::json{};
  if (error.is_object() && error.contains("message") && error["message"].is_string())
    result += ": " + error["message"].get<std::string>();
  if (answer.status == 401 || answer.status == 403)
    result += api.config().bearer.empty()
                ? "; name the key with --data DIR or --key-file FILE"
                : "; is the key that of this server?";
  return result;
}

} // namespace

void add_api_options(CLI::App& command, api_options& options, bool with_json) {
  constexpr auto group = "Server";
  command.add_option("--url", options.url, "Address of weir-central.")
    ->type_name("URL")
    ->capture_default_str()
    ->group(group);
  auto* data = command.add_option(
    "--data", options.data_dir, "Data directory of weir-central; its api.key is used.");
  data->type_name("DIR")->group(group);
  command.add_option("--key-file", options.key_file, "File with the API key.")
    ->type_name("FILE")
    ->group(group)
    ->excludes(data);
  command
    .add_option("--ca", options.ca_file,
                "https: certificates that may vouch for the server.")
    ->type_name("FILE")
    ->group(group);
  command.add_option("--timeout", options.timeout_s, "Seconds for one request.")
    ->check(CLI::Range(0.1, 3600.0))
    ->type_name("S")
    ->capture_default_str()
    ->group(group);
  if (with_json)
    command.add_flag("--json", options.json, "Print the answer as it came.")
      ->group("Output");
}

expected<http_client, std::string> open_api(const api_options& options) {
  http_client_config config;
  config.url = options.url;
  config.ca_file = options.ca_file;
  config.timeout
    = std::chrono::milliseconds{static_cast<std::int64_t>(options.timeout_s * 1e3)};
  if (auto address = parse_http_address(options.url); !address)
    return unexpected(address.error());
  auto file
    = options.data_dir.empty() ? options.key_file : options.data_dir + "/api.key";
  if (!file.empty()) {
    std::ifstream in{file};
    if (!std::getline(in, config.bearer) || config.bearer.empty())
      return unexpected("cannot read the API key in " + file
                        + ": weir-central writes it at its first start, and only "
                          "its user and root may read it");
  }
  return http_client{std::move(config)};
}

expected<nlohmann::json, std::string> ask(http_client& api, const std::string& method,
                                          const std::string& target) {
  auto answer = api.request(method, target);
  if (!answer)
    return unexpected(answer.error());
  if (answer->status < 200 || answer->status > 299)
    return unexpected(refusal(api, *answer));
  auto body = nlohmann::json::parse(answer->body, nullptr, false);
  if (body.is_discarded())
    return unexpected(api.config().url + target
                      + " answered with something that is not JSON: is this "
                        "weir-central?");
  return body;
}

} // namespace weir::cli
