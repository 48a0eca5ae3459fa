#include "config/agent_config.hpp"

#include <algorithm>

#include "config/settings.hpp"

namespace farkeep {
namespace {

/// From a document that check() has seen to the struct, with the checks that take more than one key.
class AgentReader {
 public:
  AgentReader(const IniDocument& document, std::vector<ConfigError>& errors) : document_(document), errors_(errors) {}

  AgentConfig read() {
    AgentConfig out;
    read_agent(out);
    read_registration(out);
    read_connection(out);
    for (const IniSection& section : document_.sections()) {
      if (section.id.kind == "job") out.jobs.push_back(read_job(section));
    }
    return out;
  }

 private:
  Settings settings(std::string_view kind) const {
    return {*AgentConfig::schema().find(kind), document_.find({std::string{kind}, {}})};
  }

  void read_agent(AgentConfig& out) const {
    Settings const agent = settings("agent");
    auto const threads = [](std::string_view text) { return parse_number(text, 0, 256); };
    out.state = agent.get("state", parse_path);
    out.name = agent.get("name", parse_label);
    out.cache_limit = agent.get("cache_limit", parse_size);
    out.memory_limit = agent.get("memory_limit", parse_size);
    out.upload_threads = static_cast<unsigned>(agent.get("upload_threads", threads));
    out.log_level = agent.choice<LogLevel>("log_level");
    out.log_format = agent.choice<LogFormat>("log_format");
  }

  void read_registration(AgentConfig& out) {
    Settings const registration = settings("registration");
    out.servers = registration.get_all("server", parse_address);
    auto const lines = registration.entries("server");
    if (lines.size() > 2) wrong(lines[2]->line, "server: a registration pair has two servers, this is a third");
    no_repeats(document_, registration, "server", parse_address, errors_);
    out.ca_file = registration.get("ca_file", parse_path);
    out.account = registration.get("account", parse_label);
    out.token = read_token(registration);
  }

  SecretSource read_token(const Settings& registration) {
    SecretSource out;
    auto const take = [&](SecretSource::Kind kind, std::string_view key, auto parse) {
      if (!registration.has(key)) return;
      if (out.kind != SecretSource::Kind::none) {
        wrong(registration.line(key),
              std::string{key} + ": only one of token, token_file and token_command may be given");
      }
      out = {kind, registration.get(key, parse)};
    };
    take(SecretSource::Kind::literal, "token", parse_secret);
    take(SecretSource::Kind::file, "token_file", parse_path);
    take(SecretSource::Kind::command, "token_command", parse_command);
    return out;
  }

  void read_connection(AgentConfig& out) const {
    Settings const connection = settings("connection");
    if (connection.has("source_ports")) out.source_ports = connection.get("source_ports", parse_port_range);
    out.connect_timeout = connection.get("connect_timeout", parse_duration);
    out.progress_timeout = connection.get("progress_timeout", parse_duration);
  }

  JobConfig read_job(const IniSection& section) {
    Settings const job{*AgentConfig::schema().find("job"), &section};
    JobConfig out;
    out.name = section.id.name;
    out.line = section.line;
    out.enabled = job.get("enabled", parse_boolean);
    out.paths = job.get_all("path", parse_path);
    no_repeats(document_, job, "path", parse_path, errors_);
    for (const IniEntry* entry : job.entries("exclude"))
      out.exclude.push_back({entry->value, document_.file(), entry->line});
    out.exclude_file = job.get("exclude_file", parse_path);
    out.one_file_system = job.get("one_file_system", parse_boolean);
    out.exclude_caches = job.get("exclude_caches", parse_boolean);
    out.schedules = job.get_all("schedule", Schedule::parse);
    out.compression = job.choice<Compression>("compression");
    out.tags = job.get_all("tag", parse_label);
    return out;
  }

  void wrong(int line, std::string text) { errors_.push_back({document_.file(), line, std::move(text)}); }

  const IniDocument& document_;
  std::vector<ConfigError>& errors_;
};

}  // namespace

// 1. the grammar  2. the schema  3. what takes more than one key; each goes on after the mistakes of the one before
Parsed<AgentConfig> AgentConfig::parse(std::string_view text, std::string file) {
  Parsed<AgentConfig> out;
  IniDocument const document = IniDocument::read(text, std::move(file), out.errors);
  check(schema(), document, out.errors);
  AgentConfig config = AgentReader{document, out.errors}.read();
  sort_by_line(out.errors);
  if (out.errors.empty()) out.value = std::move(config);
  return out;
}

}  // namespace farkeep
