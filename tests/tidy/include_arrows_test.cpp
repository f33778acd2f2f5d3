// Style as a test: reads every #include line and fails on an arrow that points up, on
// a third-party header outside its adapter, and on a header without a first comment.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using names = std::set<std::string>;

/// Which folders a folder's files may include (docs/architecture.md, "Folders").
const std::map<std::string, names> allowed{
  {"analytics", {"analytics"}},
  {"transport", {"transport", "analytics"}},
  {"storage", {"storage", "analytics"}},
  {"actors", {"actors", "transport", "storage", "analytics"}},
  {"configs", {"configs", "web", "actors", "transport", "storage", "analytics"}},
  {"web", {"web", "actors", "storage", "analytics", "transport"}},
  {"edge", {"configs", "actors", "transport", "storage", "analytics"}},
  {"central", {"configs", "web", "actors", "transport", "storage", "analytics"}},
  {"cli", {"cli", "configs", "transport", "storage", "analytics"}},
};

/// Which files may include a library's headers: a prefix of the include, and the
/// files' common prefixes.
const std::vector<std::pair<std::string, std::vector<std::string>>> adapters{
  {"caf/", {"actors/", "tests/"}},
  {"lmdb.h", {"storage/lmdb_env.", "storage/lmdb_snapshot."}},
  {"mqtt/", {"transport/mqtt_client.cpp"}},
  {"simdjson.h", {"transport/json_values.hpp"}},
  {"msgpack.hpp", {"transport/msgpack_", "web/msgpack_"}},
  {"zmq", {"transport/"}},
  {"sodium.h",
   {"storage/blake2b.cpp", "storage/sealing_sodium.cpp", "transport/curve.cpp",
    "transport/private_file.cpp", "web/secrets.cpp"}},
  {"zstd.h", {"analytics/zstd_codec.cpp"}},
  {"toml++/", {"configs/toml_file.cpp"}},
  {"date/", {"configs/time_zones.cpp"}},
  {"spdlog/", {"actors/log.cpp"}},
  {"boost/", {"web/beast_", "cli/http_client.cpp"}},
  {"openssl/", {"web/beast_", "cli/http_client.cpp"}},
  {"tl/", {"analytics/expected.hpp"}},
  {"CLI/", {"configs/command_line.cpp", "cli/"}},
};

struct source_file {
  std::string name; ///< Relative to the root.
  std::string text;
  std::vector<std::string> quoted; ///< #include "..."
  std::vector<std::string> angled; ///< #include <...>
};

std::vector<source_file> all_sources() {
  const fs::path root{WEIR_SOURCE_DIR};
  static const std::regex include{R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])"};
  std::vector<source_file> result;
  auto folders = names{"tests"};
  for (const auto& [folder, ignored] : allowed)
    folders.insert(folder);
  for (const auto& folder : folders)
    for (const auto& entry : fs::recursive_directory_iterator{root / folder}) {
      auto extension = entry.path().extension();
      auto name = fs::relative(entry.path(), root).string();
      if ((extension != ".hpp" && extension != ".cpp")
          || name.find("node_modules") != std::string::npos)
        continue;
      source_file file;
      file.name = name;
      std::ifstream in{entry.path()};
      for (std::string line; std::getline(in, line);) {
        file.text += line + "\n";
        std::smatch match;
        if (std::regex_search(line, match, include))
          (match[1] == "\"" ? file.quoted : file.angled).push_back(match[2]);
      }
      result.push_back(std::move(file));
    }
  return result;
}

std::string folder_of(const std::string& name) {
  return name.substr(0, name.find('/'));
}

} // namespace

TEST_CASE("includes point down the architecture only", "[tidy]") {
  auto sources = all_sources();
  REQUIRE(sources.size() > 50);
  for (const auto& file : sources) {
    auto rule = allowed.find(folder_of(file.name));
    if (rule == allowed.end())
      continue;
    for (const auto& x : file.quoted) {
      CAPTURE(file.name, x);
      CHECK(rule->second.count(folder_of(x)) == 1);
    }
  }
}

TEST_CASE("each third-party library stays behind its adapter", "[tidy]") {
  for (const auto& file : all_sources())
    for (const auto& x : file.angled)
      for (const auto& [library, places] : adapters) {
        // Tests speak to a library directly to play its other end.
        if (x.rfind(library, 0) != 0 || folder_of(file.name) == "tests")
          continue;
        auto is_at_home = false;
        for (const auto& place : places)
          is_at_home = is_at_home || file.name.rfind(place, 0) == 0;
        CAPTURE(file.name, x);
        CHECK(is_at_home);
      }
}

TEST_CASE("the edge does not know the web server or Eigen", "[tidy]") {
  for (const auto& file : all_sources())
    if (folder_of(file.name) == "edge" || folder_of(file.name) == "actors")
      for (const auto& x : file.angled) {
        CAPTURE(file.name, x);
        CHECK(x.rfind("boost/", 0) != 0);
        CHECK(x.rfind("Eigen/", 0) != 0);
      }
}

TEST_CASE("the command line's part of configs does not know the actors", "[tidy]") {
  // weir_stream_configs; what links it needs no CAF.
  const names stream_configs{"calendar_text", "config_tree",     "device_table",
                             "edit_distance", "ingest_settings", "posix_tz",
                             "rule_settings", "stream_reload",   "stream_settings",
                             "time_zones",    "toml_file",       "unit_conversion",
                             "view_settings"};
  auto is_stream_config = [&](const std::string& name) {
    return folder_of(name) == "configs"
           && stream_configs.count(fs::path{name}.stem().string()) == 1;
  };
  const names below{"transport", "analytics"};
  for (const auto& file : all_sources()) {
    if (!is_stream_config(file.name) && folder_of(file.name) != "cli")
      continue;
    for (const auto& x : file.quoted) {
      CAPTURE(file.name, x);
      if (folder_of(file.name) == "configs")
        CHECK((is_stream_config(x) || below.count(folder_of(x)) == 1));
      else if (folder_of(x) == "configs")
        CHECK(is_stream_config(x));
    }
  }
}

TEST_CASE("every header says first what it is for", "[tidy]") {
  for (const auto& file : all_sources()) {
    if (fs::path{file.name}.extension() != ".hpp")
      continue;
    CAPTURE(file.name);
    CHECK(file.text.rfind("// ", 0) == 0);
    CHECK(file.text.find("#pragma once") != std::string::npos);
  }
}

TEST_CASE("every test stands where its unit does", "[tidy]") {
  const fs::path root{WEIR_SOURCE_DIR};
  for (const auto& file : all_sources()) {
    auto path = fs::path{file.name};
    auto stem = path.stem().string();
    if (folder_of(file.name) != "tests" || stem.size() < 6
        || stem.substr(stem.size() - 5) != "_test")
      continue;
    CAPTURE(file.name);
    // tests/FOLDER/...: FOLDER is one of the architecture, or a kind of test.
    auto folder = (++path.begin())->string();
    CHECK((allowed.count(folder) == 1 || folder == "e2e" || folder == "simulation"
           || folder == "tidy"));
  }
}
