#include "config/profile_config.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "config/ascii.hpp"
#include "config/glob.hpp"
#include "config/nearest.hpp"
#include "config/settings.hpp"

namespace farkeep {
namespace {

using enum SettingType;

constexpr KeySpec kOrganisation[] = {
    {.key = "name", .type = command, .example = "Example Ltd", .help = "The name by which bundles and their papers speak of it.", .required = true},
};

constexpr KeySpec kProfileRegistration[] = {
    {.key = "server",
     .type = server,
     .example = "192.0.2.10",
     .help = "A server of the registration pair as ip or ip:port (port 16384 unless written): the first is the primary, the second the alternate.",
     .required = true,
     .repeatable = true},
    {.key = "ca_file",
     .type = path,
     .example = "/root/farkeep/ca.pem",
     .help = "The certificate of the data centres' own authority (PEM), on this machine; bundles carry a copy.",
     .required = true},
};

constexpr KeySpec kToken[] = {
    {.key = "file",
     .type = path,
     .example = "/root/farkeep/token",
     .help = "A file on this machine whose first line is an enrolment token; of file and command only one may be given."},
    {.key = "command",
     .type = command,
     .example = "ssh dc1 farkeep-server token create --account example --uses {uses} --expires {expires} --json",
     .help = "A command whose first line of output is one, with --json or without; {uses}, {expires} and {bundle} stand for what they say."},
    {.key = "uses",
     .type = number,
     .fallback = "1",
     .help = "How many machines one bundle of a class may register; that of a host registers one.",
     .least = 1,
     .most = 100000},
    {.key = "expires", .type = duration, .fallback = "24h", .help = "How long a token is to be valid.", .least = 60, .most = 3660ull * 86400},
};

constexpr KeySpec kProfileEscrow[] = {
    {.key = "public_key_file",
     .type = path,
     .example = "/root/farkeep/escrow.pub",
     .help = "The organisation's public key as farkeep-deploy escrow create made it, on this machine; bundles carry a copy."},
};

constexpr KeySpec kClass[] = {
    {.key = "match",
     .type = pattern,
     .example = "web*.example.org",
     .help = "Names of machines that belong to it, with * and ?; the first class that fits counts.",
     .repeatable = true},
};

constexpr KeySpec kJobClass{
    .key = "class", .type = label, .example = "web", .help = "A class that has the job; without it, all have.", .repeatable = true};

constexpr SectionSpec kOwn[] = {
    {"organisation", "", "Whose machines these are.", kOrganisation},
    {"registration", "", "Where the machines register.", kProfileRegistration},
    {"token", "", "How a bundle gets its enrolment token; without both ways, only from farkeep-deploy bundle --token-file.", kToken},
    {"escrow", "", "Recovery by the organisation: every machine puts a key slot for its key on the servers.", kProfileEscrow},
    {"class", "web", "Machines that get the same settings; one section for each class, or none when all are alike.", kClass},
};

/// The agent's own sections follow those of the profile; what an agent may set, a profile may set, whatever it is.
struct ProfileSchema {
  std::vector<KeySpec> agent_keys, job_keys;
  std::vector<SectionSpec> sections{std::begin(kOwn), std::end(kOwn)};
  Schema schema;

