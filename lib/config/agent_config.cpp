#include "config/agent_config.hpp"

#include <algorithm>
#include <map>

#include "config/settings.hpp"
#include "config/written_settings.hpp"

namespace farkeep {
namespace {

/// From all files, which check() has seen, to the struct, with the checks that take more than one key.
class AgentReader {
 public:
  AgentReader(const MergedIni& files, std::vector<ConfigError>& errors) : files_(files), errors_(errors) {}

  AgentConfig read() {
    AgentConfig out;
    read_agent(out);
    read_limits(out);
    out.notify = read_notify(settings("notify"));
    out.notify.all = settings("notify").choice<int>("when") == 1;
    read_registration(out);
    out.settings = settings_digest(files_.sections);
    read_deployment(out);
    read_connection(out.connection);
    read_families(out);
    for (const IniSection& section : files_.sections) {
      if (section.id.kind == "job") out.jobs.push_back(read_job(section));
    }
    return out;
  }

 private:
  Settings settings(std::string_view kind) const {
    return {*AgentConfig::schema().find(kind), files_.find({std::string{kind}, {}})};
  }

  void read_agent(AgentConfig& out) const {
    Settings const agent = settings("agent");
    auto const threads = [](std::string_view text) { return parse_number(text, 0, 256); };
    out.state = agent.get("state", parse_path);
    out.name = agent.get("name", parse_label);
    out.upload_threads = static_cast<unsigned>(agent.get("upload_threads", threads));
    out.log_level = agent.choice<LogLevel>("log_level");
    out.log_format = agent.choice<LogFormat>("log_format");
    out.metrics_file = agent.get("metrics_file", parse_path);
  }

  void read_limits(AgentConfig& out) const {
    Settings const limits = settings("limits");
    out.upload = limits.get_all("upload", RateRule::parse);
    out.download = limits.get_all("download", RateRule::parse);
    if (limits.has("memory")) out.memory = limits.get("memory", parse_size);
    auto const niceness = [](std::string_view text) { return parse_number(text, 0, 19); };
    if (limits.has("nice")) out.niceness = static_cast<int>(limits.get("nice", niceness));
    if (limits.has("ionice")) out.io_priority = limits.choice<IoPriority>("ionice");
  }

  void read_registration(AgentConfig& out) {
    Settings const registration = settings("registration");
    out.servers = registration.get_all("server", parse_address);
    auto const lines = registration.entries("server");
    if (lines.size() > 2) wrong(lines[2]->place(), "server: a registration pair has two servers, this is a third");
    no_repeats(registration, "server", parse_address, errors_);
    out.ca_file = registration.get("ca_file", parse_path);
    out.token = read_secret(registration, "token");
  }

  void read_deployment(AgentConfig& out) const {
    out.escrow_key_file = settings("escrow").get("public_key_file", parse_path);
    Settings const deployment = settings("deployment");
    if (!deployment.has("bundle")) return;
    out.deployment = {deployment.get("bundle", parse_label), deployment.get("digest", parse_label), out.settings};
  }

  // Of the three ways to give a secret at most one.
  SecretSource read_secret(const Settings& from, const std::string& key) {
    SecretSource out;
    auto const take = [&](SecretSource::Kind kind, const std::string& name, auto parse) {
      if (!from.has(name)) return;
      if (out.kind != SecretSource::Kind::none)
        wrong(from.place(name), name + ": only one of " + key + ", " + key + "_file and " + key + "_command may be given");
      out = {kind, from.get(name, parse)};
    };
    take(SecretSource::Kind::literal, key, parse_secret);
    take(SecretSource::Kind::file, key + "_file", parse_path);
    take(SecretSource::Kind::command, key + "_command", parse_command);
    return out;
  }

  // In whichever way it is given.
  static IniPlace secret_place(const Settings& from, const std::string& key) {
    for (const std::string& name : {key, key + "_file", key + "_command"}) {
      if (from.has(name)) return from.place(name);
    }
    return from.place(key);
  }

