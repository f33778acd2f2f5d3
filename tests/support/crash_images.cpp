#include "tests/support/crash_images.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <utility>

namespace weir::test {

namespace {

constexpr std::size_t sector_bytes = 512;

/// A file as the program sees it, and what of it is on the disk.
class disk_file {
public:
  explicit disk_file(std::string bytes) : seen_(bytes), durable_(std::move(bytes)) {
  }

  void write(std::size_t offset, std::string_view bytes) {
    if (offset + bytes.size() > seen_.size())
      seen_.resize(offset + bytes.size());
    bytes.copy(seen_.data() + offset, bytes.size());
    auto first = offset / sector_bytes;
    auto last = (offset + bytes.size() - 1) / sector_bytes;
    for (auto sector = first; sector <= last; ++sector)
      pending_[sector].push_back(seen_.substr(sector * sector_bytes, sector_bytes));
  }

  void sync() {
    durable_ = seen_;
    pending_.clear();
  }

  /// The sectors of one write.
  void sync(std::size_t offset, std::size_t size) {
    auto first = offset / sector_bytes;
    auto last = (offset + size - 1) / sector_bytes;
    for (auto sector = first; sector <= last; ++sector) {
      place(durable_, sector, pending_[sector].back());
      pending_.erase(sector);
    }
  }

  /// How much of what is pending reaches the disk.
  enum class fate { nothing, all, half, little, most };

  std::string after_cut(fate how, std::mt19937& random) const {
    auto image = durable_;
    for (const auto& [sector, versions] : pending_) {
      auto version = chosen(how, versions.size(), random);
      if (version > 0)
        place(image, sector, versions[version - 1]);
    }
    return image;
  }

private:
  /// 0: as on the disk; otherwise the n-th version.
  static std::size_t chosen(fate how, std::size_t versions, std::mt19937& random) {
    switch (how) {
    case fate::nothing:
      return 0;
    case fate::all:
      return versions;
    case fate::half:
      return random() % (versions + 1);
    case fate::little:
      return random() % 8 == 0 ? versions : 0;
    case fate::most:
      return random() % 8 == 0 ? random() % (versions + 1) : versions;
    }
    return 0;
  }

  static void place(std::string& image, std::size_t sector, const std::string& bytes) {
    auto offset = sector * sector_bytes;
    if (offset + bytes.size() > image.size())
      image.resize(offset + bytes.size());
    bytes.copy(image.data() + offset, bytes.size());
  }

  std::string seen_;
  std::string durable_;
  std::map<std::size_t, std::vector<std::string>> pending_; ///< By sector.
};

} // namespace

void for_each_crash_image(const recording& from, const crash_plan& plan,
                          const std::function<void(const crash_image&)>& use) {
  std::mt19937 random{plan.seed};
  auto files = std::vector<disk_file>{};
  for (const auto& x : from.files)
    files.emplace_back(x.bytes);
  crash_image image;
  auto cut = [&] {
    // One fate for all files of an image, or one for each.
    auto how = static_cast<disk_file::fate>(random() % 5);
    bool each_its_own = random() % 2 == 0;
    image.files.clear();
    for (const auto& x : files) {
      if (each_its_own)
        how = static_cast<disk_file::fate>(random() % 5);
      image.files.push_back(x.after_cut(how, random));
    }
    use(image);
  };
  // As many cuts before each event as it takes to make `images` of them.
  std::size_t made = 0;
  for (std::size_t i = 0; i <= from.events.size(); ++i) {
    image.event = i;
    const auto* event = i < from.events.size() ? &from.events[i] : nullptr;
    if (event != nullptr && event->what == file_event::kind::write)
      files[event->file].write(event->offset, event->bytes); // In flight.
    auto wanted = plan.images * (i + 1) / (from.events.size() + 1);
    for (; made < wanted; ++made)
      cut();
    if (event == nullptr)
      break;
    if (event->what == file_event::kind::note)
      image.promised = event->note;
    else if (plan.ignore_syncs)
      continue;
    else if (event->what == file_event::kind::sync)
      files[event->file].sync();
    else if (event->through)
      files[event->file].sync(event->offset, event->bytes.size());
  }
}

void write_image(const recording& from, const crash_image& image,
                 const std::filesystem::path& directory) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  for (std::size_t i = 0; i < from.files.size(); ++i) {
    std::ofstream out{directory / from.files[i].name, std::ios::binary};
    out << image.files[i];
  }
}

} // namespace weir::test
