#pragma once

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace farkeep::test {

inline std::string read_text(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  INFO(path);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    std::size_t const end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == text.npos) return out;
    text.remove_prefix(end + 1);
  }
}

/// Undoes \n \r \t \\ \xHH, and \{N:c} for N times c, where c may be an escape itself.
inline std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char const next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] != '\\') {
      out += text[i];
    } else if (next == 'x') {
      out += static_cast<char>(std::stoi(std::string{text.substr(i + 2, 2)}, nullptr, 16));
      i += 3;
    } else if (next == '{') {
      std::size_t const colon = text.find(':', i), end = text.find('}', colon);
      int const times = std::stoi(std::string{text.substr(i + 2, colon - i - 2)});
      std::string const what = unescape(text.substr(colon + 1, end - colon - 1));
      for (int n = 0; n < times; ++n) out += what;
      i = end;
    } else {
      out += next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next;
      ++i;
    }
  }
  return out;
}

/// The rows of a vectors file: cells between tabs; comments and empty lines are left out.
inline std::vector<std::vector<std::string_view>> rows(std::string_view text) {
  std::vector<std::vector<std::string_view>> out;
  for (std::string_view line : split(text, '\n')) {
    if (!line.empty() && line[0] != '#') out.push_back(split(line, '\t'));
  }
  return out;
}

}  // namespace farkeep::test