  void read_connection(ConnectionConfig& out) {
    Settings const connection = settings("connection");
    out.mode = connection.choice<ConnectionMode>("mode");
    if (connection.has("source_ports")) out.source_ports = connection.get("source_ports", parse_port_range);
    out.connect_timeout = connection.get("connect_timeout", parse_duration);
    out.progress_timeout = connection.get("progress_timeout", parse_duration);

    Settings const socks = settings("socks");
    read_proxy(socks, kSocksPort, out.socks);
    out.socks_version = socks.get("version", [](std::string_view text) -> Value<int> { return text == "4" ? 4 : 5; });
    read_proxy(settings("http"), kHttpProxyPort, out.http);
    read_mapped(out);

    IniPlace const place = connection.place("mode");
    if (out.proxy() != nullptr && out.proxy()->proxy.host.empty()) {
      std::string const mode = out.mode == ConnectionMode::socks ? "socks" : "http";
      wrong(place, "mode = " + mode + " needs a proxy: write [" + mode + "] and below it proxy = host:port");
    }
    if (out.mode == ConnectionMode::mapped && out.mapped.empty())
      wrong(place, "mode = mapped needs at least the registration servers' mappings: write [mapped] and below it destination = " + destination_example() + " via firewall:port");
  }

  void read_proxy(const Settings& from, std::uint16_t port, ProxyConfig& out) {
    if (from.has("proxy")) out.proxy = from.get("proxy", [port](std::string_view text) { return parse_host(text, port); });
    out.user = from.get("user", parse_login);
    out.password = read_secret(from, "password");
    out.reply_timeout = from.get("reply_timeout", parse_duration);
    if (out.user.empty() && out.password.kind != SecretSource::Kind::none) wrong(secret_place(from, "password"), "password: there is no user that it belongs to");
    bool const is_socks4 = port == kSocksPort && from.has("version") && from.choice<int>("version") == 1;
    if (is_socks4 && out.password.kind != SecretSource::Kind::none) wrong(from.place("version"), "version = 4: SOCKS 4 has no password; leave it out, or use 5");
    if (!is_socks4 && !out.user.empty() && out.password.kind == SecretSource::Kind::none)
      wrong(from.place("user"), "user: its password is missing (password, password_file or password_command)");
    if (out.password.kind == SecretSource::Kind::literal && out.password.text.size() > 255) wrong(secret_place(from, "password"), "password: a proxy takes at most 255 bytes");
  }

  void read_mapped(ConnectionConfig& out) {
    Settings const mapped = settings("mapped");
    std::map<ServerAddress, IniPlace> destinations;
    std::map<HostAddress, IniPlace> ports;
    for (const IniEntry* entry : mapped.entries("destination")) {
      auto row = parse_mapping(entry->value);
      if (!row) continue;
      auto const [first, is_new] = destinations.try_emplace(row->destination, entry->place());
      if (!is_new) wrong(entry->place(), "destination: " + row->destination.to_string() + " is mapped in " + first->second.seen_from(entry->place()) + " already");
      auto const [other, free] = ports.try_emplace(row->via, entry->place());
      if (!free) wrong(entry->place(), "destination: the firewall port " + row->via.to_string() + " is that of " + other->second.seen_from(entry->place()) + ": each destination needs a port of its own");
      out.mapped.push_back(std::move(*row));
    }
  }

  // SOCKS 4 knows no IPv6.
  void read_families(const AgentConfig& out) {
    if (out.connection.mode != ConnectionMode::socks || out.connection.socks_version != 4) return;
    Settings const registration = settings("registration");
    for (const IniEntry* entry : registration.entries("server")) {
      auto const address = parse_address(entry->value);
      if (address && address->is_v6()) wrong(entry->place(), "server: SOCKS 4 cannot reach IPv6 addresses such as " + address->to_string() + ": use [socks] version = 5");
    }
  }

