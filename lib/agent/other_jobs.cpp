#include "agent/other_jobs.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <set>

#include "archive/path.hpp"
#include "base/harmless.hpp"
#include "base/shown_path.hpp"

namespace farkeep {

std::string other_jobs_with(const std::vector<SnapshotInfo>& all, const SnapshotInfo& snapshot, const std::vector<std::string>& paths) {
  std::vector<std::string> wanted;
  for (auto& path : paths) wanted.push_back(catalog_path(path));
  std::set<std::string> seen{snapshot.details.job};
  std::string out;
  for (auto s = all.rbegin(); s != all.rend(); ++s) {
    if (!s->problem.empty() || s->missing_from != 0 || !seen.insert(s->details.job).second) continue;
    for (auto& source : s->details.paths) {
      const std::string has = catalog_path(source);
      if (std::none_of(wanted.begin(), wanted.end(), [&](const std::string& p) { return p == has || is_below(p, has); })) continue;
      out += fmt::format("; job {} backs up {}: its newest snapshot is latest:{}", harmless_line(s->details.job), shown_path(source), harmless_line(s->details.job));
      break;
    }
  }
  return out;
}

}  // namespace farkeep
