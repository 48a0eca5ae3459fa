#include "platform/source_tree.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace farkeep {

// With what the allocator adds, and the number of its inode beside it.
std::size_t weight_of(const SourceName& name) noexcept { return sizeof(SourceName) + 64 + name.name.size(); }

SourceNames SourceFolder::names(const std::string& after, std::size_t room) const {
  SourceNames out{entries(), false};
  std::erase_if(out.names, [&](const SourceName& n) { return n.name <= after; });
  std::size_t at = 0, held = 0;
  while (at < out.names.size() && (at == 0 || held + weight_of(out.names[at]) <= room)) held += weight_of(out.names[at++]);
  out.more = at < out.names.size();
  out.names.resize(at);
  return out;
}

bool SourceFolder::lists(const std::string& name) const {
  try {
    stat(name);
    return true;
  } catch (const failure& f) {
    return classify(f.code()) != Errc::not_found;
  }
}

}  // namespace farkeep
