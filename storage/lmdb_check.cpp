#include "storage/lmdb_check.hpp"

#include "storage/failure.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace weir::storage {

namespace {

// The layout of LMDB 0.9 data files (data version 1), in the machine's own byte
// order and word size, as LMDB writes it.
using page_number = std::size_t;

constexpr std::uint32_t magic = 0xBEEFC0DE;
constexpr std::uint32_t data_version = 1;
constexpr page_number no_page = ~page_number{0};
constexpr std::size_t header_bytes = sizeof(page_number) + 8;
constexpr std::size_t node_header_bytes = 8;
constexpr std::size_t unknown_pages_max = 64;
constexpr std::size_t depth_max = 32; // LMDB's cursors have so many levels.
constexpr std::size_t file_bytes_max = std::size_t{1}
                                       << (sizeof(std::size_t) > 4 ? 46 : 31);

enum page_flag : std::uint16_t { branch = 1, leaf = 2, overflow = 4, meta = 8 };
enum node_flag : std::uint16_t { big_data = 1, sub_data = 2 };

struct tree_record {       // MDB_db
  std::uint32_t page_size; // In the free list's record; else 0.
  std::uint16_t flags;
  std::uint16_t depth;
  page_number branch_pages;
  page_number leaf_pages;
  page_number overflow_pages;
  std::size_t entries;
  page_number root;
};

struct meta_record { // MDB_meta
  std::uint32_t magic;
  std::uint32_t version;
  std::size_t address;
  std::size_t map_size;
  std::array<tree_record, 2> trees; // Free list, main.
  page_number last_page;
  std::size_t transaction;
};

struct page_header {
  page_number number;
  std::uint16_t pad;
  std::uint16_t flags;
  std::uint16_t lower; // With `upper` the number of pages, in overflow pages.
  std::uint16_t upper;
};
static_assert(sizeof(page_header) == header_bytes);

struct node {
  std::uint16_t flags = 0;
  std::size_t data_size = 0;
  page_number child = 0; // In branch pages.
  std::string_view key;
  std::string_view data; // Within the page; a page number if big_data.
};

/// Thrown inside the check, never out of it.
struct damage {
  std::string reason;
};

template <class T>
T load(const char* bytes) {
  T x;
  std::memcpy(&x, bytes, sizeof(T));
  return x;
}

class open_file {
public:
  explicit open_file(const std::filesystem::path& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat info = {};
    if (fd_ < 0 && errno == ENOENT)
      return;
    if (fd_ < 0 || ::fstat(fd_, &info) != 0)
      throw failure(errc::cannot_open,
                    path.string() + ": " + std::generic_category().message(errno)
                      + ". The file must belong to the user that runs this "
                        "program.");
    if (!S_ISREG(info.st_mode))
      throw failure(errc::cannot_open, path.string() + " is not a file.");
    size_ = static_cast<std::size_t>(info.st_size);
  }
  ~open_file() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  std::size_t size() const {
    return size_;
  }

  bool read(std::size_t offset, std::vector<char>& into) const {
    auto got = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    return got >= 0 && static_cast<std::size_t>(got) == into.size();
  }

private:
  int fd_;
  std::size_t size_ = 0;
};

std::string page_text(page_number number) {
  return "page " + std::to_string(number) + ": ";
}

meta_record read_meta(const open_file& file, std::size_t offset) {
  std::vector<char> bytes(header_bytes + sizeof(meta_record));
  if (!file.read(offset, bytes))
    throw damage{"the file ends in its first two pages"};
  auto header = load<page_header>(bytes.data());
  auto found = load<meta_record>(bytes.data() + header_bytes);
  if ((header.flags & meta) == 0 || found.magic != magic)
    throw damage{"no LMDB database (meta page at byte " + std::to_string(offset) + ")"};
  if (found.version != data_version)
    throw damage{"LMDB data version " + std::to_string(found.version) + ", not 1"};
  auto size = found.trees[0].page_size;
  if (size < 512 || size > 32768 || (size & (size - 1)) != 0)
    throw damage{"impossible page size " + std::to_string(size)};
  if (found.trees[0].flags != 8) // Integer keys, and no flag that moves the map.
    throw damage{"impossible flags in a meta page"};
  if (found.last_page < 1 || found.last_page >= file_bytes_max / size)
    throw damage{"impossible last page " + std::to_string(found.last_page)};
  return found;
}

/// The newer of the two meta pages, which is the one LMDB takes.
meta_record read_metas(const open_file& file) {
  auto first = read_meta(file, 0);
  auto second = read_meta(file, first.trees[0].page_size);
  if (second.trees[0].page_size != first.trees[0].page_size)
    throw damage{"the meta pages disagree about the page size"};
  return second.transaction > first.transaction ? second : first;
}

/// Walks all trees, each page once: a page number that leads out of the file,
/// to a page of another kind, or to one that was met before is damage.
class tree_walk {
public:
  tree_walk(const open_file& file, const meta_record& meta_page, std::size_t pages_max)
    : file_(file), meta_(meta_page), pages_max_(pages_max),
      page_(meta_page.trees[0].page_size), met_(meta_page.last_page + 1) {
  }

