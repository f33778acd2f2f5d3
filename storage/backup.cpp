#include "storage/backup.hpp"

#include "storage/big_endian.hpp"
#include "storage/blake2b.hpp"
#include "storage/copy_folder.hpp"
#include "storage/failpoint.hpp"
#include "storage/failure.hpp"
#include "storage/lmdb_check.hpp"
#include "storage/lmdb_snapshot.hpp"
#include "storage/lmdb_walk.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <limits>
#include <memory>

namespace weir::storage {

namespace fs = std::filesystem;

namespace {

constexpr auto all_pages = std::numeric_limits<std::size_t>::max();

[[noreturn]] void stopped() {
  throw failure(errc::io, "the copy was stopped before its end.");
}

/// Also where a folder is reached by a link or by "..".
bool lies_in(const fs::path& what, const fs::path& folder) {
  auto inner = fs::weakly_canonical(what);
  auto outer = fs::canonical(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first
         == outer.end();
}

void check_paths(const backup_config& config) {
  if (config.to.empty())
    throw failure(errc::cannot_open, "the backup's folder has no name.");
  if (lies_in(config.to, config.from))
    throw failure(errc::cannot_open, config.to.string()
                                       + " lies in the store's folder. Name a place "
                                         "outside, best on another disk.");
}

/// What the copy will have, about; checks what LMDB would trust. @pre a snapshot lives.
std::uint64_t bytes_in_use(const fs::path& file) {
  auto damaged = [&](const std::string& reason) {
    throw failure(errc::damaged, file.string() + " is damaged (" + reason
                                   + "). `weir verify` says what of it can still be "
                                     "read.");
  };
  auto verdict = check_lmdb_file(file, all_pages);
  if (verdict.condition == file_condition::damaged)
    damaged(verdict.reason);
  if (verdict.condition == file_condition::absent)
    damaged("it is empty");
  auto walk = lmdb_walk{file};
  auto free = walk.free_pages([&](const walked_damage& x) { damaged(x.reason); });
  return walk.size_bytes() - free * walk.page_bytes();
}

backup_manifest describe(const lmdb_snapshot& snapshot, const backup_config& config,
                         std::int64_t unix_ns) {
  backup_manifest result;
  result.made_ns = unix_ns;
  result.program = config.program.empty() ? "weir" : config.program;
  std::ranges::replace_if(
    result.program, [](unsigned char c) { return c < ' '; }, '?');
  if (auto value = snapshot.get("meta", "format"))
    result.format = byte_reader{*value}.take<std::uint32_t>();
  if (auto value = snapshot.get("meta", "store_id")) {
    std::array<char, 17> text{};
    std::snprintf(
      text.data(), text.size(), "%016llx",
      static_cast<unsigned long long>(byte_reader{*value}.take<std::uint64_t>()));
    result.store_id = text.data();
  }
  return result;
}

/// Fills in what the manifest says of the data.
void copy_data(const lmdb_snapshot& snapshot, hashed_file& file,
               std::uint64_t expected_bytes, const copy_pace& pace,
               backup_manifest& manifest) {
  auto write = [&](std::string_view bytes) {
    file.write(bytes);
    if (pace && !pace(file.size_bytes(), expected_bytes))
      stopped();
  };
  try {
    snapshot.copy(copy_kind::compacted, write);
  } catch (const failure& x) {
    if (x.what_happened.code != errc::damaged)
      throw;
    // Pages that are neither used nor free: harmless, but LMDB compacts no such file.
    file.begin_again();
    snapshot.copy(copy_kind::as_it_is, write);
    manifest.is_compacted = false;
  }
  failpoint("backup.data.before");
  file.sync();
  failpoint("backup.data.after");
  manifest.size_bytes = file.size_bytes();
  manifest.blake2b = file.blake2b_hex();
}

void check_copy(const fs::path& file) {
  auto verdict = check_lmdb_file(file, all_pages);
  if (verdict.condition != file_condition::sound)
    throw failure(errc::damaged, file.string() + " did not become a sound copy ("
                                   + verdict.reason + ").");
}

void write_manifest(const fs::path& folder, const backup_manifest& manifest) {
  hashed_file file{folder / "manifest"};
  file.write(to_text(manifest));
  failpoint("backup.manifest.before");
  file.sync();
  failpoint("backup.manifest.after");
}

backup_manifest read_manifest(const fs::path& folder) {
  auto path = folder / "manifest";
  std::ifstream in{path, std::ios::binary};
  if (!in)
    throw failure(errc::cannot_open,
                  path.string()
                    + " cannot be read. A backup is a folder with "
                      "`data.mdb` and `manifest`; what has no manifest is "
                      "no whole backup.");
  std::string text(manifest_bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  auto manifest = parse_manifest(text);
  if (!manifest)
    throw failure(manifest.error().code,
                  path.string() + ": " + manifest.error().message);
  return *manifest;
}

/// Reads the data of a backup to its end.
template <class Use>
void read_data(const fs::path& folder, const backup_manifest& manifest,
               const copy_pace& pace, Use use) {
  auto path = folder / "data.mdb";
  auto changed = [&](const std::string& why) {
    throw failure(errc::damaged, path.string() + " " + why
                                   + ": the backup was changed or its disk is bad. Use "
                                     "another backup; `weir verify` says what of this "
                                     "one can still be read.");
  };
  std::error_code failed;
  auto size = fs::file_size(path, failed);
  if (failed)
    throw failure(errc::cannot_open, path.string() + ": " + failed.message() + ".");
  if (size != manifest.size_bytes)
    changed("has " + std::to_string(size) + " bytes, its manifest says "
            + std::to_string(manifest.size_bytes));
  std::ifstream in{path, std::ios::binary};
  std::string piece(1 << 20, '\0');
  blake2b hash;
  std::uint64_t done = 0;
  while (done < size
         && in.read(piece.data(), static_cast<std::streamsize>(std::min<std::uint64_t>(
                                    piece.size(), size - done)))) {
    auto bytes = std::string_view{piece.data(), static_cast<std::size_t>(in.gcount())};
    hash.add(bytes);
    use(bytes);
    done += bytes.size();
    if (pace && !pace(done, size))
      stopped();
  }
  if (done != size)
    throw failure(errc::io, path.string() + " cannot be read to its end.");
  if (hash.hex() != manifest.blake2b)
    changed("does not have the checksum of its manifest");
}

} // namespace

expected<backup_manifest, error> make_backup(const backup_config& config,
                                             std::int64_t unix_ns) {
  return guarded([&] {
    auto snapshot = std::make_unique<lmdb_snapshot>(config.from);
    check_paths(config);
    auto expected_bytes = bytes_in_use(config.from / "data.mdb");
    snapshot->renew(); // The check took its time: the file need not grow for it.
    auto manifest = describe(*snapshot, config, unix_ns);
    copy_folder folder{config.to, false, expected_bytes};
    {
      hashed_file file{folder.path() / "data.mdb"};
      copy_data(*snapshot, file, expected_bytes, config.pace, manifest);
    }
    snapshot.reset(); // Nor for what follows.
    check_copy(folder.path() / "data.mdb");
    write_manifest(folder.path(), manifest);
    failpoint("backup.publish.before");
    folder.publish();
    failpoint("backup.publish.after");
    return manifest;
  });
}

bool is_backup(const fs::path& folder) {
  std::error_code failed;
  return fs::exists(folder / "manifest", failed);
}

expected<backup_manifest, error> check_backup(const fs::path& folder,
                                              const copy_pace& pace) {
  return guarded([&] {
    auto manifest = read_manifest(folder);
    read_data(folder, manifest, pace, [](std::string_view) {});
    return manifest;
  });
}

expected<backup_manifest, error> restore_backup(const restore_config& config) {
  return guarded([&] {
    auto manifest = read_manifest(config.from);
    copy_folder folder{config.to, true, manifest.size_bytes};
    read_data(config.from, manifest, config.pace, [](std::string_view) {});
    {
      hashed_file file{folder.path() / "data.mdb"};
      read_data(config.from, manifest, config.pace,
                [&](std::string_view bytes) { file.write(bytes); });
      failpoint("restore.data.before");
      file.sync();
      failpoint("restore.data.after");
    }
    check_copy(folder.path() / "data.mdb");
    folder.hand_over();
    failpoint("restore.publish.before");
    folder.publish();
    failpoint("restore.publish.after");
    return manifest;
  });
}

} // namespace weir::storage
