#include "transport/csv_reader.hpp"

namespace weir::transport {

namespace {

constexpr int end_of_file = std::char_traits<char>::eof();

} // namespace

csv_reader::csv_reader(std::istream& in, char separator)
  : in_(*in.rdbuf()), separator_(separator) {
  constexpr int mark[] = {0xef, 0xbb, 0xbf};
  for (auto byte : mark) {
    if (in_.sgetc() != byte)
      break;
    in_.sbumpc();
  }
}

csv_reader::result csv_reader::next(std::vector<std::string>& fields) {
  if (!error_.empty())
    return result::error;
  for (;;) {
    record_line_ = line_;
    column_ = 0;
    auto how = ending::field;
    while (how == ending::field) {
      if (column_ == columns_max) {
        fail("more columns than 10,000");
        return result::error;
      }
      if (fields.size() <= column_)
        fields.emplace_back();
      how = read_field(fields[column_++]);
    }
    if (how == ending::error)
      return result::error;
    auto is_empty = column_ == 1 && fields[0].empty();
    fields.resize(column_);
    if (!is_empty)
      return result::row;
    if (how == ending::file)
      return result::end;
  }
}

int csv_reader::take() {
  auto c = in_.sbumpc();
  if (c == '\n')
    ++line_;
  return c;
}

csv_reader::ending csv_reader::read_field(std::string& out) {
  out.clear();
  if (in_.sgetc() == '"')
    return read_quoted(out);
  for (;;) {
    auto c = take();
    if (c == separator_ || c == '\n' || c == '\r' || c == end_of_file)
      return ending_of(c);
    if (c == '"')
      return fail("a quote inside a field that does not begin with one; write it "
                  "as \"\" within quotes");
    if (out.size() == field_bytes_max)
      return fail("a field of more than 1 MB");
    out.push_back(static_cast<char>(c));
  }
}

csv_reader::ending csv_reader::read_quoted(std::string& out) {
  take();
  for (;;) {
    auto c = take();
    if (c == end_of_file)
      return fail("the file ends inside a quoted field");
    if (c == '"') {
      if (in_.sgetc() != '"')
        break;
      take();
    }
    if (out.size() == field_bytes_max)
      return fail("a field of more than 1 MB");
    out.push_back(static_cast<char>(c));
  }
  auto after = take();
  if (after == separator_ || after == '\n' || after == '\r' || after == end_of_file)
    return ending_of(after);
  return fail("text behind the closing quote of a field");
}

csv_reader::ending csv_reader::ending_of(int c) {
  if (c == separator_)
    return ending::field;
  if (c == '\n')
    return ending::record;
  if (c == end_of_file)
    return ending::file;
  if (in_.sgetc() == end_of_file)
    return ending::record;
  return take() == '\n' ? ending::record
                        : fail("a carriage return without a line feed");
}

csv_reader::ending csv_reader::fail(const char* what) {
  error_ = "line " + std::to_string(record_line_) + ", column "
           + std::to_string(column_) + ": " + what;
  return ending::error;
}

} // namespace weir::transport
