#include "storage/lmdb_check.hpp"

#include "storage/lmdb_layout.hpp"

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace weir::storage {

using namespace lmdb_layout;

namespace {

constexpr std::size_t unknown_pages_max = 64;

/// Walks all trees, each page once: a page number that leads out of the file,
/// to a page of another kind, or to one that was met before is damage.
class tree_walk {
public:
  tree_walk(const data_file& file, const meta_record& meta_page, std::size_t pages_max)
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
    check_header(at.number, header, wanted, page_.size());
    std::string key_before;
    for (std::size_t i = 0; i < header.entries(); ++i) {
      auto found = read_node(at.number, {page_.data(), page_.size()}, header, i);
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
    auto count = overflow_pages(found.data_size, page_.size());
    meet(number, 1);
    // Values are opaque, so the header is enough; the free list is not.
    auto whole = at.kind == tree_kind::free_list;
    outside.resize(whole ? header_bytes + found.data_size : header_bytes);
    pages_read_ += whole ? count : 1;
    if (!read_bytes(number, outside))
      throw damage{page_text(number) + "cannot be read"};
    auto header = load<page_header>(outside.data());
    auto pages = header.pages();
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

  page_header read_page(page_number number) {
    pages_read_ += 1;
    if (!read_bytes(number, page_))
      throw damage{page_text(number) + "cannot be read"};
    return load<page_header>(page_.data());
  }

  bool read_bytes(page_number number, std::vector<char>& into) const {
    return file_.read(number * meta_.trees[0].page_size, into);
  }

  const data_file& file_;
  const meta_record& meta_;
  const std::size_t pages_max_;
  std::size_t pages_read_ = 0;
  std::vector<char> page_;
  std::vector<bool> met_; // One bit for each page of the file.
  std::deque<step> waiting_;
};

} // namespace

file_verdict check_lmdb_file(const std::filesystem::path& path, std::size_t pages_max) {
  const data_file file{path};
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
