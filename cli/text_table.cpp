#include "cli/text_table.hpp"

#include <algorithm>
#include <utility>

namespace weir::cli {

namespace {

/// Characters, counting each UTF-8 sequence once.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

} // namespace

text_table::text_table(std::vector<std::string> titles) : titles_(std::move(titles)) {
  for (auto& title : titles_) {
    right_.push_back(title.starts_with('>'));
    if (right_.back())
      title.erase(0, 1);
  }
}

void text_table::add(std::vector<std::string> cells) {
  cells.resize(titles_.size());
  for (auto& cell : cells)
    for (auto& c : cell)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        c = '?';
  rows_.push_back(std::move(cells));
}

std::string text_table::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < titles_.size(); ++i) {
    auto width = width_of(titles_[i]);
    for (const auto& row : rows_)
      width = std::max(width, width_of(row[i]));
    widths.push_back(width);
  }
  std::string result;
  append_row(result, titles_, widths);
  for (const auto& row : rows_)
    append_row(result, row, widths);
  return result;
}

void text_table::append_row(std::string& out, const std::vector<std::string>& cells,
                            const std::vector<std::size_t>& widths) const {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string fill(widths[i] - width_of(cells[i]), ' ');
    line += right_[i] ? fill + cells[i] : cells[i] + fill;
    line += "  ";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
}

} // namespace weir::cli
