#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/include.hpp"

namespace farkeep::test {

/// Files of a configuration in memory.
class FakeFiles final : public ConfigFiles {
 public:
  std::map<std::string, std::string> files;  ///< by path
  std::map<std::string, std::string> links;  ///< further names of files, each with the first
  std::set<std::string> locked;              ///< files and folders ("…/") that cannot be read
  std::vector<std::string> read_order;

  std::optional<Buffer> read(const std::string& path, std::size_t limit) override {
    read_order.push_back(path);
    if (locked.count(path) != 0) throw failure(make_error_code(boost::system::errc::permission_denied), "opening " + path);
    auto const found = files.find(identity(path));
    if (found == files.end()) return std::nullopt;
    if (found->second.size() > limit) throw failure(Errc::too_large, "reading " + path);
    return to_buffer(as_bytes(found->second));
  }
  std::vector<std::string> list(const std::string& folder) override {
    if (locked.count(folder) != 0) throw failure(make_error_code(boost::system::errc::permission_denied), "listing " + folder);
    std::string const in = folder == "." ? "" : folder;
    std::vector<std::string> out;
    for (auto const& [path, text] : files) {
      if (path.starts_with(in) && path.find('/', in.size()) == path.npos) out.insert(out.begin(), path.substr(in.size()));  // in no useful order
    }
    for (auto const& [path, target] : links) {
      if (path.starts_with(in) && path.find('/', in.size()) == path.npos) out.insert(out.begin(), path.substr(in.size()));
    }
    return out;
  }
  std::string identity(const std::string& path) override {
    auto const link = links.find(path);
    return link == links.end() ? path : link->second;
  }
};

}  // namespace farkeep::test
