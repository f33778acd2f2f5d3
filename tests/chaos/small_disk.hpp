// A small file system of its own that can be filled up and freed: the edge's disk.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

namespace weir::chaos {

class small_disk {
public:
  /// A tmpfs on `directory`, which is made. Nothing where mounting is not allowed.
  static std::unique_ptr<small_disk> mount(const std::filesystem::path& directory,
                                           std::size_t size_mb);
  ~small_disk(); ///< Takes it away, with all that is in it.
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  /// Takes every free byte.
  void fill() const;
  void free() const;
  /// Copies what is in it to `target`, to look at later.
  void save(const std::filesystem::path& target) const;

private:
  explicit small_disk(std::filesystem::path directory);

  const std::filesystem::path directory_;
};

} // namespace weir::chaos
