#include "storage/lmdb_layout.hpp"

#include "storage/failure.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace weir::storage::lmdb_layout {

namespace {

constexpr std::uint32_t magic = 0xBEEFC0DE;
constexpr std::uint32_t data_version = 1;
constexpr std::size_t node_header_bytes = 8;
constexpr std::size_t file_bytes_max = std::size_t{1}
                                       << (sizeof(std::size_t) > 4 ? 46 : 31);

meta_record read_meta(const data_file& file, std::size_t offset) {
  std::vector<char> bytes(header_bytes + sizeof(meta_record));
  if (!file.read(offset, bytes))
    throw damage{"the file ends in its first two pages"};
  auto header = load<page_header>(bytes.data());
  auto found = load<meta_record>(bytes.data() + header_bytes);
  if ((header.flags & meta) == 0 || found.magic != magic)
    throw damage{"no LMDB database (meta page at byte " + std::to_string(offset) + ")"};
  if (found.version != data_version)
    throw damage{"LMDB data version " + std::to_string(found.version) + ", not 1"};
  auto size = found.page_size();
  if (size < 512 || size > 32768 || (size & (size - 1)) != 0)
    throw damage{"impossible page size " + std::to_string(size)};
  if (found.trees[0].flags != 8) // Integer keys, and no flag that moves the map.
    throw damage{"impossible flags in a meta page"};
  if (found.last_page < 1 || found.last_page >= file_bytes_max / size)
    throw damage{"impossible last page " + std::to_string(found.last_page)};
  return found;
}

} // namespace

data_file::data_file(const std::filesystem::path& path)
  : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat info = {};
  if (fd_ < 0 && errno == ENOENT)
    return;
  if (fd_ < 0 || ::fstat(fd_, &info) != 0)
    throw failure(errc::cannot_open,
                  path.string() + ": " + std::generic_category().message(errno)
                    + ". The file must belong to the user that runs this "
                      "program.");
  if (!S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw failure(errc::cannot_open, path.string() + " is not a file.");
  }
  size_ = static_cast<std::size_t>(info.st_size);
}

data_file::~data_file() {
  if (fd_ >= 0)
    ::close(fd_);
}

bool data_file::read(std::size_t offset, std::vector<char>& into) const {
  auto got = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
  return got >= 0 && static_cast<std::size_t>(got) == into.size();
}

std::string page_text(page_number number) {
  return "page " + std::to_string(number) + ": ";
}

meta_record read_metas(const data_file& file) {
  auto first = read_meta(file, 0);
  auto second = read_meta(file, first.page_size());
  if (second.page_size() != first.page_size())
    throw damage{"the meta pages disagree about the page size"};
  return second.transaction > first.transaction ? second : first;
}

void check_header(page_number number, const page_header& header, page_flag wanted,
                  std::size_t page_bytes) {
  if (header.number != number || header.flags != wanted)
    throw damage{page_text(number) + "is not what its parent says"};
  if (wanted == overflow)
    return;
  if (header.lower < header_bytes || header.lower % 2 != 0
      || header.upper < header.lower || header.upper > page_bytes)
    throw damage{page_text(number) + "impossible bounds"};
  // A branch without a second key occurs in a merge, but not at rest.
  if (header.entries() == 0 || (wanted == branch && header.entries() < 2))
    throw damage{page_text(number) + "has too few entries"};
}

node read_node(page_number number, std::string_view page, const page_header& header,
               std::size_t index) {
  auto offset = load<std::uint16_t>(page.data() + header_bytes + 2 * index);
  if (offset < header.upper || offset % 2 != 0
      || offset + node_header_bytes > page.size())
    throw damage{page_text(number) + "impossible place of an entry"};
  const auto* bytes = page.data() + offset;
  auto low = load<std::uint16_t>(bytes);
  auto high = load<std::uint16_t>(bytes + 2);
  auto flags = load<std::uint16_t>(bytes + 4);
  auto key_size = load<std::uint16_t>(bytes + 6);
  auto room = page.size() - offset - node_header_bytes;
  if (key_size > room)
    throw damage{page_text(number) + "a key runs over the page's end"};
  auto key = std::string_view{bytes + node_header_bytes, key_size};
  auto value = low | std::size_t{high} << 16;
  if (header.flags == branch) { // The flags are the number's upper bits.
    if constexpr (sizeof(page_number) > 4)
      value |= std::size_t{flags} << 32;
    return {0, 0, value, key, {}};
  }
  auto inside = flags == big_data ? sizeof(page_number) : value;
  if (inside > room - key_size)
    throw damage{page_text(number) + "a value runs over the page's end"};
  return {flags, value, 0, key, {bytes + node_header_bytes + key_size, inside}};
}

} // namespace weir::storage::lmdb_layout
