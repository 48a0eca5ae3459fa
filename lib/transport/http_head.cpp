#include "transport/http_head.hpp"

#include <algorithm>

namespace farkeep {
namespace {

constexpr std::size_t kMostFields = 256;

std::string printable(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Without its line end.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

result<HttpHead> HttpHead::parse(ByteView head) {
  std::string_view rest = as_text(head);
  HttpHead out;
  // "HTTP/1.1 200 Connection established"; the reason and the blank before it may be missing
  const std::string_view line = take_line(rest);
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || !is_digit(line[7]) || line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) return Errc::malformed;
  for (char c : line.substr(9, 3)) {
    if (!is_digit(c)) return Errc::malformed;
    out.status = out.status * 10 + (c - '0');
  }
  if (out.status < 100 || out.status > 599) return Errc::malformed;
  out.reason = printable(trimmed(line.substr(12)));
  while (!rest.empty()) {
    const std::string_view field = take_line(rest);
    if (field.empty()) break;
    const std::size_t colon = field.find(':');
    if (colon == field.npos || colon == 0 || out.fields.size() == kMostFields) return Errc::malformed;
    Field f;
    for (char c : field.substr(0, colon)) {
      if (c <= ' ' || c > '~') return Errc::malformed;  // a folded line among them: obsolete, and not for us to guess at
      f.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    f.value = printable(trimmed(field.substr(colon + 1)));
    out.fields.push_back(std::move(f));
  }
  return out;
}

std::vector<std::string> HttpHead::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const Field& f : fields)
    if (f.name == name) out.push_back(f.value);
  return out;
}

void HeadEnd::take(ByteView bytes) noexcept {
  for (const std::uint8_t b : bytes) {
    if (left_ == 0) return;
    if (b == '\n') {
      left_ = line_ended_ ? 0 : 1;
      line_ended_ = true;
    } else if (b == '\r' && line_ended_) {
      left_ = 1;
    } else {
      line_ended_ = false;
      left_ = 2;
    }
  }
}

}  // namespace farkeep