  std::string destination_example() const {
    Settings const registration = settings("registration");
    auto const servers = registration.get_all("server", parse_address);
    return servers.empty() ? "IP" : servers.front().to_string();
  }

  JobConfig read_job(const IniSection& section) {
    Settings const job{*AgentConfig::schema().find("job"), &section};
    JobConfig out;
    out.name = section.id.name;
    out.line = section.line;
    out.enabled = job.get("enabled", parse_boolean);
    out.paths = job.get_all("path", parse_path);
    no_repeats(job, "path", parse_path, errors_);
    read_commands(job, out);
    if (out.paths.empty() && out.commands.empty() && !job.has("path") && !job.has("command"))
      wrong(section.place(), "the key path is missing in " + section.id.to_string() + ", or a command");
    for (const IniEntry* entry : job.entries("exclude"))
      out.exclude.emplace_back(entry->value, entry->file, entry->line);
    out.exclude_file = job.get("exclude_file", parse_path);
    out.one_file_system = job.get("one_file_system", parse_boolean);
    out.exclude_caches = job.get("exclude_caches", parse_boolean);
    if (job.has("exclude_larger_than")) out.exclude_larger_than = job.get("exclude_larger_than", parse_size);
    out.exclude_if_present = job.get_all("exclude_if_present", parse_file_name);
    out.ignore_file = job.get("ignore_file", parse_file_name);
    out.schedules = job.get_all("schedule", Schedule::parse);
    if (job.has("time_zone")) {
      for (const IniEntry* entry : job.entries("time_zone"))
        if (auto zone = NamedTimeZone::parse(entry->value)) out.time_zone = std::move(*zone);
    }
    out.jitter = job.get("jitter", parse_duration);
    out.catch_up = job.get("catch_up", parse_boolean);
    out.windows = job.get_all("window", WeeklySpan::parse);
    out.retry_for = job.get("retry_for", parse_duration);
    out.ping = job.get("ping", parse_url);
    out.overdue_after = job.get("overdue_after", parse_duration_or_never);
    out.hooks.before = job.get_all("before", parse_command);
    out.hooks.after = job.get_all("after", parse_command);
    out.hooks.after_failure = job.get_all("after_failure", parse_command);
    out.hooks.finally = job.get_all("finally", parse_command);
    out.hooks.timeout = job.get("hook_timeout", parse_duration);
    out.compression = job.choice<Compression>("compression");
    out.tags = job.get_all("tag", parse_label);
    return out;
  }

  // Each output needs a name of its own.
  void read_commands(const Settings& job, JobConfig& out) {
    std::map<std::string, IniPlace> names;
    for (const IniEntry* entry : job.entries("command")) {
      auto source = parse_command_source(entry->value);
      if (!source) continue;
      if (source->name.empty()) source->name = out.name;
      auto const [first, is_new] = names.try_emplace(source->name, entry->place());
      if (!is_new) wrong(entry->place(), "command: its output would be named " + source->name + " as that of " + first->second.seen_from(entry->place()) + ": write a name before it, as in main.sql: pg_dump main");
      out.commands.push_back(std::move(*source));
    }
  }

  void wrong(const IniPlace& place, std::string text) { errors_.push_back({place.file ? *place.file : files_.main, place.line, std::move(text)}); }

  const MergedIni& files_;
  std::vector<ConfigError>& errors_;
};

}  // namespace

Parsed<AgentConfig> AgentConfig::parse(std::string_view text, std::string file) {
  OneConfigFile only{file, std::string{text}};
  return parse(read_merged(schema(), only, file));
}

// What takes more than one key is looked at after the mistakes of grammar and schema, too.
Parsed<AgentConfig> AgentConfig::parse(MergedIni files) {
  Parsed<AgentConfig> out;
  out.errors = std::move(files.errors);
  AgentConfig config = AgentReader{files, out.errors}.read();
  sort_by_place(out.errors, files.files);
  if (out.errors.empty()) out.value = std::move(config);
  return out;
}

}  // namespace farkeep
