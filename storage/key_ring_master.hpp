// The MASTER KEY of a store: 256 bits in a file or a systemd credential, outside of the
// store's directory and of its backups. It opens the store's key ring (key_ring.hpp) and
// nothing else. Who loses it has lost the store.
//
// The file is text of two lines; docs/encryption.md is the manual:
//
//   weir-master-key 1
//   <64 hex digits, or 32 bytes as base64>
#pragma once

#include "storage/errors.hpp"
#include "storage/sealing_sodium.hpp"

#include <filesystem>
#include <string>

namespace weir::storage {

class master_key {
public:
  /// `origin` says in messages where it is from: "file /etc/weir/store.key".
  master_key(secret_key key, std::string origin);

  static master_key random(std::string origin = "memory");

  /// Names the key and tells nothing of it: 16 hex digits, the first 8 bytes of a hash
  /// keyed with it.
  const std::string& fingerprint() const {
    return fingerprint_;
  }
  const std::string& origin() const {
    return origin_;
  }
  const secret_key& key() const {
    return key_;
  }

private:
  secret_key key_;
  std::string origin_;
  std::string fingerprint_;
};

/// bad_key_file with what to do if the file cannot be read, may be read by others than
/// its owner, belongs to somebody else than the user of this process or root, or has
/// another form; unsupported if its version is newer.
expected<master_key, error> read_master_key(const std::filesystem::path& file);

/// $CREDENTIALS_DIRECTORY, where systemd puts the credentials of a service; empty if
/// there is none.
std::filesystem::path credentials_directory();

/// The credential `name` of `directory`, which is credentials_directory(). As
/// read_master_key(), but the group may read it: systemd gives it to the service's user
/// by an access list, which looks like that.
expected<master_key, error>
read_master_credential(const std::string& name, const std::filesystem::path& directory);

/// Makes the file (mode 0600), on disk when it returns. Never overwrites: bad_key_file
/// if it is there.
expected<void, error> write_master_key(const std::filesystem::path& file,
                                       const master_key& key);

/// The first line says that it is a master key, of whatever version. False if it cannot
/// be read.
bool is_master_key_file(const std::filesystem::path& file);

/// What the functions above do with the bytes of a file.
expected<master_key, error> decode_master_key(std::string_view text,
                                              const std::string& origin);

} // namespace weir::storage
