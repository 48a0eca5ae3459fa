#include "vault/damage_watch.hpp"

#include "vault/registry_file.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kNamed = 5;  // a mail is read on a telephone; the log names all

}  // namespace

std::optional<Notice> DamageWatch::see(const std::set<std::string>& damaged) {
  std::size_t fresh = 0;
  std::string names, help;
  for (auto const& name : damaged) {
    if (told_.contains(name) || ++fresh > kNamed) continue;
    names += (names.empty() ? "" : ", ") + name;
    if (help.empty()) help = what_helps(name);
  }
  bool const healed = !told_.empty() && damaged.empty();
  told_ = damaged;
  if (healed) return Notice{Notice::Event::recovered, "", "all files of the registry are whole again", true};
  if (fresh == 0) return std::nullopt;
  if (fresh > kNamed) names += " and " + std::to_string(fresh - kNamed) + " more";
  return Notice{Notice::Event::failed, "", "the registry has damaged files: " + names + "; " + (fresh == 1 ? help : "`farkeep-server status` says of each what helps"), true};
}

}  // namespace farkeep
