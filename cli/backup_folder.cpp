#include "cli/backup_folder.hpp"

#include "cli/time_text.hpp"
#include "storage/backup.hpp"

#include <algorithm>
#include <cctype>
#include <system_error>

namespace weir::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view name_form = "weir-########T######Z";

bool is_backup_name(const std::string& name) {
  return std::ranges::equal(name, name_form, [](char c, char form) {
    return form == '#' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : c == form;
  });
}

} // namespace

fs::path store_folder(const fs::path& named) {
  std::error_code ignored;
  bool is_data_dir = !fs::exists(named / "data.mdb", ignored)
                     && fs::exists(named / "store" / "data.mdb", ignored);
  return is_data_dir ? named / "store" : named;
}

std::string backup_name(std::int64_t unix_ns) {
  auto iso = iso_ms(unix_ns); // 2026-11-22T15:00:00.250Z
  std::erase_if(iso, [](char c) { return c == '-' || c == ':'; });
  return "weir-" + iso.substr(0, 15) + "Z";
}

std::vector<fs::path> surplus_backups(const fs::path& folder, std::size_t keep) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (auto i = fs::directory_iterator{folder, failed};
       !failed && i != fs::directory_iterator{}; i.increment(failed))
    if (is_backup_name(i->path().filename().string()) && storage::is_backup(i->path()))
      found.push_back(i->path());
  std::ranges::sort(found);
  found.resize(found.size() - std::min(found.size(), keep));
  return found;
}

bool remove_backup(const fs::path& folder) {
  std::error_code ignored;
  for (const auto* name : {"manifest", "data.mdb"})
    fs::remove(folder / name, ignored);
  fs::remove(folder, ignored);
  return !fs::exists(folder, ignored);
}

} // namespace weir::cli