  void run() {
    add_tree(meta_.trees[0], tree_kind::free_list);
    add_tree(meta_.trees[1], tree_kind::main);
    while (!waiting_.empty() && pages_read_ < pages_max_) {
      auto next = waiting_.front();
      waiting_.pop_front();
      visit(next);
    }
    if (waiting_.empty())
      check_end();
  }

private:
  enum class tree_kind { free_list, main, named };

  struct step {
    page_number number;
    std::size_t levels; // From here to the leaves, both included.
    tree_kind kind;
  };

  void meet(page_number number, std::size_t count) {
    if (number < 2 || number > meta_.last_page || count > meta_.last_page - number + 1)
      throw damage{page_text(number) + "lies outside the database"};
    for (auto i = number; i < number + count; ++i) {
      if (met_[i])
        throw damage{page_text(i) + "is used twice"};
      met_[i] = true;
    }
  }

  /// Pages behind the file's end are such that were freed before they were ever
  /// written, so the free list knows them. Many others: a wrong last page,
  /// which would leave no room to write.
  void check_end() const {
    std::size_t unknown = 0;
    for (auto i = file_.size() / page_.size(); i < met_.size(); ++i)
      unknown += met_[i] ? 0 : 1;
    if (unknown > unknown_pages_max)
      throw damage{std::to_string(unknown)
                   + " pages behind the end of the file are neither used nor "
                     "free"};
  }

  void add_tree(const tree_record& tree, tree_kind kind) {
    if (tree.root == no_page)
      return;
    if (tree.depth == 0 || tree.depth > depth_max)
      throw damage{page_text(tree.root) + "impossible depth of its tree"};
    if (kind != tree_kind::free_list && tree.flags != 0)
      throw damage{page_text(tree.root) + "impossible flags of its tree"};
    meet(tree.root, 1);
    waiting_.push_back({tree.root, tree.depth, kind});
  }

  void visit(const step& at) {
    auto header = read_page(at.number);
    auto wanted = at.levels > 1 ? branch : leaf;
    if (header.number != at.number || header.flags != wanted)
      throw damage{page_text(at.number) + "is not what its parent says"};
    if (header.lower < header_bytes || header.lower % 2 != 0
        || header.upper < header.lower || header.upper > page_.size())
      throw damage{page_text(at.number) + "impossible bounds"};
    auto count = (header.lower - header_bytes) / 2;
    // A branch without a second key occurs in a merge, but not at rest.
    if (count == 0 || (wanted == branch && count < 2))
      throw damage{page_text(at.number) + "has too few entries"};
    std::string key_before;
    for (std::size_t i = 0; i < count; ++i) {
      auto found = read_node(at.number, header, i);
      // A branch's first key is never looked at.
      if (i > (wanted == branch ? 1u : 0u) && !in_order(at.kind, key_before, found.key))
        throw damage{page_text(at.number) + "its keys are out of order"};
      key_before = found.key;
      if (wanted == branch) {
        meet(found.child, 1);
        waiting_.push_back({found.child, at.levels - 1, at.kind});
      } else {
        visit_leaf(at, found);
      }
    }
  }

  /// The keys of the free list are numbers of transactions, the others bytes.
  static bool in_order(tree_kind kind, std::string_view before, std::string_view key) {
    constexpr auto word = sizeof(std::size_t);
    if (kind != tree_kind::free_list)
      return before < key;
    return before.size() == word && key.size() == word
           && load<std::size_t>(before.data()) < load<std::size_t>(key.data());
  }

