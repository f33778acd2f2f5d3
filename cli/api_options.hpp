// Options and answers common to all commands that ask weir-central.
#pragma once

#include "analytics/expected.hpp"
#include "cli/http_client.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace weir::cli {

struct api_options {
  std::string url = "http://127.0.0.1:8080";
  std::string data_dir; ///< Of weir-central; holds api.key.
  std::string key_file;
  std::string ca_file;
  double timeout_s = 10.0;
  bool json = false; ///< Print the answer as it came.
};

/// `with_json`: the command has a table and a --json form.
void add_api_options(CLI::App& command, api_options& options, bool with_json);

/// Reads the key; the error says which file is missing.
expected<http_client, std::string> open_api(const api_options& options);

/// The answer's JSON. An error answer becomes the server's own sentence, with a
/// hint for 401 and 403.
expected<nlohmann::json, std::string> ask(http_client& api, const std::string& method,
                                          const std::string& target);

} // namespace weir::cli
