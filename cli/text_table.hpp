// Columns of text for a terminal: left-aligned, numbers right-aligned, two
// blanks between columns.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace weir::cli {

class text_table {
public:
  /// A title that begins with '>' makes its column right-aligned.
  explicit text_table(std::vector<std::string> titles);

  /// Missing cells are empty, further ones are left out. Control characters,
  /// which could steer a terminal, are shown as '?'.
  void add(std::vector<std::string> cells);

  std::string text() const;
  std::size_t rows() const {
    return rows_.size();
  }

private:
  void append_row(std::string& out, const std::vector<std::string>& cells,
                  const std::vector<std::size_t>& widths) const;

  std::vector<std::string> titles_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

} // namespace weir::cli
