#include "storage/lmdb_walk.hpp"

#include <utility>

namespace weir::storage {

using namespace lmdb_layout;

namespace {

/// Free pages may lie behind the file's end, but never so many.
constexpr std::size_t unwritten_pages_max = 1 << 24;

/// A wrong number must not cost all memory.
std::size_t pages_of(const data_file& file, const meta_record& meta_page) {
  if (meta_page.last_page > file.size() / meta_page.page_size() + unwritten_pages_max)
    throw damage{"impossible last page " + std::to_string(meta_page.last_page)};
  return meta_page.last_page + 1;
}

} // namespace

lmdb_walk::lmdb_walk(const std::filesystem::path& file)
  : file_(file), meta_(read_metas(file_)), page_bytes_(meta_.page_size()),
    met_(pages_of(file_, meta_)) {
}

std::vector<walked_table> lmdb_walk::tables(const on_damage& damaged) {
  std::vector<walked_table> result;
  walk(meta_.trees[1], {tree_kind::main,
                        [&](const node& found, std::string_view value) {
                          walked_table x;
                          x.name = found.key;
                          x.tree = load<tree_record>(value.data());
                          x.entries = x.tree.entries;
                          x.branch_pages = x.tree.branch_pages;
                          x.leaf_pages = x.tree.leaf_pages;
                          x.overflow_pages = x.tree.overflow_pages;
                          result.push_back(std::move(x));
                        },
                        damaged});
  return result;
}

void lmdb_walk::entries(const walked_table& table, const on_entry& entry,
                        const on_damage& damaged) {
  walk(table.tree,
       {tree_kind::named,
        [&](const node& found, std::string_view value) { entry(found.key, value); },
        damaged});
}

std::uint64_t lmdb_walk::free_pages(const on_damage& damaged) {
  std::uint64_t result = 0;
  auto count = [&](const node& found, std::string_view value) {
    auto pages
      = value.size() < sizeof(page_number) ? no_page : load<page_number>(value.data());
    if (found.key.size() != sizeof(std::size_t)
        || pages > value.size() / sizeof(page_number) - 1)
      throw damage{"an impossible entry of the free list"};
    for (std::size_t i = 1; i <= pages; ++i)
      meet(load<page_number>(value.data() + i * sizeof(page_number)), 1);
    result += pages;
  };
  walk(meta_.trees[0], {tree_kind::free_list, count, damaged});
  return result;
}

void lmdb_walk::walk(const tree_record& tree, const tree_visit& visit) {
  if (tree.root == no_page)
    return;
  if (tree.depth == 0 || tree.depth > depth_max) {
    visit.damaged({{}, {}, page_text(tree.root) + "impossible depth of its tree"});
    return;
  }
  try {
    meet(tree.root, 1);
  } catch (const damage& x) {
    visit.damaged({{}, {}, x.reason});
    return;
  }
  walk_page({tree.root, tree.depth, {}, {}}, visit);
}

void lmdb_walk::walk_page(const place& at, const tree_visit& visit) {
  std::vector<char> bytes(page_bytes_);
  page_header header{};
  auto wanted = at.levels > 1 ? branch : leaf;
  try {
    if (!file_.read(at.number * page_bytes_, bytes))
      throw damage{page_text(at.number) + "cannot be read"};
    header = load<page_header>(bytes.data());
    check_header(at.number, header, wanted, page_bytes_);
  } catch (const damage& x) {
    visit.damaged({at.from_key, at.until_key, x.reason});
    return;
  }
  auto page = std::string_view{bytes.data(), bytes.size()};
  if (wanted == branch)
    walk_branch(at, page, header, visit);
  else
    walk_leaf(at, page, header, visit);
}

/// A child whose key cannot be read takes the span up to the next one that can.
void lmdb_walk::walk_branch(const place& at, std::string_view page,
                            const page_header& header, const tree_visit& visit) {
  std::vector<place> children;
  for (std::size_t i = 0; i < header.entries(); ++i) {
    auto from_key = children.empty() ? at.from_key : children.back().from_key;
    try {
      auto found = read_node(at.number, page, header, i);
      // A branch's first key is never looked at.
      auto key = i == 0 ? at.from_key : std::string{found.key};
      if (visit.kind != tree_kind::free_list && i > 0
          && (key <= from_key || (!at.until_key.empty() && key >= at.until_key)))
        throw damage{page_text(at.number) + "its keys are out of order"};
      meet(found.child, 1);
      if (!children.empty())
        children.back().until_key = key;
      children.push_back({found.child, at.levels - 1, std::move(key), at.until_key});
    } catch (const damage& x) {
      visit.damaged({from_key, at.until_key, x.reason});
    }
  }
  for (const auto& child : children)
    walk_page(child, visit);
}

void lmdb_walk::walk_leaf(const place& at, std::string_view page,
                          const page_header& header, const tree_visit& visit) {
  std::string before;
  for (std::size_t i = 0; i < header.entries(); ++i) {
    auto from_key = i == 0 ? at.from_key : before;
    auto until_key = at.until_key;
    try {
      auto found = read_node(at.number, page, header, i);
      if (visit.kind != tree_kind::free_list
          && ((i > 0 && found.key <= before)
              || (!at.from_key.empty() && found.key < at.from_key)
              || (!at.until_key.empty() && found.key >= at.until_key)))
        throw damage{page_text(at.number) + "its keys are out of order"};
      before = from_key = found.key;
      until_key = before + '\0'; // What is wrong from here on is this value alone.
      visit.entry(found, value_of(found, visit));
    } catch (const damage& x) {
      visit.damaged({from_key, until_key, x.reason});
    }
  }
}

std::string_view lmdb_walk::value_of(const node& found, const tree_visit& visit) {
  if (visit.kind == tree_kind::main) {
    if (found.flags != sub_data || found.data_size != sizeof(tree_record))
      throw damage{"impossible record of a table"};
    return found.data;
  }
  if (found.flags == 0)
    return found.data;
  if (found.flags != big_data)
    throw damage{"impossible flags of an entry"};
  auto number = load<page_number>(found.data.data());
  auto count = overflow_pages(found.data_size, page_bytes_);
  meet(number, count);
  auto size = header_bytes + found.data_size;
  outside_.resize(1); // Is it there at all? Before memory is taken for it.
  if (!file_.read(number * page_bytes_ + size - 1, outside_))
    throw damage{page_text(number) + "cannot be read"};
  outside_.resize(size);
  if (!file_.read(number * page_bytes_, outside_))
    throw damage{page_text(number) + "cannot be read"};
  auto header = load<page_header>(outside_.data());
  check_header(number, header, overflow, page_bytes_);
  if (header.pages() < count)
    throw damage{page_text(number) + "is not what its parent says"};
  if (header.pages() > count) // A value that became smaller keeps its pages.
    meet(number + count, header.pages() - count);
  return std::string_view{outside_.data(), outside_.size()}.substr(header_bytes);
}

void lmdb_walk::meet(page_number number, std::size_t count) {
  if (number < 2 || number > meta_.last_page || count > meta_.last_page - number + 1)
    throw damage{page_text(number) + "lies outside the database"};
  for (auto i = number; i < number + count; ++i) {
    if (met_[i])
      throw damage{page_text(i) + "is used twice"};
    met_[i] = true;
  }
}

} // namespace weir::storage
