#include <boost/json.hpp>

#include "agent/escrow.hpp"
#include "bundle_folder.hpp"
#include "command.hpp"
#include "crypto/certificate.hpp"
#include "crypto/digest.hpp"

// check, bundle: from the profile to what is handed out.
namespace farkeep::deploy {
namespace {

bool has_job(const ProfileConfig& profile, const ClassConfig& group, const std::string& job) {
  auto const* section = profile.document.find({"job", job});
  if (section == nullptr || section->find("class") == nullptr) return section != nullptr;
  for (const IniEntry& e : section->entries)
    if (e.key == "class" && e.value == group.name) return true;
  return false;
}

// Read and looked at before anything is written, or a token spent: a bundle that cannot work is not made.
BundleParts read_parts(App& app, const ProfileConfig& profile) {
  BundleParts out;
  const AgentConfig& agent = profile.agent;
  out.authority = text_of_file(app.disk(), agent.ca_file, "the data centres' authority", kMaxCertificate);
  auto const authority = value_or_throw(Certificate::from_pem(out.authority), "reading the data centres' authority " + agent.ca_file);
  if (authority.not_after() <= app.clock().wall())
    throw failure(Errc::configuration, "reading the data centres' authority " + agent.ca_file + ": it expired at " + rfc3339(authority.not_after()));
  if (!agent.escrow_key_file.empty()) out.escrow_key = read_escrow_key(app.disk(), agent.escrow_key_file).to_pem();
  return out;
}

}  // namespace

Exit check(App& app, const po::variables_map&, const Operands& operands) {
  auto const profile = read_profile(app.disk(), only_operand(operands, "the profile's file"));
  (void)read_parts(app, profile);
  for (const ClassConfig& group : profile.classes) {
    std::string jobs, globs;
    boost::json::array job_list, glob_list;
    for (const JobConfig& job : profile.agent.jobs) {
      if (!has_job(profile, group, job.name)) continue;
      jobs += (jobs.empty() ? "" : ", ") + job.name;
      job_list.emplace_back(job.name);
    }
    for (const std::string& m : group.match) {
      globs += (globs.empty() ? "" : ", ") + m;
      glob_list.emplace_back(m);
    }
    app.result("class " + group.name + ": " + (globs.empty() ? "no machine by its name" : globs) + "; jobs " + jobs,
               {{"class", group.name}, {"match", std::move(glob_list)}, {"jobs", std::move(job_list)}});
  }
  app.hint(operands.front() + " is right: " + std::to_string(profile.classes.size()) + " classes, " + std::to_string(profile.agent.jobs.size()) +
           " jobs");
  return Exit::done;
}

void bundle_options(po::options_description& d) {
  d.add_options()("class", po::value<std::string>()->value_name("NAME"), "for the machines of this class")(
      "host", po::value<std::string>()->value_name("NAME"), "for this machine, of the class that fits its name")(
      "out", po::value<std::string>()->value_name("DIR")->default_value("."), "where the folder of the bundle's name is made")(
      "token-file", po::value<std::string>()->value_name("FILE"), "the enrolment token, instead of the profile's way to get one")(
      "force", "replaces a bundle that is there already")("tar", po::value<std::string>()->value_name("FILE.tar.gz"), "also packs it")(
      "deb", "also makes a Debian package farkeep-config-NAME of it");
}

// 1. the profile and what it names  2. whose  3. the token, last, for making one is an act  4. write  5. pack
Exit bundle(App& app, const po::variables_map& values, const Operands& operands) {
  auto const profile = read_profile(app.disk(), only_operand(operands, "the profile's file"));
  auto parts = read_parts(app, profile);
  auto const target = target_for(profile, text_of(values, "class"), text_of(values, "host"));
  auto const now = app.clock().wall();
  auto const out = values["out"].as<std::string>();
  std::string const folder = out == "." ? target.bundle : out + "/" + target.bundle;
  bool const force = values.count("force") > 0;
  if (!force && app.disk().exists(folder))
    throw failure(Errc::exists, "writing the bundle " + folder + ": it is there already; --force replaces it, --out DIR names another place");
  parts.token = token_for(profile, text_of(values, "token-file"), target.bundle, target.is_host, now);

  app.disk().make_folders(out);
  auto const files = make_bundle(profile, target, parts, now);
  write_bundle(app.disk(), folder, files, force ? Replace::yes : Replace::no);
  boost::json::object o{{"message_type", "bundle"}, {"bundle", target.bundle}, {"folder", folder}, {"token", parts.token.has_value()}};
  std::string text = "bundle " + folder + " for " + in_words(target);
  if (parts.token && parts.token->expires) {
    o["token_expires"] = rfc3339(*parts.token->expires);
    text += "; its token is valid until " + rfc3339(*parts.token->expires);
  }
  if (!parts.token) text += "; it has no token";
  if (auto const tar = text_of(values, "tar")) {
    pack_tar(folder, *tar);
    o["tar"] = *tar;
    text += "\npacked: " + *tar;
  }
  if (values.count("deb")) {
    auto const facts = value_or_throw(BundleManifest::parse(files.at(std::string{kManifest})), "reading the manifest just made");
    auto const deb = pack_deb(app.disk(), folder, facts, out, now);
    o["deb"] = deb;
    text += "\npackage: " + deb;
  }
  auto const sum = sha256(as_bytes(files.at(std::string{kManifest}))).hex();
  o["manifest_sha256"] = sum;
  app.result(text + "\nSHA-256 of its manifest: " + sum, o);
  app.hint("Next: farkeep-deploy verify " + folder + "; on the machine: sh install.sh");
  return Exit::done;
}

}  // namespace farkeep::deploy