  ProfileSchema() {
    for (const SectionSpec& section : AgentConfig::schema().sections) {
      bool const is_own = std::any_of(std::begin(kOwn), std::end(kOwn), [&](const SectionSpec& s) { return s.kind == section.kind; });
      if (is_own || section.kind == "deployment" || section.kind == "include") continue;
      sections.push_back(section);
      if (section.kind == "agent") {
        for (const KeySpec& key : section.keys)
          if (key.key != "name") agent_keys.push_back(key);
        sections.back().keys = agent_keys;
        sections.back().help = "What is the same on every machine; its name is not.";
      }
      if (section.kind == "job") {
        job_keys.assign(section.keys.begin(), section.keys.end());
        job_keys.push_back(kJobClass);
        sections.back().keys = job_keys;
      }
    }
    schema = {
        "Farkeep deployment profile: every key, commented at its default, or at an example where it has none.\n"
        "farkeep-deploy bundle makes of it what machines are installed with. From [agent] on, keys are those of agent.ini, and files are named as "
        "they are on the machines.\n"
        "Sizes are written with KiB, MiB, GiB, TiB or KB, MB, GB, TB; durations with s, m, h, d or w.\n"
        "A comment begins with # or ; at the start of a line or behind a blank; a value that holds one stands in double quotes.",
        sections};
  }
  ProfileSchema(const ProfileSchema&) = delete;
};

/// The same lines, those that are the profile's own left empty: so a mistake keeps its line.
std::string agent_part(const IniDocument& document) {
  std::set<int> out_of_it;
  std::vector<std::pair<int, bool>> sections;  // first line, whether an agent has it
  for (const IniSection& section : document.sections()) {
    sections.push_back({section.line, AgentConfig::schema().find(section.id.kind) != nullptr});
    for (const IniEntry& entry : section.entries)
      if (section.id.kind == "job" && entry.key == kJobClass.key) out_of_it.insert(entry.line);
  }
  std::string out;
  bool keep = true;
  std::size_t next = 0;
  std::string_view rest = document.text();
  for (int line = 1; !rest.empty(); ++line) {
    std::size_t const end = std::min(rest.find('\n'), rest.size());
    if (next < sections.size() && sections[next].first == line) keep = sections[next++].second;
    if (keep && !out_of_it.contains(line)) out += rest.substr(0, end);
    out += '\n';
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

class ProfileReader {
 public:
  ProfileReader(const IniDocument& document, std::vector<ConfigError>& errors) : document_(document), errors_(errors) {}

  void read(ProfileConfig& out) {
    out.organisation = settings("organisation").get("name", parse_command);
    read_token(out);
    for (const IniSection& section : document_.sections())
      if (section.id.kind == "class") out.classes.push_back(read_class(section));
    check_jobs(out);
  }

 private:
  Settings settings(std::string_view kind) const { return {*ProfileConfig::schema().find(kind), document_.find({std::string{kind}, {}})}; }

  void read_token(ProfileConfig& out) {
    Settings const token = settings("token");
    if (token.has("file")) out.token = {SecretSource::Kind::file, token.get("file", parse_path)};
    if (token.has("command")) {
      if (token.has("file")) wrong(token.entries("command").front()->line, "command: only one of file and command may be given");
      out.token = {SecretSource::Kind::command, token.get("command", parse_command)};
    }
    out.token_uses = token.get("uses", [](std::string_view text) { return parse_number(text, 1, 100000); });
    out.token_expires = token.get("expires", parse_duration);
  }

  ClassConfig read_class(const IniSection& section) {
    ClassConfig out{section.id.name, section.line, {}};
    for (const IniEntry& entry : section.entries) {
      if (entry.key != "match") continue;
      auto const glob = Glob::parse(entry.value);
      if (!glob) wrong(entry.line, "match: " + glob.error().text);
      if (entry.value.find_first_of("/! ") != entry.value.npos)
        wrong(entry.line, "match: a host's name has no '/', '!' or blank: write it with * and ?, such as web*.example.org");
      out.match.push_back(entry.value);
    }
    return out;
  }

  // Both ways: no job for a class that does not exist, no class without a job.
  void check_jobs(const ProfileConfig& out) {
    std::vector<std::string_view> names;
    for (const ClassConfig& c : out.classes) names.push_back(c.name);
    std::set<std::string_view> served;
    for (const IniSection& section : document_.sections()) {
      if (section.id.kind != "job") continue;
      bool for_all = true;
      for (const IniEntry& entry : section.entries) {
        if (entry.key != kJobClass.key) continue;
        for_all = false;
        served.insert(entry.value);
        if (std::find(names.begin(), names.end(), entry.value) != names.end()) continue;
        auto const near = nearest(entry.value, names);
        wrong(entry.line, "class: there is no [class " + entry.value + "]" + (near ? ": did you mean " + std::string{*near} + "?" : ""));
      }
      if (for_all) served.insert(names.begin(), names.end());
    }
    for (const ClassConfig& c : out.classes)
      if (!served.contains(c.name)) wrong(c.line, "[class " + c.name + "] has no job: write class = " + c.name + " into one");
  }

  void wrong(int line, std::string text) { errors_.push_back({document_.file(), line, std::move(text)}); }

  const IniDocument& document_;
  std::vector<ConfigError>& errors_;
};

}  // namespace

const Schema& ProfileConfig::schema() {
  static const ProfileSchema all;
  return all.schema;
}

const ClassConfig* ProfileConfig::find_class(std::string_view name) const {
  auto const found = std::find_if(classes.begin(), classes.end(), [&](const ClassConfig& c) { return c.name == name; });
  return found == classes.end() ? nullptr : &*found;
}

const ClassConfig* ProfileConfig::class_of(std::string_view host) const {
  std::string const name = ascii::lower(host);
  for (const ClassConfig& c : classes) {
    for (const std::string& pattern : c.match) {
      auto const glob = Glob::parse(ascii::lower(pattern));
      if (glob && glob->matches(name)) return &c;
    }
  }
  return nullptr;
}

// 1. the grammar  2. the profile's schema and sense  3. the rest as an agent would read it; a line that is wrong already is not blamed twice
Parsed<ProfileConfig> ProfileConfig::parse(std::string_view text, std::string file) {
  Parsed<ProfileConfig> out;
  ProfileConfig profile;
  profile.document = IniDocument::read(text, file, out.errors);
  bool const grammar_is_right = out.errors.empty();
  OneConfigFile only{file, std::string{text}};
  out.errors = read_merged(schema(), only, file).errors;
  ProfileReader{profile.document, out.errors}.read(profile);
  if (grammar_is_right) {
    auto agent = AgentConfig::parse(agent_part(profile.document), file);
    std::set<int> blamed;
    for (const ConfigError& e : out.errors) blamed.insert(e.line);
    for (ConfigError& e : agent.errors)
      if (!blamed.contains(e.line)) out.errors.push_back(std::move(e));
    if (agent) profile.agent = std::move(*agent.value);
  }
  sort_by_place(out.errors, {file});
  if (out.errors.empty()) out.value = std::move(profile);
  return out;
}

}  // namespace farkeep
