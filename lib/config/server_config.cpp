#include "config/server_config.hpp"

#include "config/include_keys.hpp"
#include "config/log_keys.hpp"
#include "config/notify_keys.hpp"
#include "config/settings.hpp"

namespace farkeep {
namespace {

using enum SettingType;

constexpr std::uint64_t kMostConnections = 100000;

constexpr KeySpec kServer[] = {
    {.key = "data",
     .type = path,
     .fallback = "/var/lib/farkeep-server",
     .help = "The folder for everything that this server stores; no other server may use it."},
    {.key = "listen",
     .type = SettingType::listen,
     .fallback = "0.0.0.0",
     .help = "An address to listen on, as ip or ip:port (port 16384 unless written).",
     .repeatable = true},
    {.key = "name",
     .type = label,
     .example = "dc1.example.org",
     .help = "The name of this data centre in messages and listings; without it, the machine's host name."},
    {.key = "max_connections",
     .type = number,
     .fallback = "4096",
     .help = "Connections served at once; further ones are asked to come back later.",
     .least = 1,
     .most = kMostConnections},
    kLogLevelKey,
    kLogFormatKey,
    {.key = "metrics_listen",
     .type = SettingType::listen,
     .example = "127.0.0.1:9464",
     .help = "Where Prometheus may read /metrics, in the clear: an address of this machine or of a network that you trust; without it, nowhere."},
};

constexpr KeySpec kPartner[] = {
    {.key = "address",
     .type = server,
     .example = "192.0.2.20",
     .help = "The other server of the pair, as ip or ip:port; without it, nothing is mirrored."},
    {.key = "mirror_interval",
     .type = duration,
     .fallback = "1m",
     .help = "How often to look for snapshots that the partner lacks; new ones are sent at once.",
     .least = 1,
     .most = 86400},
    {.key = "mirror_backoff",
     .type = duration,
     .fallback = "15m",
     .help = "The longest wait between two attempts while the partner cannot be reached. When it connects itself, it is tried at once.",
     .least = 1,
     .most = 86400},
};

constexpr KeySpec kServerLimits[] = {
    {.key = "agent_quota",
     .type = size,
     .example = "500GiB",
     .help = "The most that is stored for one agent; without it, there is no limit.",
     .least = 1 << 20},
};

constexpr KeySpec kServerNotify[] = {
    kNotifyWebhookKey,
    notify_proxy_key("The HTTP proxy for webhooks; without it they are called directly."),
    kNotifyMailKey,
    kNotifySendmailKey,
    notify_command_key("A command with the notice in FARKEEP_EVENT (overdue, recovered, unusable, disk, failed), FARKEEP_AGENTS, FARKEEP_JOB (empty when there are several) and FARKEEP_TEXT."),
};

constexpr KeySpec kStorage[] = {
    {.key = "segment_size",
     .type = size,
     .fallback = "16MiB",
     .help = "The size at which a file of records is closed, made durable and acknowledged.",
     .least = 8 << 20,
     .most = 1 << 30},
};

constexpr SectionSpec kServerSections[] = {
    kIncludeSection,
    {"server", "", "This data centre.", kServer},
    {"partner", "", "The other data centre of the pair, an equal mirror.", kPartner},
    {"limits", "", "What agents may use.", kServerLimits},
    {"notify", "",
     "Who hears of agents' jobs that are overdue, once, and that they are well again; the same on both servers of a pair: the primary tells, or the other one while the primary is away.",
     kServerNotify},
    {"storage", "", "How the data folder is filled.", kStorage},
};

constexpr Schema kServerSchema{
    "Farkeep server: every key, commented at its default, or at an example where it has none.\n"
    "Sizes are written with KiB, MiB, GiB, TiB or KB, MB, GB, TB; durations with s, m, h, d or w.\n"
    "A comment begins with # or ; at the start of a line or behind a blank; a value that holds one stands in double "
    "quotes.\n"
    "A running server takes a changed file over when it is reloaded (systemctl reload farkeep-server), and names what only a restart changes.",
    kServerSections};

ServerConfig read(const MergedIni& files, std::vector<ConfigError>& errors) {
  auto const settings = [&](std::string_view kind) {
    return Settings{*kServerSchema.find(kind), files.find({std::string{kind}, {}})};
  };
  Settings const server = settings("server"), partner = settings("partner");
  Settings const limits = settings("limits"), storage = settings("storage");
  auto const connections = [](std::string_view text) { return parse_number(text, 1, kMostConnections); };

  ServerConfig out;
  out.data = server.get("data", parse_path);
  out.listen = server.get_all("listen", parse_address);
  no_repeats(server, "listen", parse_address, errors);
  out.name = server.get("name", parse_label);
  out.max_connections = static_cast<unsigned>(server.get("max_connections", connections));
  out.log_level = server.choice<LogLevel>("log_level");
  out.log_format = server.choice<LogFormat>("log_format");

  if (server.has("metrics_listen")) out.metrics_listen = server.get("metrics_listen", parse_address);
  if (partner.has("address")) out.partner = partner.get("address", parse_address);
  out.mirror_interval = partner.get("mirror_interval", parse_duration);
  out.mirror_backoff = partner.get("mirror_backoff", parse_duration);
  if (out.mirror_backoff < out.mirror_interval) {
    // Whichever of the two was written is the one to change.
    std::string_view const key = partner.has("mirror_backoff") ? "mirror_backoff" : "mirror_interval";
    IniPlace const place = partner.place(key);
    errors.push_back({place.file ? *place.file : files.main, place.line, std::string{key} + ": mirror_backoff is shorter than mirror_interval"});
  }

  if (limits.has("agent_quota")) out.agent_quota = limits.get("agent_quota", parse_size);
  out.notify = read_notify(settings("notify"));
  out.segment_size = storage.get("segment_size", parse_size);
  return out;
}

}  // namespace

const Schema& ServerConfig::schema() { return kServerSchema; }

Parsed<ServerConfig> ServerConfig::parse(std::string_view text, std::string file) {
  OneConfigFile only{file, std::string{text}};
  return parse(read_merged(schema(), only, file));
}

// What takes more than one key is looked at after the mistakes of grammar and schema, too.
Parsed<ServerConfig> ServerConfig::parse(MergedIni files) {
  Parsed<ServerConfig> out;
  out.errors = std::move(files.errors);
  ServerConfig config = read(files, out.errors);
  sort_by_place(out.errors, files.files);
  if (out.errors.empty()) out.value = std::move(config);
  return out;
}

}  // namespace farkeep