  void visit_leaf(const step& at, const node& found) {
    auto data = found.data;
    std::vector<char> outside;
    if (found.flags == big_data)
      data = read_overflow(at, found, outside);
    else if (found.flags == sub_data && at.kind == tree_kind::main)
      add_named(at, found);
    else if (found.flags != 0)
      throw damage{page_text(at.number) + "impossible flags of an entry"};
    if (at.kind == tree_kind::free_list)
      visit_free_list(at, found, data);
  }

  void add_named(const step& at, const node& found) {
    if (found.data_size != sizeof(tree_record))
      throw damage{page_text(at.number) + "impossible record of a table"};
    add_tree(load<tree_record>(found.data.data()), tree_kind::named);
  }

  std::string_view read_overflow(const step& at, const node& found,
                                 std::vector<char>& outside) {
    auto number = load<page_number>(found.data.data());
    auto count = (header_bytes - 1 + found.data_size) / page_.size() + 1;
    meet(number, 1);
    // Values are opaque, so the header is enough; the free list is not.
    auto whole = at.kind == tree_kind::free_list;
    outside.resize(whole ? header_bytes + found.data_size : header_bytes);
    pages_read_ += whole ? count : 1;
    if (!read_bytes(number, outside))
      throw damage{page_text(number) + "cannot be read"};
    auto header = load<page_header>(outside.data());
    auto pages = header.lower | std::size_t{header.upper} << 16;
    if (header.number != number || header.flags != overflow || pages < count)
      throw damage{page_text(number) + "is not what its parent says"};
    if (pages > 1) // A value that became smaller keeps its pages.
      meet(number + 1, pages - 1);
    return std::string_view{outside.data(), outside.size()}.substr(header_bytes);
  }

  /// Free pages: a number n, then n page numbers, falling.
  void visit_free_list(const step& at, const node& found, std::string_view data) {
    constexpr auto word = sizeof(page_number);
    if (found.key.size() != word || data.size() < word
        || load<std::size_t>(found.key.data()) > meta_.transaction)
      throw damage{page_text(at.number) + "impossible entry of the free list"};
    auto count = load<page_number>(data.data());
    if (count > data.size() / word - 1)
      throw damage{page_text(at.number) + "the free list is cut off"};
    auto before = no_page;
    for (std::size_t i = 1; i <= count; ++i) {
      auto number = load<page_number>(data.data() + i * word);
      if (number >= before)
        throw damage{page_text(at.number) + "the free list is out of order"};
      before = number;
      meet(number, 1);
    }
  }

  node read_node(page_number number, const page_header& header,
                 std::size_t index) const {
    auto offset = load<std::uint16_t>(page_.data() + header_bytes + 2 * index);
    if (offset < header.upper || offset % 2 != 0
        || offset + node_header_bytes > page_.size())
      throw damage{page_text(number) + "impossible place of an entry"};
    const auto* bytes = page_.data() + offset;
    auto low = load<std::uint16_t>(bytes);
    auto high = load<std::uint16_t>(bytes + 2);
    auto flags = load<std::uint16_t>(bytes + 4);
    auto key_size = load<std::uint16_t>(bytes + 6);
    auto room = page_.size() - offset - node_header_bytes;
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

  page_header read_page(page_number number) {
    pages_read_ += 1;
    if (!read_bytes(number, page_))
      throw damage{page_text(number) + "cannot be read"};
    return load<page_header>(page_.data());
  }

  bool read_bytes(page_number number, std::vector<char>& into) const {
    return file_.read(number * meta_.trees[0].page_size, into);
  }

  const open_file& file_;
  const meta_record& meta_;
  const std::size_t pages_max_;
  std::size_t pages_read_ = 0;
  std::vector<char> page_;
  std::vector<bool> met_; // One bit for each page of the file.
  std::deque<step> waiting_;
};

} // namespace

file_verdict check_lmdb_file(const std::filesystem::path& path, std::size_t pages_max) {
  auto file = open_file{path};
  if (file.size() == 0)
    return {};
  try {
    auto meta_page = read_metas(file);
    tree_walk{file, meta_page, pages_max}.run();
    auto bytes = (meta_page.last_page + 1) * meta_page.trees[0].page_size;
    return {file_condition::sound, {}, bytes};
  } catch (const damage& x) {
    return {file_condition::damaged, x.reason, 0};
  }
}

} // namespace weir::storage
