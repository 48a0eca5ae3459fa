#include "bundle.hpp"

#include <spdlog/fmt/fmt.h>

#include "base/check.hpp"
#include "base/software.hpp"
#include "config/nearest.hpp"
#include "crypto/digest.hpp"
#include "firewall_sheet.hpp"
#include "install_script.hpp"

namespace farkeep::deploy {
namespace {

std::string names_of(const ProfileConfig& profile) {
  std::string out;
  for (const ClassConfig& c : profile.classes) out += (out.empty() ? "" : ", ") + c.name;
  return out;
}

// What the settings name and the bundle does not bring.
std::string files_to_prepare(const AgentConfig& agent) {
  std::string out;
  auto const add = [&](const std::string& file, const std::string& what) { out += "  " + file + "  " + what + "\n"; };
  if (const ProxyConfig* proxy = agent.connection.proxy(); proxy && proxy->password.kind == SecretSource::Kind::file)
    add(proxy->password.text, "the password for the proxy " + proxy->proxy.to_string());
  for (const JobConfig& job : agent.jobs)
    if (!job.exclude_file.empty()) add(job.exclude_file, "exclude rules of job " + job.name);
  return out;
}

std::string token_facts(const BundleManifest& facts, bool has_token) {
  if (!has_token) return "It carries no enrolment token: give one with --token-file.\n";
  return fmt::format(
      "It carries an enrolment token{}{}: whoever has it can register machines with the account, so keep the bundle to\nadministrators, and delete "
      "it when it is used up.\n",
      facts.token_uses ? fmt::format(" for {} machine{}", *facts.token_uses, *facts.token_uses == 1 ? "" : "s") : "",
      facts.token_expires ? ", valid until " + rfc3339(*facts.token_expires) : "");
}

std::string readme(const BundleManifest& facts, const std::string& who, const AgentConfig& agent, bool has_token) {
  std::string const prepare = files_to_prepare(agent);
  return "Farkeep deployment bundle " + facts.bundle + " of " + facts.organisation + ", for " + who + "\nMade by " + facts.made_by + "\n\n" +
         "To install, as root:           sh install.sh\n"
         "Without the package installed: put its .deb files into this folder first\n"
         "Into an image:                 sh install.sh --root DIR, and sh install.sh at the first boot of what is made of it\n\n"
         "It asks nothing, needs no network but the way to the servers (firewall-sheet.txt), and may be run again at any time: what is done\n"
         "already is left as it is. Settings that were changed on the machine are replaced, and kept in /etc/farkeep/agent.ini.before.\n"
         "Exit codes: 0 done, 1 failed, 2 usage or settings, 4 no server reachable, 5 token refused, 6 the bundle is damaged.\n\n" +
         token_facts(facts, has_token) + (prepare.empty() ? "" : "\nThe settings name files that the machine must have itself:\n" + prepare) +
         "\nAfterwards: farkeep status, farkeep doctor. Before: farkeep-deploy verify, or sha256sum -c manifest.\n";
}

}  // namespace

BundleTarget target_for(const ProfileConfig& profile, const std::optional<std::string>& group, const std::optional<std::string>& host) {
  std::string const doing = "making a bundle";
  if (group && host) throw failure(Errc::usage, doing + ": either --class or --host");
  if (group) {
    std::vector<std::string_view> names;
    for (const ClassConfig& c : profile.classes) names.push_back(c.name);
    const ClassConfig* const found = profile.find_class(*group);
    if (found) return {found->name, found, false};
    auto const near = nearest(*group, names);
    throw failure(Errc::usage, doing + ": the profile has no class " + *group +
                                   (near            ? " (did you mean " + std::string{*near} + "?)"
                                    : names.empty() ? ", and no class at all: use --host, or neither"
                                                    : " (it has " + names_of(profile) + ")"));
  }
  if (host) {
    auto const label = parse_label(*host);
    if (!label) throw failure(Errc::usage, doing + ": --host: " + label.error().text);
    const ClassConfig* const found = profile.class_of(*host);
    if (!found && !profile.classes.empty())
      throw failure(Errc::usage, doing + ": no class of the profile fits the host " + *host + " (classes: " + names_of(profile) +
                                     "): add a match, or use --class");
    return {*host, found, true};
  }
  if (!profile.classes.empty()) throw failure(Errc::usage, doing + ": --class or --host is needed (classes: " + names_of(profile) + ")");
  return {"all", nullptr, false};
}

std::string in_words(const BundleTarget& target) {
  if (target.is_host) return "the machine " + target.bundle;
  if (!target.group) return "all machines";
  std::string globs;
  for (const std::string& m : target.group->match) globs += (globs.empty() ? " (" : ", ") + m;
  return "the machines of class " + target.group->name + globs + (globs.empty() ? "" : ")");
}

BundleFiles make_bundle(const ProfileConfig& profile, const BundleTarget& target, const BundleParts& parts, WallTime now) {
  BundleFiles out;
  out["agent.ini"] = bundle_ini(profile, target, kSoftware);
  out["ca.pem"] = parts.authority;
  if (parts.escrow_key) out["escrow.pub"] = *parts.escrow_key;
  if (parts.token) out["token"] = std::string{parts.token->text.text()} + "\n";
  auto const agent = AgentConfig::parse(out["agent.ini"], "agent.ini");
  FARKEEP_CHECK(agent);
  out["install.sh"] = install_script(target.bundle, agent.value->state);
  out["firewall-sheet.txt"] = firewall_sheet(profile.organisation, in_words(target), *agent.value, now);

  BundleManifest manifest;
  manifest.bundle = target.bundle;
  manifest.organisation = profile.organisation;
  manifest.made_by = kSoftware;
  if (parts.token) manifest.token_uses = parts.token->uses, manifest.token_expires = parts.token->expires;
  out["README.txt"] = readme(manifest, in_words(target), *agent.value, parts.token.has_value());
  for (auto const& [name, bytes] : out) manifest.files[name] = sha256(as_bytes(bytes));
  out[std::string{kManifest}] = manifest.text();
  return out;
}

}  // namespace farkeep::deploy
